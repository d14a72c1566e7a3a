/** Proposes a slug from a name while one types, until one writes the slug oneself. */
const SPELT = { ß: "ss", æ: "ae", ø: "o", œ: "oe", đ: "d", ł: "l", þ: "th" };

/** "Zürich & Łódź" → "zurich-lodz". What has no Latin letters gives an empty slug, to be written by hand. */
export function slugOf(text, length) {
  return text
    .toLowerCase()
    .replace(/[ßæøœđłþ]/gu, (letter) => SPELT[letter])
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/gu, "-")
    .slice(0, length)
    .replace(/^-+|-+$/gu, "");
}

for (const { id, dependency_ids: from, maxLength } of JSON.parse(document.getElementById("slugs").dataset.fields)) {
  const slug = document.querySelector(id);
  const names = from.map((name) => document.querySelector(name));
  let own = slug.value !== "";
  slug.addEventListener("input", () => { own = slug.value !== ""; });
  for (const name of names) {
    name.addEventListener("input", () => {
      if (!own) slug.value = slugOf(names.map(({ value }) => value).join(" "), maxLength || 50);
    });
  }
}
