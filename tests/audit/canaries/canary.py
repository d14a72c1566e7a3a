"""The secrets themselves: what each is worth, and which parts of it are looked for."""

import secrets
import string

LETTERS = string.ascii_letters + string.digits


class Canaries:
    """`values[name]` are the parts that are searched for, of every value that had this name in the story."""

    def __init__(self) -> None:
        self.values: dict[str, list[str]] = {}

    def keep(self, name: str, value: str, *parts: str) -> str:
        """A secret that the portal made, or a whole that has a form of its own; `parts` where less of it tells all."""
        kept = self.values.setdefault(name, [])
        kept += [part for part in (parts or (value,)) if part not in kept]
        return value

    def new(self, name: str, form: str = "{}") -> str:
        """A secret that somebody makes up: `form` says what stands around the part that is looked for."""
        core = "".join(secrets.choice(LETTERS) for _ in range(20))
        return self.keep(name, form.format(core), *dict.fromkeys((core, form.format(core))))

    def password(self, name: str) -> str:
        """With letters, quotes and signs that are written otherwise in HTML, JSON and addresses."""
        return self.new(name, 'Gä"{}&<9%')
