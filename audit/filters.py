"""The form that narrows the trail's list, and what it shows of itself in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.cache import cache
from django.db import connections
from django.http import HttpRequest
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from audit import events, searching, words
from audit.models import Entry
from audit.querysets import teams
from audit.searching import Search
from portal.errors import Refusal
from portal.tenancy import EVERYTHING, tenant

KEPT_S = 60  # seconds that the values of a column are kept
MOST_TEAMS = 100  # that a field offers; of more one writes the slug
SPANS = (
    ("1h", _("last hour")),
    ("24h", _("last 24 hours")),
    ("7d", _("last 7 days")),
    ("30d", _("last 30 days")),
    ("365d", _("last year")),
)
LABELS: dict[str, Any] = {
    "actor": _("actor"),
    "about": _("about"),
    "action": _("action"),
    "target_type": _("kind of object"),
    "object": _("object"),
    "outcome": _("outcome"),
    "team": _("team"),
    "address": _("address"),
    "request_id": _("request"),
    "from": _("from"),
    "to": _("to"),
    "last": _("time"),
    "actor_id": _("actor's id"),
    "actor_user_id": _("actor's account"),
    "subject_id": _("person"),
    "target_id": _("id"),
    "target_label": _("object"),
    "team_id": _("team"),
}


def distinct_values(column: str) -> list[str]:
    """The values that occur in an indexed text column, by one jump in its index for each: no scan of the table.

    Names of deeds and of kinds say nothing of any team: all readers see all of them.
    """
    key = f"audit:values:{column}"
    found = cache.get(key)
    if found is None:
        with tenant(EVERYTHING):
            found = _jumped(column)
        cache.set(key, found, KEPT_S)
    return list(found)


def _jumped(column: str) -> list[str]:
    table = Entry._meta.db_table
    connection = connections[Entry.objects.db]
    name = connection.ops.quote_name(Entry._meta.get_field(column).column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH RECURSIVE found(value) AS (
                SELECT min({name}) FROM {table}
                UNION ALL
                SELECT (SELECT min({name}) FROM {table} WHERE {name} > found.value)
                FROM found WHERE found.value IS NOT NULL)
            SELECT value FROM found WHERE value <> ''"""  # noqa: S608 - names of our own columns
        )
        return [value for (value,) in cursor.fetchall()]


class TrailForm(forms.Form):
    """Every field narrows the list, and all of them together."""

    actor = forms.CharField(
        label=_("Actor"), required=False, help_text=_("E-mail address, key id, or system.")
    )
    about = forms.CharField(
        label=_("About a person"), required=False, help_text=_("E-mail address.")
    )
    action = forms.ChoiceField(label=_("Action"), required=False)
    target_type = forms.ChoiceField(label=_("Kind of object"), required=False)
    object = forms.CharField(
        label=_("Object"), required=False, help_text=_("Its slug, or type:id (teams.Team:3).")
    )
    outcome = forms.ChoiceField(label=_("Outcome"), required=False)
    team = forms.CharField(label=_("Team"), required=False)
    address = forms.CharField(label=_("Address"), required=False)
    request_id = forms.CharField(label=_("Request"), required=False)
    since = forms.CharField(
        label=_("From"), required=False, widget=forms.DateInput({"type": "date"})
    )
    until = forms.CharField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}))

    def __init__(self, given: Mapping[str, Any], user: Any) -> None:
        super().__init__(initial=dict(given), label_suffix="", auto_id="trail-%s")
        self._choose_action(distinct_values("action"))
        self._choose("target_type", distinct_values("target_type"), words.kind)
        self.fields["outcome"].choices = [("", _("any")), *Entry.Outcome.choices]
        known = teams()
        offered = known.offered(user)[: MOST_TEAMS + 1] if known else []
        if 0 < len(offered) <= MOST_TEAMS:
            self.fields["team"] = forms.ChoiceField(
                label=_("Team"), required=False, choices=[("", _("any")), *offered]
            )
        self.initial |= {"since": _day(given, "from"), "until": _day(given, "to")}

    def add_prefix(self, name: str) -> str:
        """`from` is a word of Python, not a field's name."""
        return {"since": "from", "until": "to"}.get(name, name)

    def _choose_action(self, values: list[str]) -> None:
        """The deeds that occur, in the groups of `audit.events`; what is not known there stands behind them."""
        chosen = self.initial.get("action")
        left = {*values, *([chosen] if chosen else [])}
        choices: list[tuple[Any, Any]] = [("", _("any"))]
        for group, known in (*events.GROUPS.items(), (_("Other"), dict.fromkeys(left))):
            pairs = sorted((words.action(name), name) for name in left & set(known))
            left -= set(known)
            if pairs:
                choices.append((group, [(name, said) for said, name in pairs]))
        self.fields["action"].choices = choices

    def _choose(self, name: str, values: list[str], said: Any) -> None:
        chosen = self.initial.get(name)
        if chosen and chosen not in values:
            values = [*values, chosen]
        pairs = sorted(((value, said(value)) for value in values), key=lambda pair: pair[1].lower())
        self.fields[name].choices = [("", _("any")), *pairs]


def _day(given: Mapping[str, Any], name: str) -> str:
    """What a field for days can show of a moment; what is none stands in the words above the list."""
    text = str(given.get(name, ""))[:10]
    try:
        return text if parse_date(text) else ""
    except ValueError:
        return ""


@dataclass(slots=True)
class Narrowing:
    """What a request asks of the list: the search, its parameters, and the field that was not understood."""

    given: dict[str, str]
    search: Search = field(default_factory=Search)
    mistakes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, request: HttpRequest) -> "Narrowing":
        given = {
            name: request.GET[name].strip() for name in searching.NAMES if request.GET.get(name)
        }
        found = cls(given)
        try:
            found.search = searching.read(given, request.user)
        except Refusal as refusal:
            found.mistakes = {name: str(said[0]) for name, said in (refusal.fields or {}).items()}
        return found

    def query(self, **more: Any) -> str:
        """The address of this list with other parameters: None takes one away."""
        wanted = {**self.given, **more}
        return "?" + urlencode({name: value for name, value in wanted.items() if value is not None})

    @property
    def chips(self) -> Iterator[tuple[str, str]]:
        """Each narrowing in words, with the address of the list without it."""
        for name, value in self.given.items():
            yield f"{LABELS[name]}: {self._said(name, value)}", self.query(**{name: None})

    @property
    def spans(self) -> list[tuple[Any, str, bool]]:
        """The quick choices of time."""
        clear = {"from": None, "to": None}
        chosen = self.given.get("last")
        return [(said, self.query(last=name, **clear), name == chosen) for name, said in SPANS]

    @staticmethod
    def _said(name: str, value: str) -> str:
        if name == "action":
            return words.action(value)
        if name == "target_type":
            return words.kind(value)
        if name == "last":
            return str(dict(SPANS).get(value, value))
        return value
