"""What one looks for in the trail: exact values, each with an index, so that the whole of it is never read.

The console, the API and the exports share it. Times are turned into a range of ids, for everything is read in the order
of ids: `bounds` says how.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Max, Min, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from audit.models import Entry
from audit.querysets import teams
from portal.errors import Refusal
from portal.tenancy import EVERYTHING, tenant

LOWEST, HIGHEST = 0, 2**63 - 1
NOBODY = -1  # an id that no row has: what is looked for does not exist
SLACK = timedelta(hours=1)  # how far an entry's time and the order of ids may be apart
NEIGHBOURS = 1000  # entries at an end of the time range whose ids decide where it begins
SPANS: dict[str, timedelta] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "365d": timedelta(days=365),
}
_KEY = re.compile(r"[a-zA-Z0-9]{12}\Z")
_OBJECT = re.compile(r"(?P<type>[A-Za-z_]+\.[A-Za-z_]+):(?P<id>.+)\Z")
_ADDRESS = re.compile(r"(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F.]*)\Z")


@dataclass(frozen=True, slots=True)
class Search:
    """Columns with what they must hold; None is anything. `since` and `until` are the first and the last moment."""

    actor_user_id: int | None = None
    actor_id: str | None = None
    actor_kind: str | None = None
    subject_id: int | None = None
    action: str | None = None
    outcome: str | None = None
    target_type: str | None = None
    target_id: str | None = None
    target_ids: tuple[str, ...] | None = None
    target_label: str | None = None
    team_id: int | None = None
    address: str | None = None
    request_id: str | None = None
    since: datetime | None = field(default=None)
    until: datetime | None = field(default=None)

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) is not None for one in fields(self))

    def apply(self, rows: QuerySet) -> QuerySet:
        """These rows, narrowed; the range of ids is the pager's."""
        rows = rows.filter(**self.equal)
        if self.since is not None:
            rows = rows.filter(created_at__gte=self.since)
        return rows if self.until is None else rows.filter(created_at__lte=self.until)

    @property
    def equal(self) -> dict[str, Any]:
        named = ((one.name, getattr(self, one.name)) for one in fields(self))
        held = {name: value for name, value in named if value is not None}
        if "target_ids" in held:
            held["target_id__in"] = held.pop("target_ids")
        return {name: value for name, value in held.items() if name not in ("since", "until")}

    @property
    def said(self) -> dict[str, Any]:
        """What it asks for, as an entry of the trail may keep it: people by number."""
        moments = {"since": self.since, "until": self.until}
        return self.equal | {k: v.isoformat() for k, v in moments.items() if v is not None}

    def bounds(self) -> tuple[int, int]:
        """The lowest and highest id that can lie in the time range.

        Ids grow with time, but for what ran at the same moment and for clocks that were set. So the ends are looked up
        an hour further out, and are the extremes of the thousand entries there. They are ids alone, the same for
        every reader: the database answers as for the system itself.
        """
        low, high = LOWEST, HIGHEST
        if self.since is not None or self.until is not None:
            with tenant(EVERYTHING):
                if self.since is not None:
                    low = _extreme("min", self.since - SLACK, HIGHEST)
                if self.until is not None:
                    high = _extreme("max", self.until + SLACK, LOWEST)
        return low, high


def newest_id() -> int:
    """The highest id that there is, the same for every reader."""
    with tenant(EVERYTHING):
        return Entry.objects.order_by("-pk").values_list("pk", flat=True).first() or LOWEST


def _extreme(what: str, moment: datetime, otherwise: int) -> int:
    side, order = ("gte", "created_at") if what == "min" else ("lte", "-created_at")
    near = Entry.objects.filter(**{f"created_at__{side}": moment}).order_by(order)
    found = near.values("pk")[:NEIGHBOURS].aggregate(found=(Min if what == "min" else Max)("pk"))
    return otherwise if found["found"] is None else int(found["found"])


# From the words of a form or an address to a search.

