"""Changes in thought: put together one by one, each time with what they would change. Nothing of it is saved."""

import json
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from portal.errors import Refusal
from projects.access.changes import LONGEST, MOST, read
from projects.access.console import frame, words
from projects.access.console.proposing import FIELDS, ChangeForm, Names, operations, sentence
from projects.access.loading import Selection
from projects.access.reaches import Path
from projects.access.simulation import simulate

SHOWN = 200  # rows of each table; the interface gives all
Change = dict[str, Any]


def page(request: HttpRequest) -> HttpResponse:
    """The changes travel in the form itself, so that it works without scripts and leaves nothing behind.

    `op` and its fields in the address begin a first change, for links from the places where things are changed.
    """
    selection = frame.whole(request)
    names = Names(request.user, selection)
    changes = [] if request.method != "POST" else _kept(request.POST.getlist("change"))
    asked = request.POST if request.method == "POST" else request.GET
    deed = asked.get("do", "")
    changes = [one for number, one in enumerate(changes) if deed != f"remove-{number}"]
    op = asked.get("op", "") if asked.get("op", "") in dict(operations(selection)) else ""
    form, added = _form(request, op, names, deed == "add")
    outcome: dict[str, Any] | None = None
    mistakes: list[str] = []
    if added is not None and len(changes) < MOST:
        try:
            outcome = _outcome(request, selection, [*changes, added])
            changes, form, op = [*changes, added], None, ""
        except Refusal as refusal:
            mistakes = list(_words(refusal))
    if outcome is None:
        outcome = _of_those_kept(request, selection, changes)
    is_wrong = bool(mistakes) or (form is not None and bool(form.errors))
    context = {
        "title": _("Simulate changes"),
        "crumb": _("Simulate"),
        "changes": [
            (number, sentence(one, names), json.dumps(one)) for number, one in enumerate(changes)
        ],
        "operations": operations(selection),
        "op": op,
        "form": form,
        "mistakes": mistakes,
        "people": frame.suggested_people(selection) if form else [],
        "projects": frame.suggested_projects(selection) if form else [],
        **outcome,
    }
    return frame.shown(request, "simulate.html", context, status=422 if is_wrong else 200)


def _form(
    request: HttpRequest, op: str, names: Names, is_sent: bool
) -> tuple[ChangeForm | None, Change | None]:
    """The form of the chosen operation, and the change if it was sent and is whole."""
    if not op:
        return None, None
    if not (is_sent and request.method == "POST"):
        initial = {name: request.GET[name] for name in FIELDS if name in request.GET}
        return ChangeForm(op=op, names=names, initial=initial), None
    form = ChangeForm(request.POST, op=op, names=names)
    return form, form.change if form.is_valid() else None


def _kept(sent: Iterable[str]) -> list[Change]:
    """The changes so far; what is not of this form is left out."""
    found = []
    for text in list(sent)[:MOST]:
        try:
            change = json.loads(text[: 8 * LONGEST])
            read([change])
        except (ValueError, RecursionError, Refusal):
            continue
        found.append(change)
    return found


def _words(refusal: Refusal) -> Iterable[str]:
    for field, said in (refusal.fields or {}).items():
        label = FIELDS.get(field.rpartition(".")[2], "")
        for one in said:
            yield f"{label}: {one}" if label else str(one)
    if not refusal.fields:
        yield str(_("The person, project or team is not here, or not for you to see."))


def _of_those_kept(
    request: HttpRequest, selection: Selection, changes: list[Change]
) -> dict[str, Any]:
    """What cannot be made any more, since another was removed, is said."""
    if not changes:
        return {}
    try:
        return _outcome(request, selection, changes)
    except Refusal as refusal:
        return {"conflicts": list(_words(refusal))}


def _outcome(request: HttpRequest, selection: Selection, changes: list[Change]) -> dict[str, Any]:
    """What these changes would do. Raises `Refusal` where one cannot be made after those before it."""
    found = simulate(by=request.user, selection=selection, changes=read(changes))
    counts = found["counts"]
    return {
        "counts": counts,
        "is_nothing": not any(counts.values()),
        "gained": [_line(row) for row in found["gained"][:SHOWN]],
        "lost": [_line(row) for row in found["lost"][:SHOWN]],
        "changed": [
            (_line(pair["before"]), _line(pair["after"])) for pair in found["changed"][:SHOWN]
        ],
        "shown": SHOWN,
    }


def _line(row: dict[str, Any]) -> dict[str, Any]:
    path = Path(row["role"], row["via"], row["chats"], row["custom_role"] or "")
    return {**row, "said": words.said(path, is_open=row["open"])}
