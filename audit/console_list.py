"""The trail's list in the console: a page by id, never an offset, and no count of the table."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from audit import labels, words
from audit.filters import Narrowing, TrailForm
from audit.models import Entry
from audit.paging import Page, Reader
from audit.querysets import readable_by
from portal import cells
from portal.tenancy import EVERYTHING, tenant

FAR = 2**62


class TrailChangeList(ChangeList):
    """Django's list, asked by the pager instead of a paginator."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.narrowing = Narrowing.of(request)
        self.form = TrailForm(self.narrowing.given, request.user)
        super().__init__(request, *args, **kwargs)

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        """The parameters are the form's own; what is unknown narrows nothing."""
        return {}

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet:
        return self.root_queryset.none()

    def get_results(self, request: HttpRequest) -> None:
        turning, about = Turning.of(request, self.narrowing.query), None
        if self.narrowing.mistakes:
            self.page = Page([], None, None)
        else:
            reader = Reader(request.user, self.narrowing.search, readable=readable_by(request))
            self.page = reader.page(before=turning.before, after=turning.after)
            about = reader.about_how_many() if self.page.older is not None else None
        self._turning = turning.around(self.page, about)
        labels.read_ahead(self.page.entries)
        labels.name_people(request.user, self.page.entries)
        self.result_list = self.page.entries
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.show_admin_actions = False
        self.multi_page = self.can_show_all = False

    @property
    def narrows(self) -> bool:
        return bool(self.narrowing.given)

    @property
    def turning(self) -> "Turning":
        return self._turning


@dataclass(frozen=True, slots=True)
class Turning:
    """Where a page of entries is, and the ways to the pages beside it. `query` gives their addresses."""

    before: int | None
    after: int | None
    query: Callable[..., str]
    newer_url: str = ""
    older_url: str = ""
    newest_url: str = ""
    count: int = 0
    about: int | None = None
    looked_to: datetime | None = None

    @classmethod
    def of(cls, request: HttpRequest, query: Callable[..., str] | None = None) -> "Turning":
        return cls(_id(request, "before"), _id(request, "after"), query or _plain_query)

    def around(self, page: Page, about: int | None = None) -> "Turning":
        newer, older = page.newer is not None, page.older is not None
        return replace(
            self,
            newer_url=self.query(after=page.newer) if newer else "",
            older_url=self.query(before=page.older) if older else "",
            newest_url=self.query() if newer else "",
            count=len(page.entries),
            about=about,
            looked_to=_time_near(page.looked_to),
        )

    @property
    def is_whole(self) -> bool:
        """Whether the page shows all there is to this question."""
        return not (self.newer_url or self.older_url)


def _time_near(entry_id: int | None) -> datetime | None:
    """When the entry at this place of the trail was written."""
    if entry_id is None:
        return None
    with tenant(EVERYTHING):
        near = Entry.objects.filter(pk__gte=entry_id).order_by("pk")
        return near.values_list("created_at", flat=True).first()


def _plain_query(**wanted: int | None) -> str:
    return "?" + urlencode({name: value for name, value in wanted.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as lists show it."""

    url: str
    at: SafeString
    deed: SafeString
    what: Any
    who: Any
    address: str


def shown(entry: Entry) -> Line:
    url = reverse("admin:audit_entry_change", args=[entry.pk])
    what = words.target(entry) or cells.NOTHING
    return Line(url, cells.when(entry.created_at), deed(entry), what, who(entry), entry.address)


def deed(entry: Entry) -> SafeString:
    said = cells.chip(words.action(entry.action), words.tone(entry))
    if entry.outcome == Entry.Outcome.DONE or entry.action == entry.outcome:
        return said
    return format_html("{} {}", said, cells.chip(entry.get_outcome_display(), "bad"))


def who(entry: Entry) -> Any:
    """Both people where one impersonated the other."""
    label = entry.actor_label or entry.actor_kind
    if not entry.on_behalf_of:
        return label
    return format_html("{} <strong>{} {}</strong>", label, _("as"), entry.on_behalf_of)


def _id(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return min(int(text), FAR) if text.isdecimal() and len(text) < 30 else None
