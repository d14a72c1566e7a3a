"""What a guard kind is: options, and a search over one normalised text. It knows no database and no project."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from guards.normalise import View
from guards.verdicts import Finding


class InvalidOptions(ValueError):
    """Options that a kind does not accept; `field` names the one at fault."""

    def __init__(self, field: str, words: str) -> None:
        self.field = field
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class Hold:
    """How far back from the end a finding can reach that is not complete yet: so many characters and whole words."""

    characters: int
    words: int = 1


class Compiled(Protocol):
    """A kind with its options, ready to search from many threads."""

    @property
    def hold(self) -> Hold | None:
        """What a stream must hold back; None: only the whole text tells."""

    def find(self, view: View) -> Iterator[Finding]:
        """Findings with offsets into the original text."""


class Kind(Protocol):
    """One file in this folder. `defaults` are its options; `compile` raises `InvalidOptions`."""

    name: str
    label: Any
    defaults: Mapping[str, Any]

    def compile(self, options: Mapping[str, Any]) -> Compiled: ...


def known_only(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The options over the defaults; raises `InvalidOptions` for a name that the kind does not have."""
    for name in options:
        if name not in defaults:
            raise InvalidOptions(name, f"There is no option {name}.")
    return {**defaults, **options}


def positive(options: Mapping[str, Any], name: str) -> int:
    value = options[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidOptions(name, f"{name} is a whole number, zero or more.")
    return value
