"""The console's start page: is everything all right? The rooms register what they know; the frame asks and draws.

Figures are rows of hours, oldest first, so that the last day and the last week come from one query of each room.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from portal.charts import Series, Value
from portal.console_navigation import Tool
from portal.limits import is_degraded
from portal.models import Provider

HOURS = 7 * 24
DAY = 24
FRESH_S = 15  # seconds that figures are kept; the page says when they were taken


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose figures: `teams` are ids of the teams looked at, None is everything.

    Where one team is looked at, `name` and `url` are its name and page, and `team` its slug for the lists' filters.
    """

    user: Any
    teams: tuple[int, ...] | None = None
    team: str = ""
    name: str = ""
    url: str = ""

    @property
    def key(self) -> str:
        return "all" if self.teams is None else "-".join(map(str, self.teams))


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure over the last week: `hourly` has HOURS values, oldest first. `url` is its list, without a period."""

    name: str
    title: Any
    about: Any
    hourly: Sequence[Value]
    shown: Callable[[Any], str]
    url: str
    tone: str = ""
    place: int = 100

    @property
    def day(self) -> Series:
        values = list(self.hourly[-DAY:])
        return Series(
            f"{self.title}, {_('last 24 hours')}", _hours(), values, self.shown, self.tone
        )

    @property
    def week(self) -> Series:
        spans = [self.hourly[at : at + DAY] for at in range(0, HOURS, DAY)]
        values = [sum((v for v in span if v is not None), start=0) for span in spans]
        return Series(f"{self.title}, {_('last 7 days')}", _days(), values, self.shown, self.tone)

    @property
    def day_url(self) -> str:
        return f"{self.url}{'&' if '?' in self.url else '?'}last=24h"

    @property
    def week_url(self) -> str:
        return f"{self.url}{'&' if '?' in self.url else '?'}last=7d"


@dataclass(frozen=True, slots=True)
class Meter:
    """How much of something is used up. `share` is 1 where all of it is; `tone` is warn or bad near its end."""

    title: Any
    words: Any
    share: float
    url: str
    tone: str = ""

    @property
    def percent(self) -> int:
        """Rounded down: what is not all used up never reads as if it were."""
        return min(100, int(self.share * 100))


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that somebody should look at. `tone` is warn or bad."""

    tone: str
    words: Any
    url: str = ""
    deed: Any = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step from an empty house to the first guarded answer."""

    title: Any
    about: Any
    url: str
    is_done: bool


class FigureSource(Protocol):
    """What a room registers: the numbers, which are kept for a few seconds, and how they are shown."""

    def hourly(self, scope: Scope) -> dict[str, list[Value]]:
        """HOURS values by the figure's name."""

    def figures(self, scope: Scope, hourly: dict[str, list[Value]]) -> list[Figure]: ...


NoticeSource = Callable[[Scope], Sequence[Notice]]
MeterSource = Callable[[Scope], Sequence[Meter]]
StepSource = Callable[[Any], Sequence[tuple[int, Step]]]
ScopeSource = Callable[[HttpRequest], Scope]

_figures: list[FigureSource] = []
_notices: list[NoticeSource] = []
_meters: list[MeterSource] = []
_steps: list[StepSource] = []
_scope: list[ScopeSource] = []


def register_figures(source: FigureSource) -> None:
    _figures.append(source)


def register_notices(source: NoticeSource) -> None:
    _notices.append(source)


def register_meters(source: MeterSource) -> None:
    _meters.append(source)


def register_steps(source: StepSource) -> None:
    """`source(user)` gives (place, step) pairs; only platform admins are asked to take them."""
    _steps.append(source)


def register_scope(source: ScopeSource) -> None:
    """How a request's scope is read: the teams register it, who know what a person administers."""
    _scope[:] = [source]


def list_of(name: str, scope: Scope, **query: str) -> str:
    """The address of a list (`projects_exchange`), filtered, and narrowed to the team looked at."""
    if scope.team:
        query["team"] = scope.team
    page = reverse(f"admin:{name}_changelist")
    return f"{page}?{urlencode(query)}" if query else page


def first_hour() -> datetime:
    """Where the oldest of the HOURS begins; the newest is the running one."""
    return _this_hour() - timedelta(hours=HOURS - 1)


def place_of(moment: datetime) -> int:
    """Which of the HOURS a moment falls into; negative or beyond for what lies outside."""
    return int((moment - first_hour()) // timedelta(hours=1))


def _this_hour() -> datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0)


def _hours() -> list[str]:
    start = _this_hour() - timedelta(hours=DAY - 1)
    return [date_format(start + timedelta(hours=n), "H:i") for n in range(DAY)]


def _days() -> list[str]:
    start = first_hour()
    return [date_format(start + timedelta(hours=DAY * n + DAY - 1), "D j M") for n in range(7)]


def scope_of(request: HttpRequest) -> Scope:
    return _scope[0](request) if _scope else Scope(request.user)


def context(request: HttpRequest) -> dict[str, Any]:
    """What the template draws: figures, notices, and for platform admins the first steps."""
    scope = scope_of(request)
    taken_at, figures = _figures_of(scope)
    notices = [notice for source in _notices for notice in source(scope)]
    steps = [] if scope.team else first_steps(request.user)
    tools = [Tool(_("Settings of this team"), scope.url)] if scope.url else []
    return {
        "title": scope.name or _("Is everything all right?"),
        "crumb": scope.name,
        "tools": tools,
        "figures": figures,
        "figures_taken_at": taken_at,
        "meters": [meter for source in _meters for meter in source(scope)],
        "notices": sorted(notices, key=lambda notice: notice.tone),
        "steps": steps,
        "steps_done": sum(step.is_done for step in steps),
        "scope": scope,
    }


def _figures_of(scope: Scope) -> tuple[datetime, list[Figure]]:
    """Asked anew after FRESH_S seconds. Only the rows of hours are kept; words and links belong to the request."""
    key = f"start-page:{scope.user.pk}:{scope.key}"
    taken_at, rows = cache.get(key, (None, {}))
    if taken_at is None or place_of(taken_at) != HOURS - 1:
        taken_at, rows = timezone.now(), {}
        for source in _figures:
            rows |= source.hourly(scope)
        cache.set(key, (taken_at, rows), FRESH_S)
    figures = [figure for source in _figures for figure in source.figures(scope, rows)]
    return taken_at, sorted(figures, key=lambda figure: figure.place)


def first_steps(user: Any) -> list[Step]:
    if not user.is_superuser:
        return []
    pairs = [pair for source in _steps for pair in source(user)]
    return [step for _place, step in sorted(pairs, key=lambda pair: pair[0])]


def platform_notices(scope: Scope) -> list[Notice]:
    """What the frame itself knows."""
    if scope.teams is None and is_degraded():
        return [
            Notice("warn", _("Limits are degraded: the limiter's store lost its state or is away."))
        ]
    return []


def platform_steps(user: Any) -> list[tuple[int, Step]]:
    connected = Provider.objects.exclude(kind=Provider.Kind.OFFLINE).filter(is_active=True)
    return [
        (
            10,
            Step(
                _("Connect a provider"),
                _("OpenAI, Azure, vLLM, Ollama or any server that speaks OpenAI's API."),
                reverse("admin:portal_provider_add"),
                connected.exists(),
            ),
        )
    ]


register_notices(platform_notices)
register_steps(platform_steps)
