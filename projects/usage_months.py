"""The console's page of a month's usage, day by day; past months keep their figures when the log's lines go."""

import re
from calendar import monthrange
from dataclasses import astuple
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import fresh
from audit import trail
from portal import spreadsheets
from portal.console_navigation import Page, Tool
from projects.models import Exchange
from projects.usage_totals import NAMES, Total, totals
from teams.models import Team

OF = ("team_id", "project_slug", "provider_slug", "model_name")


class MonthInput(forms.DateInput):
    """A browser shows no other value than a month, and complains of one: what is none comes back empty."""

    def format_value(self, value: Any) -> str | None:
        found = super().format_value(value)
        return found if found and re.fullmatch(r"\d{4}-\d{2}", found) else None


class Sieve(forms.Form):
    """Which month, and whose."""

    month = forms.DateField(
        label=_("Month"),
        input_formats=["%Y-%m"],
        widget=MonthInput({"type": "month"}, format="%Y-%m"),
    )
    team = forms.ModelChoiceField(
        Team.objects.none(), label=_("Team"), required=False, to_field_name="slug"
    )

    def __init__(self, data: Any, user: Any) -> None:
        super().__init__(data, label_suffix="")
        self.fields["team"].queryset = Team.objects.visible_to(user)  # type: ignore[attr-defined]
        self.fields["team"].empty_label = _("all")  # type: ignore[attr-defined]


def may(request: HttpRequest) -> bool:
    return request.user.has_perm("projects.view_exchange")


def view(request: HttpRequest) -> HttpResponse:
    if not may(request):
        raise PermissionDenied
    asked: Any = request.GET
    if not request.GET.get("month"):
        asked = {"month": f"{timezone.localdate():%Y-%m}", "team": request.GET.get("team", "")}
    sieve = Sieve(asked, request.user)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Usage by day"),
        "crumb": _("Usage by day"),
        "sieve": sieve,
    }
    if sieve.is_valid():
        found = _asked(request, sieve.cleaned_data)
        if request.GET.get("format") == "csv":
            return _file(request, sieve.cleaned_data["month"], found)
        days = totals(**found)
        query = urlencode({**asked_back(sieve), "format": "csv"})
        context |= {
            "days": [(day, total) for (day,), total in days.items()],
            "whole": sum(days.values(), start=Total()),
            "tools": [
                Tool(_("Line by line"), reverse("admin:projects_exchange_changelist")),
                Tool(_("Older usage"), reverse("admin:projects_usageday_changelist")),
                Tool(_("As CSV"), f"?{query}", "down"),
            ],
        }
    status = 200 if sieve.is_valid() else 422
    return TemplateResponse(request, "admin/projects/usage_month.html", context, status=status)


def asked_back(sieve: Sieve) -> dict[str, str]:
    team = sieve.cleaned_data["team"]
    return {"month": f"{sieve.cleaned_data['month']:%Y-%m}"} | ({"team": team.slug} if team else {})


def _asked(request: HttpRequest, wanted: dict[str, Any]) -> dict[str, Any]:
    first: date = wanted["month"]
    last = first.replace(day=monthrange(first.year, first.month)[1])
    team = wanted["team"].pk if wanted["team"] else None
    return {"user": request.user, "first": first, "last": last, "team": team}


def _file(request: HttpRequest, month: date, found: dict[str, Any]) -> HttpResponse:
    """By day, team, project and model. It leaves an entry, and asks once more who one is."""
    fresh.require(request)
    rows = totals(**found, of=OF)
    trail.record(action="usage_exported", target_type=Exchange._meta.label, team_id=found["team"])
    slugs = dict(Team.objects.values_list("pk", "slug"))
    lines = [spreadsheets.line(("day", "team", *OF[1:], *NAMES))]
    for (day, team, *of), total in rows.items():
        lines.append(spreadsheets.line((day, slugs.get(team, team or ""), *of, *astuple(total))))
    response = HttpResponse("".join(lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="usage-{month:%Y-%m}.csv"'
    return response


PAGE = Page("usage_month", "usage/days/", _("Usage by day"), view, may, area="work", place=35)
