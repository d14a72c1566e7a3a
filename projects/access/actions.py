"""Deeds around access: what is taken out of the portal is in the trail."""

from typing import Any

from django.db import transaction

from audit import trail
from projects.access.loading import Selection
from projects.models import PermissionSnapshot


@transaction.atomic
def begin_export(*, by: Any, selection: Selection) -> None:
    """Before the first line is sent. What was asked for is named by id: an entry outlives names."""
    parts = {"team": selection.team, "user": selection.user, "project": selection.project}
    named = {name: [None, key] for name, key in parts.items() if key is not None}
    trail.record(action="access_exported", target=by, changes=named)


@transaction.atomic
def begin_history_export(
    *, by: Any, before: PermissionSnapshot, after: PermissionSnapshot | None
) -> None:
    """The same for the difference between two moments; the present is a moment without a snapshot."""
    days = [str(before.day), str(after.day) if after is not None else "now"]
    trail.record(action="access_changes_exported", target=by, changes={"days": days})
