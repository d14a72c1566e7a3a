"""Where a person belongs, for their account page; the room that knows registers itself."""

from collections.abc import Callable
from typing import Any

_belongings: list[Callable[[Any], list[tuple[str, str]]]] = []


def register_belonging(function: Callable[[Any], list[tuple[str, str]]]) -> None:
    """`function(user) -> [(team's name, role in words)]`."""
    _belongings.append(function)


def belongings_of(user: Any) -> list[tuple[str, str]]:
    return [row for function in _belongings for row in function(user)]
