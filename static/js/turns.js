/** What is said, as nodes: built from the page's own blanks, so that all words come from the server. */

const SENTENCE_END = /[.!?…:](?=\s)|\n/gu;

export function blank(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** Brings a turn to the top, and again while what was skipped above it is laid out and turns out larger or smaller. */
export function bringUp(turn, frames = 12) {
  turn.scrollIntoView({ block: "start" });
  const { top } = turn.getBoundingClientRect();
  if (frames > 0) {
    requestAnimationFrame(() => {
      if (Math.abs(turn.getBoundingClientRect().top - top) > 1) bringUp(turn, frames - 1);
      else if (frames > 1) bringUp(turn, Math.min(frames - 1, 2));
    });
  }
}

export function question(text) {
  const turn = blank("blank-question");
  turn.querySelector("[data-text]").textContent = text;
  return turn;
}

/** A field in place of a question; calls `ask(text)` or `cancel()`. */
export function editor(turn, text, { ask, cancel }) {
  const form = blank("blank-editor");
  const field = form.elements.message;
  const hidden = [...turn.children].slice(1);
  const close = () => { form.remove(); for (const part of hidden) part.hidden = false; };
  for (const part of hidden) part.hidden = true;
  field.value = text;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!field.value.trim()) return;
    close();
    ask(field.value);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); close(); cancel(); }
  });
  form.querySelector("[data-cancel]").addEventListener("click", () => { close(); cancel(); });
  turn.append(form);
  field.focus({ preventScroll: true });
  form.scrollIntoView({ block: "nearest" });
}

/** A running answer: text is appended once a frame, however fast it comes; the final HTML takes its place at the end. */
export class Answer {
  constructor(onPaint) {
    this.turn = blank("blank-answer");
    this.body = this.turn.querySelector("[data-body]");
    this.notes = this.turn.querySelector("[data-notes]");
    this.onPaint = onPaint;
    this.pending = "";
    this.written = "";
    this.frame = 0;
    this.turn.classList.add("running");
    this.turn.setAttribute("aria-busy", "true");
  }

  /** So much, less the page's head: its question stays at the top of the window while the answer grows into it. */
  makeRoom(pixels) {
    this.turn.style.minHeight = `calc(${Math.round(pixels)}px - var(--above))`;
  }

  append(text) {
    this.pending += text;
    this.frame ||= requestAnimationFrame(() => this.paint());
  }

  /** A paragraph of its own after each blank line: what is written already need not be laid out again. */
  paint() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.pending) return;
    if (!this.written) this.body.replaceChildren();
    const [rest, ...more] = this.pending.split(/(?<=\n\n)/u);
    if (!this.last || this.written.endsWith("\n\n")) this.begin();
    this.last.appendData(rest);
    for (const paragraph of more) this.begin().appendData(paragraph);
    this.written += this.pending;
    this.pending = "";
    this.onPaint();
  }

  begin() {
    const paragraph = document.createElement("p");
    paragraph.className = "streaming";
    this.last = document.createTextNode("");
    paragraph.append(this.last);
    this.body.append(paragraph);
    return this.last;
  }

  guard(spoken) {
    const note = blank(`guard-${spoken.action}-${spoken.stage}`);
    note.querySelector("[data-guards]").textContent = spoken.names;
    if (spoken.found) {
      const found = note.querySelector("[data-found]");
      found.textContent = spoken.found;
      found.hidden = note.querySelector("[data-found-label]").hidden = false;
    }
    this.notes.append(note);
    return note.querySelector("p").textContent;
  }

  /** `html` was made safe by the server: an allow-list without scripts, styles and images. */
  done(html, figures) {
    this.paint();
    const parsed = new DOMParser().parseFromString(html, "text/html");
    this.body.replaceChildren(...document.adoptNode(parsed.body).childNodes);
    this.turn.querySelector("[data-meta]").textContent = figures;
  }

  failed({ message, requestId, retry }) {
    const note = blank("blank-error");
    note.querySelector("[data-message]").textContent = message;
    if (retry) {
      note.querySelector("[data-retry]").textContent = retry;
      note.querySelector("[data-retry]").hidden = false;
    }
    if (requestId) {
      note.querySelector("[data-id]").textContent = requestId;
      note.querySelector("[data-request]").hidden = false;
    }
    this.notes.append(note);
  }

  stopped() {
    this.notes.append(blank("blank-stopped"));
  }

  end() {
    this.paint();
    this.body.querySelector(".waiting")?.remove();
    this.turn.classList.remove("running");
    this.turn.removeAttribute("aria-busy");
  }
}

/** Reads aloud by sentence: a screen reader hears whole sentences, not every piece. */
export class Aloud {
  constructor(region) {
    this.region = region;
    this.pending = "";
  }

  add(text) {
    this.pending += text;
    const ends = [...this.pending.matchAll(SENTENCE_END)];
    if (!ends.length) return;
    const end = ends.at(-1).index + 1;
    this.say(this.pending.slice(0, end));
    this.pending = this.pending.slice(end);
  }

  say(text) {
    if (!text.trim()) return;
    const line = document.createElement("p");
    line.textContent = text.trim();
    this.region.append(line);
    while (this.region.childElementCount > 20) this.region.firstElementChild.remove();
  }

  finish() {
    this.say(this.pending);
    this.pending = "";
  }
}
