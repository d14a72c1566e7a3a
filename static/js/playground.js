/** The playground's streaming. Without this file the page works too: the form posts, the answer is the next page. */
import { listenForCopies, offerCopies } from "./copying.js";
import { ask as send, Broken } from "./asking.js";
import { Aloud, Answer, bringUp, editor, question } from "./turns.js";

const form = document.querySelector("[data-composer]");
const turns = document.querySelector("[data-turns]");
const threads = document.querySelector("[data-threads]");

const touched = matchMedia("(pointer: coarse)"); // no Shift there: Enter begins a new line, the button sends
const narrow = matchMedia("(max-width: 800px)");
const fold = () => { threads.open = !narrow.matches; };
narrow.addEventListener("change", fold);
fold();

if (form) start();
else if (turns.lastElementChild) bringUp(turns.lastElementChild);

function start() {
  const field = form.elements.message;
  const button = form.querySelector("[data-send]");
  const stop = form.querySelector("[data-stop]");
  const latest = form.querySelector("[data-latest]");
  const aloud = new Aloud(document.querySelector("[data-aloud]"));
  const kept = form.elements.history ? JSON.parse(form.elements.history.value) : null; // of a temporary chat
  const words = { copy: form.dataset.copy, copied: form.dataset.copied };
  let running = null;

  form.querySelector("[data-hint]").hidden = touched.matches;
  for (const turn of turns.querySelectorAll(".answer")) offerCopies(turn);
  listenForCopies(turns, words);
  if (!document.getElementById("edit")) {
    const asked = turns.querySelector(".question:nth-last-child(2)");
    if (asked) bringUp(asked);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value;
    if (running || !text.trim()) return;
    field.value = "";
    ask(text);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || touched.matches) return;
    event.preventDefault();
    form.requestSubmit();
  });
  stop.addEventListener("click", () => running?.abort());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) running?.abort();
  });
  latest.addEventListener("click", () => {
    turns.lastElementChild.querySelector("[data-meta]").scrollIntoView({ block: "center" });
  });
  turns.addEventListener("click", (event) => {
    const deed = event.target.closest("[data-edit], [data-again]");
    if (!deed) return;
    event.preventDefault();
    if (running) return;
    const turn = deed.closest(".turn");
    const asked = turn.matches(".question") ? turn : turn.previousElementSibling;
    const said = asked.querySelector(".said");
    const text = said.querySelector("em") ? "" : said.textContent; // withheld: its words are nowhere
    if (deed.matches("[data-again]")) ask(text, asked);
    else edit(asked, text);
  });

  function edit(asked, text) {
    editor(asked, text, { ask: (edited) => ask(edited, asked), cancel: () => field.focus() });
  }

  /** The page never moves by itself while one reads; a button says when there is more below. */
  const offer = () => {
    const body = turns.lastElementChild?.querySelector("[data-body]");
    const edge = form.getBoundingClientRect().top;
    latest.hidden = !body || body.getBoundingClientRect().bottom <= edge + 8;
  };
  addEventListener("scroll", offer, { passive: true });

  /** Asks; with `replaced`, a question already asked, anew from there. What it replaces comes back if it is refused. */
  async function ask(text, replaced = null) {
    const answer = new Answer(offer);
    const asked = question(text.trim());
    const given = removedFrom(replaced);
    running = new AbortController();
    document.querySelector("[data-welcome]")?.remove();
    for (const turn of turns.querySelectorAll(".fresh")) turn.removeAttribute("style");
    turns.append(asked, answer.turn);
    busy(true);
    answer.makeRoom(innerHeight - asked.offsetHeight - form.offsetHeight);
    bringUp(asked);
    try {
      const done = await send({
        body: bodyOf(text, replaced),
        url: form.action,
        words: form.dataset,
        signal: running.signal,
        began: (exchange, conversation) => {
          asked.dataset.exchange = answer.turn.dataset.exchange = exchange;
          adopt(conversation);
        },
        heard: (event) => hear(event, answer),
      });
      answer.done(done.html, done.figures);
      finish(asked, answer, done.guard);
      remember(replaced, asked, text, done);
      aloud.finish();
      aloud.say(form.dataset.finished);
    } catch (error) {
      if (error.name === "AbortError") {
        answer.stopped();
        finish(asked, answer, null);
        remember(replaced, asked, text, { answer: answer.written + answer.pending });
      } else {
        answer.failed(error instanceof Broken ? error : { message: form.dataset.lost });
        // Nothing of it was kept: what it would have replaced is back, and it is ready to be sent once more.
        if (given.length) asked.before(...given);
        if (!replaced) field.value ||= text;
        else if (text !== replaced.querySelector(".said").textContent) edit(replaced, text);
      }
    } finally {
      aloud.finish();
      answer.end();
      offerCopies(answer.turn);
      running = null;
      busy(false);
      offer();
    }
  }

  function hear({ name, data }, answer) {
    if (name === "delta") {
      answer.append(data.text);
      aloud.add(data.text);
    } else if (name === "guard") {
      aloud.say(answer.guard(data));
    }
  }

  /** Shows what can be done with both. A question that a guard withheld can be written anew, not asked anew as it is. */
  function finish(asked, answer, guard) {
    const reachable = kept !== null || asked.dataset.exchange;
    asked.querySelector("[data-acts]").classList.toggle("pending", !reachable);
    answer.turn.querySelector("[data-acts]").classList.remove("pending");
    answer.turn.querySelector("[data-again]").hidden =
      !reachable || (guard?.action === "block" && guard.stage === "input");
  }

  function removedFrom(replaced) {
    const given = [];
    for (let turn = replaced; turn; turn = turn.nextElementSibling) given.push(turn);
    for (const turn of given) turn.remove();
    return given;
  }

  function bodyOf(text, replaced) {
    const body = new URLSearchParams(new FormData(form));
    body.set("message", text);
    if (kept !== null) {
      const before = kept.slice(0, placeOf(replaced));
      body.set("history", JSON.stringify(before.slice(-40).map(({ role, content }) => ({ role, content }))));
    } else if (replaced) {
      body.set("replaces", replaced.dataset.exchange);
    }
    return body;
  }

  function placeOf(replaced) {
    const place = replaced ? kept.findIndex((said) => said.exchange === replaced.dataset.exchange) : -1;
    return place < 0 ? kept.length : place;
  }

  /** A temporary chat lives in this page; what a guard blocked is no part of it. */
  function remember(replaced, asked, text, done) {
    if (kept === null) return;
    kept.splice(placeOf(replaced));
    if (done.guard?.action === "block" || !done.answer) return;
    const { exchange } = asked.dataset;
    kept.push({ exchange, role: "user", content: text }, { exchange, role: "assistant", content: done.answer });
  }

  function adopt(uid) {
    if (!uid || form.elements.conversation.value === uid) return;
    form.elements.conversation.value = uid;
    history.replaceState(null, "", `${form.dataset.page}${uid}/`);
    list().catch(() => {});
  }

  /** The conversation's place in the list, with its title and its menu, as the server draws them. */
  async function list() {
    const response = await fetch(location.href);
    if (!response.ok) return; // stopped before it was written down: the next page shows it
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of ["[data-thread-list]", "[data-tools]"]) {
      document.querySelector(part).replaceWith(document.adoptNode(page.querySelector(part)));
    }
  }

  function busy(yes) {
    button.hidden = yes;
    stop.hidden = !yes;
    if (!yes && !narrow.matches) field.focus({ preventScroll: true });
  }
}
