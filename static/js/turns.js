/** What is said, as nodes: built from the page's own blanks, so that all words come from the server. */

const SENTENCE_ENDS = [". ", "! ", "? ", "… ", ": ", "\n"];

export function blank(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

export function question(text) {
  const turn = blank("blank-question");
  turn.querySelector("[data-text]").textContent = text;
  return turn;
}

/** A running answer: text is appended as it comes, the final HTML takes its place at the end. */
export class Answer {
  constructor() {
    this.turn = blank("blank-answer");
    this.body = this.turn.querySelector("[data-body]");
    this.notes = this.turn.querySelector("[data-notes]");
    this.text = null;
    this.turn.classList.add("running");
    this.turn.setAttribute("aria-busy", "true");
  }

  append(text) {
    if (this.text === null) {
      const paragraph = document.createElement("p");
      paragraph.className = "streaming";
      this.text = document.createTextNode("");
      paragraph.append(this.text);
      this.body.replaceChildren(paragraph);
    }
    this.text.appendData(text);
  }

  guard(spoken) {
    const note = blank(`guard-${spoken.action}-${spoken.stage}`);
    note.querySelector("[data-guards]").textContent = spoken.guards.join(", ");
    const kinds = new Set(spoken.findings.map((finding) => `${finding.kind}: ${finding.category}`));
    if (kinds.size) {
      const found = note.querySelector("[data-found]");
      found.textContent = [...kinds].join(", ");
      found.hidden = note.querySelector("[data-found-label]").hidden = false;
    }
    this.notes.append(note);
    return note.querySelector("p").textContent;
  }

  /** `html` was made safe by the server: an allow-list without scripts, styles and images. */
  done(html, meta) {
    const parsed = new DOMParser().parseFromString(html, "text/html");
    this.body.replaceChildren(...document.adoptNode(parsed.body).childNodes);
    this.turn.querySelector("[data-meta]").textContent = meta;
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
    this.body.querySelector(".waiting")?.remove();
    this.turn.classList.replace("running", "ran");
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
    const end = Math.max(...SENTENCE_ENDS.map((mark) => this.pending.lastIndexOf(mark)));
    if (end < 0) return;
    this.say(this.pending.slice(0, end + 1));
    this.pending = this.pending.slice(end + 1);
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
