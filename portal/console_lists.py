"""Lists of the console that cost the same however long their table is, and say in words what they show."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR, ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

MOST_PAGES = 100  # of a list; counting further would slow it down with its table
COUNTED = 5_000  # newest rows that the filters' counts look at
_COUNT = re.compile(r"^(?P<words>.*) \((?P<count>\d+|-)\)$", re.DOTALL)


class CappedPaginator(Paginator):
    """Counts up to a bound instead of the whole table; older rows are found by filter and search."""

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[: MOST_PAGES * self.per_page].count()


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter. `count` is empty where none was taken."""

    words: str
    url: str
    count: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Filter:
    title: str
    choices: list[Choice]

    @property
    def chosen(self) -> Choice | None:
        """What narrows the list, or None where all of it is shown (the first choice)."""
        return next((choice for choice in self.choices[1:] if choice.is_chosen), None)

    @property
    def reset(self) -> str:
        return self.choices[0].url if self.choices else "?"


class ConsoleChangeList(ChangeList):
    """Counts of filters look at the newest rows only; each filter is asked once."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet:
        """With `exclude_parameters` it is a filter that counts."""
        rows = super().get_queryset(request, exclude_parameters)
        if exclude_parameters is None:
            return rows
        newest = rows.order_by("-pk").values("pk")[:COUNTED]
        return self.model._default_manager.filter(pk__in=newest)

    @cached_property
    def filters(self) -> list[Filter]:
        return [
            Filter(str(spec.title), [_choice(choice) for choice in spec.choices(self)])
            for spec in self.filter_specs
        ]

    @cached_property
    def chosen_filters(self) -> list[Filter]:
        return [found for found in self.filters if found.chosen]

    @property
    def narrows(self) -> bool:
        """Whether search or filters hide rows."""
        return bool(self.query or self.has_active_filters)

    @property
    def without_search(self) -> str:
        return self.get_query_string(remove=[SEARCH_VAR])

    @property
    def other_filters(self) -> list[str]:
        """Narrowings that came by a link and have no filter of their own, such as `target_id__exact`."""
        own = {name for spec in self.filter_specs for name in spec.expected_parameters()}
        own |= {SEARCH_VAR, ORDER_VAR, "p", "e", "_facets"}
        return [
            f"{name.split('__')[0].replace('_', ' ')}: {value}"
            for name, value in self.params.items()
            if name not in own
        ]

    @property
    def is_bounded(self) -> bool:
        return self.result_count >= MOST_PAGES * self.list_per_page

    @property
    def counts_are_bounded(self) -> bool:
        return bool(self.add_facets) and self.result_count >= COUNTED


def _choice(choice: Any) -> Choice:
    words, count = str(choice["display"]), ""
    if found := _COUNT.match(words):
        words, count = found["words"], found["count"].replace("-", "")
    return Choice(words, choice["query_string"], count, bool(choice["selected"]))


class PeriodFilter(admin.SimpleListFilter):
    """The last hour, day, week or month of `column`."""

    column = "created_at"
    title = _("time")
    parameter_name = "last"
    SPANS = {
        "1h": (_("last hour"), timedelta(hours=1)),
        "24h": (_("last 24 hours"), timedelta(hours=24)),
        "7d": (_("last 7 days"), timedelta(days=7)),
        "30d": (_("last 30 days"), timedelta(days=30)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, words) for name, (words, _span) in self.SPANS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in self.SPANS:
            return queryset
        span = self.SPANS[str(self.value())][1]
        return queryset.filter(**{f"{self.column}__gte": timezone.now() - span})


class VisibleFilter(admin.SimpleListFilter):
    """By a related row of those one sees; `source(user)` gives (value, words) pairs, `column` is what they filter."""

    column = ""

    def source(self, user: Any) -> list[tuple[str, str]]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return self.source(request.user)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset
