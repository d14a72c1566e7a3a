"""Where a person belongs, for their account page; the room that knows registers itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Belonging:
    """A team's name, the role in words, and the address of the page where one leaves; empty where one cannot."""

    team: str
    role: str
    leave: str = ""


_belongings: list[Callable[[Any], list[Belonging]]] = []


def register_belonging(function: Callable[[Any], list[Belonging]]) -> None:
    _belongings.append(function)


def belongings_of(user: Any) -> list[Belonging]:
    return [row for function in _belongings for row in function(user)]
