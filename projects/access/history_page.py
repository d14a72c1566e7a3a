"""The console's page of what people gained and lost between two days."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import cells
from portal.console_navigation import Page, Tool
from portal.errors import Refusal
from projects.access import pages
from projects.access.console import words
from projects.access.differences import Difference
from projects.access.history import History, emails
from projects.access.loading import PERMISSION, Selection
from projects.access.reaches import Path, Row
from projects.models import PermissionSnapshot

NAME = "access_changes"
PEOPLE = 50  # on a page
WEEK = timedelta(days=7)
TONES = {"gained": ("good", "plus"), "lost": ("bad", "stop"), "changed": ("warn", "edit")}
WORDS = {
    "gained": gettext_lazy("gained"),
    "lost": gettext_lazy("lost"),
    "changed": gettext_lazy("changed"),
}


class Sieve(forms.Form):
    """Which two days, and which part."""

    to = forms.DateField(
        label=gettext_lazy("To (empty: now)"),
        required=False,
        widget=forms.DateInput({"type": "date"}),
    )
    team = forms.CharField(label=gettext_lazy("Team (slug)"), required=False, max_length=64)
    user = forms.CharField(label=gettext_lazy("Person (e-mail)"), required=False, max_length=254)
    project = forms.CharField(label=gettext_lazy("Project (slug)"), required=False, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first = forms.DateField(
            label=gettext_lazy("From"), widget=forms.DateInput({"type": "date"})
        )
        self.fields["from"] = first
        self.order_fields(["from", "to", "team", "user", "project"])


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: what happened, to whom, where; how it was, and how it is."""

    kind: str
    person: str
    row: Row
    before: str
    after: str

    @property
    def chip(self) -> Any:
        return cells.chip(WORDS[self.kind], *TONES[self.kind])


def view(request: HttpRequest) -> HttpResponse:
    """Who may not see the matrix may not see what it was."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    first = PermissionSnapshot.objects.order_by("day").first()
    sieve = Sieve(_asked(request, first), label_suffix="")
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Changes of access"),
        "crumb": _("Changes of access"),
        "sieve": sieve,
        "first": first,
    }
    status = 200
    if first is not None and sieve.is_valid():
        try:
            context |= _found(request, sieve.cleaned_data)
        except Refusal as refusal:
            if refusal.status not in (404, 422):
                raise
            fields = [str(word) for said in (refusal.fields or {}).values() for word in said]
            context["refused"] = fields or [
                _("There was no such team, person or project on either day.")
            ]
            status = refusal.status
    return TemplateResponse(request, "admin/projects/access_changes.html", context, status=status)


def _asked(request: HttpRequest, first: PermissionSnapshot | None) -> Any:
    """Without a question the last week, or what there is of it."""
    if "from" in request.GET:
        return request.GET
    week_ago = timezone.localdate() - WEEK
    return {"from": max(week_ago, first.day) if first else week_ago}


def _found(request: HttpRequest, wanted: dict[str, Any]) -> dict[str, Any]:
    history = History(Selection.of(request.user), since=wanted["from"], until=wanted["to"])
    names = {name: wanted[name].strip() for name in ("team", "user", "project")}
    only = history.only(**names)
    page = history.page(only, after=pages.place_of(request.GET.get("cursor", "")), limit=PEOPLE)
    people = emails(page.found)
    days = {"from": wanted["from"].isoformat(), "to": _day(wanted["to"])}
    query = {name: value for name, value in {**days, **names}.items() if value}
    file = f"{reverse('access-changes')}?{urlencode({**query, 'format': 'csv'})}"
    return {
        "history": history,
        "lines": [line for one in page.found for line in _lines(one, people)],
        "next": urlencode({**query, "cursor": pages.cursor_at(page.last)})
        if page.last is not None
        else "",
        "tools": [Tool(_("All as CSV"), file, "down")],
        "narrowed": any(names.values()),
    }


def _day(day: Any) -> str:
    return day.isoformat() if day else ""


def _lines(found: Difference, people: dict[int, str]) -> list[Line]:
    person = people.get(found.user) or _("a person who no longer exists (%(id)d)") % {
        "id": found.user
    }
    rows: list[tuple[str, Row | None, Row | None]] = [
        *(("lost", row, None) for row in found.lost),
        *(("changed", old, new) for old, new in found.changed),
        *(("gained", None, row) for row in found.gained),
    ]
    return [
        Line(kind, person, row, _words(old), _words(new))
        for kind, old, new in rows
        if (row := new or old) is not None
    ]


def _words(row: Row | None) -> str:
    """How somebody reached a project, in the words of the matrix; no access is said too."""
    if row is None:
        return _("no access")
    path = Path(row.role, row.via, row.chats, row.custom_role)
    return words.said(path, is_open=row.open)


PAGE = Page(
    name=NAME,
    path="access/changes/",
    label=gettext_lazy("Changes of access"),
    view=view,
    may=lambda request: request.user.has_perm(PERMISSION),
    area="people",
    place=59,
)
