"""How the tables are read: blocks of lines that a person can read aloud.

```
api/projects/{slug}/
    GET research: 200 insiders, platform; 404 else
    PATCH DELETE support: 404 else
```

A route, as `plain` writes it; then for each method, and for whose row is asked for where the address names one, the
status that each kind of person gets. A block of `admin/…` says who comes no further than the door of all that begins
so; `else` is everybody whom neither the line nor the door names. A smaller group counts before a greater one.
"""

import re
from collections import defaultdict
from collections.abc import Iterator

KINDS = (
    *("stranger", "inactive", "teamless", "restricted", "viewer", "member", "lead", "owner"),
    *(
        "custom",
        "foreign",
        "auditor",
        "admin",
        "looking",
        "key",
        "chat-key",
        "confined-key",
        "visitor",
    ),
)
GROUPS = {
    "everybody": KINDS,
    "unknown": ("stranger", "inactive", "visitor"),
    "keys": ("key", "chat-key", "confined-key"),
    "leads": ("lead", "owner"),
    "platform": ("auditor", "admin"),
    "members": ("member", "looking", "key"),
    "insiders": ("restricted", "viewer", "member", "looking", "key", "lead", "owner"),
}
Line = dict[str, int]  # status by kind
Doors = dict[str, dict[str, Line]]  # by how routes begin, then by method
Table = dict[str, dict[tuple[str, str], Line]]  # by route, then by method and whose row


def plain(route: str) -> str:
    """A route without the grammar of its arguments: `api/projects/{slug}/`."""
    route = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"{\1}", route)
    route = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
    return route.replace("\\.", ".").replace("\\Z", "").lstrip("^").rstrip("$") or "/"


def _kinds(words: str) -> list[str]:
    return [kind for word in words.replace(",", " ").split() for kind in GROUPS.get(word, (word,))]


def _statuses(text: str) -> tuple[Line, int | None]:
    """What is said of kinds by name, the smaller group before the greater one, and what of everybody else."""
    found: Line = {}
    rest = None
    clauses = [clause.split(maxsplit=1) for clause in text.split(";")]
    for status, words in clauses:
        if words == "else":
            rest = int(status)
    named = [
        (int(status), word) for status, words in clauses for word in words.replace(",", " ").split()
    ]
    for status, word in sorted(named, key=lambda pair: -len(GROUPS.get(pair[1], (0,)))):
        if word != "else":
            found |= dict.fromkeys(_kinds(word), status)
    unknown = set(found) - set(KINDS)
    assert not unknown, f"{text!r} names nobody: {unknown}"
    return found, rest


def at_the_door(route: str, method: str, doors: Doors) -> Line:
    """The line of the longest beginning that names this route, for this method."""
    begins = max((start for start in doors if route.startswith(start)), key=len, default="")
    return doors.get(begins, {}).get(method, {})


def blocks(text: str) -> Iterator[tuple[list[str], list[tuple[list[str], list[str], str]]]]:
    """(routes, (methods, whose, what is said)) of each block; routes that stand together share what follows."""
    routes: list[str] = []
    lines: list[tuple[list[str], list[str], str]] = []
    for raw in [*text.splitlines(), ""]:
        if raw.startswith("#"):
            continue
        if raw.startswith(" "):
            asked, _colon, said = raw.strip().partition(": ")
            words = asked.split()
            whose = [word for word in words if not word.isupper()] or [""]
            lines.append(([word for word in words if word.isupper()], whose, said))
            continue
        if lines:
            yield routes, lines
            routes, lines = [], []
        if raw:
            routes.append(raw.strip())
    assert not routes, f"nothing is said of {routes}"


def read(text: str) -> tuple[Table, Doors]:
    """The table that this text is; a line that leaves somebody out is refused."""
    table: Table = {}
    doors: Doors = {}
    for routes, lines in blocks(text):
        for route in routes:
            begins = route.removesuffix("…")
            if begins != route:
                doors[begins] = {
                    m: _statuses(said)[0] for methods, _w, said in lines for m in methods
                }
                continue
            assert route not in table, f"{route} stands twice"
            table[route] = {
                (method, one): _whole(said, at_the_door(route, method, doors), route)
                for methods, whose, said in lines
                for method in methods
                for one in whose
            }
    return table, doors


def _whole(said: str, door: Line, route: str) -> Line:
    named, rest = _statuses(said)
    line = {**door, **named}
    silent = [kind for kind in KINDS if kind not in line and rest is None]
    assert not silent, f"{route}: {said!r} does not say what {silent} get"
    return {kind: line.get(kind, rest or 0) for kind in KINDS}


def written(route: str, lines: dict[tuple[str, str], Line], doors: Doors) -> str:
    """The block that says this, for who adds a route: to be judged, not to be copied."""
    spoken: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for (method, whose), line in lines.items():
        spoken[_spoken(line, at_the_door(route, method, doors))].append((method, whose))
    rows = []
    for said, asked in spoken.items():
        by_whose: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for method in dict.fromkeys(method for method, _whose in asked):
            by_whose[tuple(whose for one, whose in asked if one == method)].append(method)
        rows += [
            f"    {' '.join((*methods, *whose)).strip()}: {said}"
            for whose, methods in by_whose.items()
        ]
    return "\n".join([route, *rows])


def _spoken(line: Line, door: Line) -> str:
    """`else` never speaks of whom the door names."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for kind, status in line.items():
        if door.get(kind) != status:
            by_status[status].append(kind)
    free = {
        status: len(kinds)
        for status, kinds in by_status.items()
        if not any(kind in door for kind in kinds)
    }
    most = max(free, key=lambda status: (free[status], status), default=0)
    clauses = [
        f"{status} {', '.join(_grouped(kinds))}"
        for status, kinds in sorted(by_status.items())
        if status != most
    ]
    return "; ".join([*clauses, f"{most} else"] if most else clauses or ["403 else"])


def _grouped(kinds: list[str]) -> list[str]:
    words, left = [], list(kinds)
    for name, group in sorted(GROUPS.items(), key=lambda pair: -len(pair[1])):
        if set(group) <= set(left):
            words.append(name)
            left = [kind for kind in left if kind not in group]
    return words + left
