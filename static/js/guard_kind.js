// A new guard shows the options of the chosen kind only; without this file it shows those of every kind.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const kind = document.querySelector("select#id_kind");
  if (!kind) return;
  const show = () => {
    for (const set of document.querySelectorAll("fieldset.kind-options")) {
      set.hidden = !set.classList.contains(`kind-${kind.value}`);
    }
  };
  kind.addEventListener("change", show);
  show();
});
