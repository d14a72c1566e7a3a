"""What the page of one entry tells: the change, the people, the object, and what stands beside it in the trail."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from audit import diffs, words
from audit.models import Checkpoint, Entry
from audit.paging import Reader, in_order_of_ids
from audit.querysets import readable_by, teams
from audit.searching import Search

NEAR = 20  # checkpoints that end at or after an entry, the first of which seals it
TOGETHER = 20  # entries of the same request that the page lists


@dataclass(frozen=True, slots=True)
class Named:
    """Something with a name, and where it is shown; no address where it is gone, or not this reader's to see."""

    words: str
    url: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    entry: Entry
    meaning: str
    lines: list[diffs.Line]
    actor: Named
    on_behalf: Named | None
    subject: Named | None
    target: Named
    team: Named | None
    newer: str
    older: str
    together: list[Entry]
    more_together: bool
    checkpoint: Checkpoint | None
    ways: list[tuple[str, str]] = field(default_factory=list)


def story(request: HttpRequest, entry: Entry) -> Story:
    """For who may read this entry. It asks the same number of questions whatever it says."""
    user = request.user
    reader = Reader(user, readable=readable_by(request))
    with in_order_of_ids():
        together = _together(reader, user, entry)
        newer, older = _neighbour(reader, after=entry.pk), _neighbour(reader, before=entry.pk)
    return Story(
        entry=entry,
        meaning=words.meaning(entry.action),
        lines=diffs.lines(entry.target_type, entry.changes),
        actor=_actor(request, entry),
        on_behalf=_person(request, entry.on_behalf_of_id, entry.on_behalf_of),
        subject=_subject(request, entry),
        target=_target(request, entry),
        team=_team(user, entry.team_id),
        newer=newer,
        older=older,
        together=together[:TOGETHER][::-1],
        more_together=len(together) > TOGETHER,
        checkpoint=checkpoint_of(entry),
        ways=_ways(entry),
    )


def _together(reader: Reader, user: Any, entry: Entry) -> list[Entry]:
    if not entry.request_id:
        return []
    search = Search(request_id=entry.request_id)
    page = Reader(user, search, readable=reader.teams).page(size=TOGETHER + 1)
    return [one for one in page.entries if one.pk != entry.pk]


def list_url(**query: Any) -> str:
    return f"{reverse('admin:audit_entry_changelist')}?{urlencode(query)}"


def row_url(request: HttpRequest, model: type[models.Model] | None, **named: Any) -> str:
    """The console's page of a row, where there is one and this person may see it."""
    page = admin.site._registry.get(model) if model is not None else None
    if page is None:
        return ""
    try:
        row = page.get_queryset(request).filter(**named).first()
    except (ValueError, OverflowError):
        return ""  # the id of another kind
    if row is None or not page.has_view_permission(request, row):
        return ""
    options = page.model._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])


def model_of(label: str) -> type[models.Model] | None:
    try:
        return apps.get_model(label) if label.count(".") == 1 else None
    except LookupError:
        return None


def _actor(request: HttpRequest, entry: Entry) -> Named:
    label = entry.actor_label or entry.actor_id or entry.actor_kind
    person = _person(request, entry.actor_user_id, label)
    if entry.actor_kind == "key":
        url = row_url(request, model_of("accounts.Key"), public_id=entry.actor_id)
        note = _("with the key %(id)s") % {"id": entry.actor_id}
        return Named(label, url or (person.url if person else ""), note)
    return person or Named(label, note="" if entry.actor_kind == label else entry.actor_kind)


def _person(request: HttpRequest, user_id: int | None, label: str) -> Named | None:
    if user_id is None:
        return None
    url = row_url(request, get_user_model(), pk=user_id)
    return Named(label or _("account %(id)s") % {"id": user_id}, url)


def _subject(request: HttpRequest, entry: Entry) -> Named | None:
    """The person whom it is about, where that is not said by actor or object already."""
    if entry.subject_id is None or entry.target_type == get_user_model()._meta.label:
        return None
    return _person(request, entry.subject_id, "")


def _target(request: HttpRequest, entry: Entry) -> Named:
    url = ""
    if entry.target_type and entry.target_id:
        url = row_url(request, model_of(entry.target_type), pk=entry.target_id)
    return Named(words.target(entry) or "–", url)


def _team(user: Any, team_id: int | None) -> Named | None:
    if team_id is None:
        return None
    known = teams()
    name, _slug = known.link(user, team_id) if known else ("", "")
    return Named(name or _("team %(id)s") % {"id": team_id}, list_url(team_id=team_id))


def _neighbour(reader: Reader, **where: int) -> str:
    found = reader.ids(limit=1, **where)
    return reverse("admin:audit_entry_change", args=found) if found else ""


def checkpoint_of(entry: Entry) -> Checkpoint | None:
    """The one that seals it; None until then. Ranges overlap where an entry came late: the line says which it is."""
    near = Checkpoint.objects.filter(last_id__gte=entry.pk).order_by("last_id")
    ends = near.values_list("number", "first_id")[:NEAR]
    found = Checkpoint.objects.filter(number__in=[n for n, first in ends if first <= entry.pk])
    for one in found.order_by("number"):
        if any(first <= entry.pk <= last for first, last in json.loads(one.line)["ids"]):
            return one
    return None


def _ways(entry: Entry) -> list[tuple[str, str]]:
    """What else happened: to the object, by the actor, about the person, in the request, from the address."""
    found: list[tuple[str, dict[str, Any]]] = []
    if entry.target_type and entry.target_id:
        found.append((_("of this object"), {"object": f"{entry.target_type}:{entry.target_id}"}))
    if entry.actor_kind == "key":
        found.append((_("by this key"), {"actor_id": entry.actor_id}))
    if entry.actor_user_id is not None:
        found.append((_("by this person"), {"actor_user_id": entry.actor_user_id}))
    if entry.subject_id is not None:
        found.append((_("about this person"), {"subject_id": entry.subject_id}))
    for name, said in (("request_id", _("of this request")), ("address", _("from this address"))):
        if value := getattr(entry, name):
            found.append((said, {name: value}))
    if entry.team_id is not None:
        found.append((_("of this team"), {"team_id": entry.team_id}))
    return [(said, list_url(**query)) for said, query in found]
