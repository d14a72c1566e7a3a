/** The console's small comforts: times in the reader's zone, copying, and where mistakes are. It works without them. */
import "./copy.js";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

for (const time of document.querySelectorAll("time[datetime]")) {
  time.title = exact.format(new Date(time.dateTime));
}

document.querySelector(".mistakes")?.focus();

/* Django's field that searches as one types does not say its label: it is told here, also in rows added later. */
function nameSearchingFields() {
  for (const box of document.querySelectorAll(".select2-selection[role=combobox]:not([data-named])")) {
    const select = box.closest(".select2-container")?.previousElementSibling;
    const label = select && document.querySelector(`label[for="${select.id}"]`);
    if (!label) continue;
    label.id ||= `${select.id}_label`;
    box.dataset.named = "";
    box.setAttribute("aria-labelledby", `${label.id} ${box.getAttribute("aria-labelledby") ?? ""}`.trim());
    box.querySelector("[role=textbox]")?.setAttribute("aria-labelledby", label.id);
  }
}

if (document.querySelector(".admin-autocomplete")) {
  new MutationObserver(nameSearchingFields).observe(document.body, { childList: true, subtree: true });
  nameSearchingFields();
}
