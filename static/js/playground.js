/** The playground's streaming. Without this file the page works too: the form posts, the answer is the next page. */
import { events } from "./sse.js";
import { Aloud, Answer, question } from "./turns.js";

const RETRIES = 5; // a stopped answer is written down within seconds; until then its conversation is not there yet
const PAUSE_MS = 600;

const form = document.querySelector("[data-composer]");
const turns = document.querySelector("[data-turns]");
const threads = document.querySelector("[data-threads]");

const touched = matchMedia("(pointer: coarse)"); // no Shift there: Enter begins a new line, the button sends
const narrow = matchMedia("(max-width: 800px)");
const fold = () => { threads.open = !narrow.matches; };
narrow.addEventListener("change", fold);
fold();

class Broken extends Error {
  constructor(message, requestId = "", retry = "", code = "") {
    super(message);
    Object.assign(this, { requestId, retry, code });
  }
}

if (form) start();
else turns.lastElementChild?.scrollIntoView({ block: "start" });

function start() {
  const field = form.elements.message;
  const send = form.querySelector("[data-send]");
  const stop = form.querySelector("[data-stop]");
  const latest = form.querySelector("[data-latest]");
  const aloud = new Aloud(document.querySelector("[data-aloud]"));
  let running = null;
  let unsettled = false;

  form.querySelector("[data-hint]").hidden = touched.matches;
  turns.querySelector(".question:nth-last-child(2)")?.scrollIntoView({ block: "start" });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!running && field.value.trim()) ask();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || touched.matches) return;
    event.preventDefault();
    form.requestSubmit();
  });
  stop.addEventListener("click", () => running?.abort());
  latest.addEventListener("click", () => {
    turns.lastElementChild.querySelector("[data-meta]").scrollIntoView({ block: "center" });
  });

  /** The page never moves by itself while one reads; a button says when there is more below. */
  const offer = () => {
    const body = turns.lastElementChild?.querySelector("[data-body]");
    const edge = form.getBoundingClientRect().top;
    latest.hidden = !body || body.getBoundingClientRect().bottom <= edge + 8;
  };
  addEventListener("scroll", offer, { passive: true });

  async function ask() {
    const body = new URLSearchParams(new FormData(form));
    const began = performance.now();
    const answer = new Answer();
    running = new AbortController();
    document.querySelector("[data-welcome]")?.remove();
    for (const turn of turns.querySelectorAll(".ran")) turn.classList.remove("ran");
    const text = field.value.trim();
    const asked = question(text);
    turns.append(asked, answer.turn);
    asked.scrollIntoView({ block: "start" });
    field.value = "";
    busy(true);
    try {
      const response = await post(body, running.signal);
      const uid = response.headers.get("X-Conversation") ?? "";
      const done = await follow(response, answer, began, uid);
      adopt(done.conversation);
    } catch (error) {
      if (error.name === "AbortError") {
        answer.stopped();
      } else {
        answer.failed(error instanceof Broken ? said(error) : { message: form.dataset.lost });
        field.value ||= text; // nothing of it was kept: ready to be sent once more
      }
    } finally {
      aloud.finish();
      answer.end();
      running = null;
      busy(false);
      offer();
    }
  }

  async function post(body, signal) {
    for (let tried = 0; ; tried += 1) {
      const response = await fetch(form.action, {
        method: "POST",
        body,
        signal,
        headers: { Accept: "text/event-stream" },
      });
      const type = response.headers.get("Content-Type") ?? "";
      if (response.ok && type.startsWith("text/event-stream")) return response;
      const broken = await refused(response, type);
      if (!(unsettled && broken.code === "not_found" && tried < RETRIES)) throw broken;
      await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
      signal.throwIfAborted();
    }
  }

  /** Shows the events as they come; returns what `done` said. A stop in between keeps the conversation's name. */
  async function follow(response, answer, began, uid) {
    unsettled = false;
    try {
      for await (const { name, data } of events(response.body)) {
        if (name === "delta") {
          answer.append(data.text);
          aloud.add(data.text);
          offer();
        } else if (name === "guard") {
          aloud.say(answer.guard(data));
        } else if (name === "error") {
          throw new Broken(data.error.message, data.error.request_id);
        } else if (name === "done") {
          answer.done(data.html, figures(data.usage, performance.now() - began));
          aloud.finish();
          aloud.say(form.dataset.finished);
          return data;
        }
      }
    } catch (error) {
      if (error.name === "AbortError" && uid) {
        unsettled = form.elements.conversation.value !== uid;
        adopt(uid);
      }
      throw error;
    }
    throw new Broken(form.dataset.lost, response.headers.get("X-Request-ID") ?? "");
  }

  function adopt(uid) {
    if (!uid || form.elements.conversation.value === uid) return;
    form.elements.conversation.value = uid;
    history.replaceState(null, "", `${form.dataset.page}${uid}/`);
    list(uid);
  }

  function list(uid) {
    const link = document.createElement("a");
    link.href = `${form.dataset.page}${uid}/`;
    link.setAttribute("aria-current", "page");
    link.textContent = turns.querySelector(".question .said").textContent.slice(0, 60);
    const item = document.createElement("li");
    item.append(link);
    const items = document.querySelector("[data-thread-list]");
    if (!items.querySelector("a")) items.replaceChildren();
    items.prepend(item);
  }

  async function refused(response, type) {
    const requestId = response.headers.get("X-Request-ID") ?? "";
    if (!type.includes("json")) return new Broken(form.dataset.unclear, requestId);
    const { error } = await response.json();
    const seconds = response.headers.get("Retry-After");
    const retry = seconds ? form.dataset.retry.replace("%s", seconds) : "";
    const words = [error.message, ...Object.values(error.fields ?? {}).flat()].join(" ");
    return new Broken(words, error.request_id, retry, error.code);
  }

  function said(error) {
    return { message: error.message, requestId: error.requestId, retry: error.retry };
  }

  function figures(usage, milliseconds) {
    const tokens = usage.prompt_tokens + usage.completion_tokens;
    const cost = usage.cost === null ? form.dataset.unknown : `${usage.cost} USD`;
    return `${tokens} ${form.dataset.tokens} · ${cost} · ${Math.round(milliseconds)} ms`;
  }

  function busy(yes) {
    send.hidden = yes;
    stop.hidden = !yes;
    if (!yes && !narrow.matches) field.focus({ preventScroll: true });
  }
}
