"""How far each destination got, for the console's reader and for retention."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from audit.destinations import Destination, Forwarding
from audit.forwarding.following import Place
from audit.models import Entry

LONG = timedelta(minutes=15)  # so long a failure is somebody's business
CATCHING_UP = timedelta(minutes=1)  # so far behind is nothing to speak of


@dataclass(frozen=True, slots=True)
class Lag:
    """`entries` is how many ids are ahead, of which some may not be wanted; `oldest` is when the first of them was written."""

    entries: int
    oldest: datetime | None

    @property
    def is_behind(self) -> bool:
        return self.oldest is not None and timezone.now() - self.oldest > CATCHING_UP


def forwarded_up_to() -> int | None:
    """The id up to which every destination that retention waits for has what it wants; None where it waits for none.

    Retention prunes nothing beyond it. A destination that is paused, or fails, is waited for all the same; one that
    gets no entries is not.
    """
    rows = Forwarding.objects.filter(
        destination__holds_retention=True, destination__sends_entries=True
    )
    places = [Place.of(row.upto, row.waits).complete_upto for row in rows]
    waiting = Destination.objects.filter(
        holds_retention=True, sends_entries=True, forwarding=None, from_beginning=True
    )
    return 0 if waiting.exists() else min(places, default=None)


def with_lag(rows: QuerySet) -> QuerySet:
    """Destinations with what `lag_of` needs, in the same query."""
    ahead = Entry._base_manager.filter(pk__gt=OuterRef("forwarding__upto")).order_by("pk")
    newest = Entry._base_manager.order_by("-pk")
    return rows.select_related("forwarding").annotate(
        oldest_ahead=Subquery(ahead.values("created_at")[:1]),
        newest_id=Subquery(newest.values("pk")[:1]),
    )


def lag_of(destination: Any) -> Lag:
    forwarding = getattr(destination, "forwarding", None)
    if forwarding is None or not destination.sends_entries:
        return Lag(0, None)
    return Lag(max((destination.newest_id or 0) - forwarding.upto, 0), destination.oldest_ahead)


def long_failing() -> list[Destination]:
    """Those that have got nothing for a while though there is something for them; who is paused is so on purpose."""
    since = timezone.now() - LONG
    rows = Destination.objects.filter(is_paused=False, forwarding__failing_since__lte=since)
    return list(rows.defer("secret", "client_key").select_related("forwarding"))