EXACT = ("action", "outcome", "target_type", "target_id", "target_label", "address", "request_id")
NUMBERS = ("actor_user_id", "subject_id", "team_id")
NAMES = (*EXACT, *NUMBERS, "actor_id", "actor", "about", "object", "team", "from", "to", "last")


def read(given: Mapping[str, Any], user: Any) -> Search:
    """What these parameters ask for, as this person may ask it. Raises `Refusal("validation_failed")` with the field."""
    wanted = {name: str(given.get(name) or "").strip() for name in NAMES}
    found: dict[str, Any] = {name: wanted[name] for name in EXACT if wanted[name]}
    for name in NUMBERS:
        if wanted[name]:
            found[name] = _number(name, wanted[name])
    if wanted["actor_id"]:
        found["actor_id"] = wanted["actor_id"]
    search = Search(**found)
    if wanted["actor"]:
        search = replace(search, **_actor(wanted["actor"]))
    if wanted["about"]:
        search = replace(search, subject_id=person(wanted["about"]))
    if wanted["object"]:
        search = replace(search, **_object(wanted["object"]))
    if wanted["team"]:
        known = teams()
        team = known.named(user, wanted["team"]) if known else None
        search = replace(search, team_id=NOBODY if team is None else team)
    return _in_time(search, wanted)


def read_term(term: str) -> dict[str, str]:
    """What the one field for everything most likely means, as parameters of `read`."""
    if "@" in term:
        return {"actor": term}
    if term.startswith("req_"):
        return {"request_id": term}
    if _OBJECT.match(term):
        return {"object": term}
    if _ADDRESS.match(term):
        return {"address": term}
    return {"object": term}


def person(text: str) -> int:
    """The id of who has this e-mail address, or of this number; NOBODY where there is none."""
    if text.isdecimal():
        return _number("actor", text)
    people = get_user_model()._default_manager.filter(email=text.lower())
    found = people.values_list("pk", flat=True).first()
    return NOBODY if found is None else int(found)


def _actor(text: str) -> dict[str, Any]:
    """An e-mail address or a number names a person, twelve characters a key; else a kind of actor."""
    if "@" in text or text.isdecimal():
        return {"actor_user_id": person(text)}
    if text in ("system", "anonymous", "widget"):
        return {"actor_kind": text}
    return {"actor_id": text}


def _object(text: str) -> dict[str, Any]:
    """`type:id`, or a label."""
    named = _OBJECT.match(text)
    if named:
        return {"target_type": named["type"], "target_id": named["id"]}
    return {"target_label": text}


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise Refusal("validation_failed", fields={name: [_("A number.")]})
    return min(int(text), 2**63 - 1)


def _in_time(search: Search, wanted: dict[str, str]) -> Search:
    since, until = moment("from", wanted["from"]), moment("to", wanted["to"], is_end=True)
    if wanted["last"] in SPANS and since is None:
        since = timezone.now() - SPANS[wanted["last"]]
    return replace(search, since=since, until=until)


def moment(name: str, text: str, *, is_end: bool = False) -> datetime | None:
    """A day, from its beginning or to its end, or a moment; of the portal's zone where it names none."""
    if not text:
        return None
    try:
        found = _day(text, is_end) if len(text) <= 10 else parse_datetime(text)
        if found is None:
            raise _no_date(name)
        if is_end and len(text) == 16:  # a whole minute
            found = found.replace(second=59, microsecond=999_999)
        return found if timezone.is_aware(found) else timezone.make_aware(found)
    except (ValueError, OverflowError):
        raise _no_date(name) from None


def _day(text: str, is_end: bool) -> datetime | None:
    day = parse_date(text)
    end = datetime.max.time() if is_end else datetime.min.time()
    return None if day is None else datetime.combine(day, end)


def _no_date(name: str) -> Refusal:
    return Refusal("validation_failed", fields={name: [_("A date, such as 2026-11-26.")]})
