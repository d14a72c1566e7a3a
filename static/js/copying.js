/** Copies answers and code. Browsers allow it on safe origins only; elsewhere the buttons stay hidden. */
import { blank } from "./turns.js";

const SHOWN_MS = 1500;

/** Gives the code of an answer its buttons, and shows the answer's own. */
export function offerCopies(turn) {
  if (!navigator.clipboard) return;
  for (const button of turn.querySelectorAll("[data-copy-answer]")) button.hidden = false;
  for (const code of turn.querySelectorAll(".prose > pre")) {
    if (code.previousElementSibling?.matches(".code-head")) continue;
    const head = document.createElement("div");
    head.className = "code-head";
    head.append(blank("blank-copy"));
    code.before(head);
  }
}

export function listenForCopies(list, words) {
  list.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy-answer], [data-copy-code]");
    if (!button) return;
    if (button.matches("[data-copy-code]")) {
      await navigator.clipboard.writeText(button.parentElement.nextElementSibling.textContent.replace(/\n$/u, ""));
    } else {
      await copyAnswer(button.closest(".answer").querySelector("[data-body]"));
    }
    tell(button, words);
  });
}

/** Formatted where it is pasted into a document, plain where into a text. */
async function copyAnswer(body) {
  const copied = body.cloneNode(true);
  for (const head of copied.querySelectorAll(".code-head")) head.remove();
  const plain = plainText(body);
  if (!window.ClipboardItem) {
    await navigator.clipboard.writeText(plain);
    return;
  }
  await navigator.clipboard.write([
    new ClipboardItem({
      "text/html": new Blob([copied.innerHTML], { type: "text/html" }),
      "text/plain": new Blob([plain], { type: "text/plain" }),
    }),
  ]);
}

function plainText(body) {
  const heads = [...body.querySelectorAll(".code-head")];
  for (const head of heads) head.hidden = true; // innerText leaves out what is not shown
  const plain = body.innerText.trim();
  for (const head of heads) head.hidden = false;
  return plain;
}

function tell(button, { copy, copied }) {
  const label = [...button.childNodes].findLast((node) => node.nodeType === Node.TEXT_NODE);
  label.data = copied;
  setTimeout(() => { label.data = copy; }, SHOWN_MS);
}
