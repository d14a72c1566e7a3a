"""How long things of teams are kept: their own periods, or the platform's where a team has none."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils.translation import ngettext

from portal.platform_settings import SETTINGS, value
from teams.models import Team


def cutoffs(name: str, now: datetime) -> Iterator[tuple[int | None, datetime]]:
    """(team, the moment before which its things are over), by the setting of this name; no team's are the platform's."""
    unit = name.rpartition("_")[2]
    platform = value(name)
    for team, own in Team.objects.order_by("pk").values_list("pk", name):
        yield team, now - timedelta(**{unit: own or platform})
    yield None, now - timedelta(**{unit: platform})


def kept(name: str) -> str:
    """In words: the platform's period, and how many teams have one of their own."""
    words = f"{value(name):,} {SETTINGS[name].unit}"
    own = Team.objects.exclude(**{name: None}).count()
    if not own:
        return words
    return f"{words}; " + ngettext("%d team has its own", "%d teams have their own", own) % own
