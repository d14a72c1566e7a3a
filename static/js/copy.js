/** Buttons that copy what they name: `data-copy` holds the words, `data-copy-from` the id of the element or field with them. */
const SHOWN_MS = 1500;

for (const button of document.querySelectorAll("[data-copy], [data-copy-from]")) {
  if (!navigator.clipboard) break; // browsers allow it on safe origins only
  const words = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const { copy, copyFrom } = button.dataset;
    const source = document.getElementById(copyFrom);
    await navigator.clipboard.writeText(copy ?? source.value ?? source.textContent);
    button.textContent = "✓";
    setTimeout(() => { button.textContent = words; }, SHOWN_MS);
  });
}
