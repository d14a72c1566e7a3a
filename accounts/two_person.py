"""The two-person rule: what would weaken waits as a `PendingChange` until somebody else approves it.

`portal.weakenings` sees what a deed would do and undoes it; here it is kept, row by row, and who may make it is asked.
What becomes of it is in `accounts/pending_actions.py`.
"""

import copy
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import PendingChange, User
from audit import trail
from portal.context import current
from portal.errors import Refusal
from portal.recording import announce
from portal.weakenings import MOST_STEPS, Step

LIFETIME = timedelta(days=7)
SHORTEST_REASON, LONGEST_REASON = 10, 300

Right = Callable[[Any, Any, Any], bool]
_rights: dict[str, list[Right]] = {}
_approvers: list[Callable[[int | None], Iterable[Any]]] = []


def register_right(label: str, right: Right) -> None:
    """`right(user, before, after)` says whether they may make this change of a row, beside the permission to its verb."""
    _rights.setdefault(label, []).append(right)


def register_approvers(function: Callable[[int | None], Iterable[Any]]) -> None:
    """`function(team_id)` gives people, beside platform admins, who might approve what is of this team."""
    _approvers.append(function)


def check_reason(reason: str) -> str:
    """The reason as it is kept; raises `Refusal("validation_failed")`."""
    reason = " ".join("".join(one if one.isprintable() else " " for one in reason).split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        words = _("Between %(least)d and %(most)d characters.")
        words %= {"least": SHORTEST_REASON, "most": LONGEST_REASON}
        raise Refusal("validation_failed", fields={"reason": [words]})
    return reason


@transaction.atomic
def propose(
    *, by: User, steps: list[Step], reason: str, model: Any = None, key: Any = None
) -> PendingChange:
    """Keeps what was undone. `by` is who acts, not in whose name."""
    reason = check_reason(reason)
    if len(steps) > MOST_STEPS:
        words = _("At most %(count)d rows at once need a second person.") % {"count": MOST_STEPS}
        raise Refusal("conflict", words)
    target = _target(steps, model, key)
    teams = {getattr(step.row, "team_id", None) for step in steps}
    change = PendingChange(
        target_model=target.model._meta.label,
        target_id="" if target.verb == "add" else str(target.key),
        target_label=_label(steps, target),
        rows="|" + "".join(f"{name}|" for name in sorted(_names(steps, model, key))),
        team_id=teams.pop() if len(teams) == 1 else None,
        verb=target.verb,
        content={"steps": [as_content(step) for step in steps]},
        reason=reason,
        proposed_by=by,
        expires_at=timezone.now() + LIFETIME,
    )
    change.save()
    rows = [f"{step['model']} {step['id']}" for step in change.content["steps"]]
    record(change, "change_proposed", {"rows": [None, rows]})
    announce(PendingChange)
    return change


def record(change: PendingChange, action: str, changes: dict[str, Any]) -> None:
    trail.record(
        action=action,
        target=change,
        changes=changes,
        reason=change.reason,
        team_id=change.team_id,
    )


def _target(steps: list[Step], model: Any, key: Any) -> Step:
    """The step of the page's own row, or else the first that weakens."""
    mine = [step for step in steps if step.model is model and key in (None, str(step.key))]
    weaker = [step for step in steps if step.is_weaker]
    return next((step for step in mine if step.is_weaker), (weaker or steps)[0])


def _label(steps: list[Step], target: Step) -> str:
    more = len(steps) - 1
    words = str(target.row)[:160]
    return _("%(row)s and %(count)d more") % {"row": words, "count": more} if more else words


def _names(steps: list[Step], model: Any, key: Any) -> set[str]:
    """Of the rows themselves, the page they were changed on, and the rows that they hang on."""
    found = {f"{step.model._meta.label}:{step.key}" for step in steps if step.verb != "add"}
    if model is not None and key is not None:
        found.add(f"{model._meta.label}:{key}")
    for step in steps:
        for field in step.model._meta.concrete_fields:
            about = getattr(step.row, field.attname) if field.is_relation else None
            if about is not None and field.name in ("project", "guard", "team"):
                found.add(f"{field.related_model._meta.label}:{about}")
    return found


def as_content(step: Step) -> dict[str, Any]:
    return {
        "model": step.model._meta.label,
        "id": "" if step.verb == "add" else str(step.key),
        "label": str(step.row)[:200],
        "verb": step.verb,
        "is_weaker": step.is_weaker,
        "before": {name: as_kept(held) for name, held in step.before.items()},
        "after": {name: as_kept(held) for name, held in step.after.items()},
    }


def as_kept(held: Any) -> Any:
    """A value as JSON that its field understands again, exactly."""
    if isinstance(held, datetime | date):
        return held.isoformat()
    return str(held) if isinstance(held, Decimal) else held


def as_held(field: models.Field, kept: Any) -> Any:
    if kept is None:
        return None
    return field.target_field.to_python(kept) if field.is_relation else field.to_python(kept)


def model_of(step: dict[str, Any]) -> type[models.Model]:
    return apps.get_model(step["model"])


def stored_row(step: dict[str, Any], *, lock: bool = False) -> Any:
    """The row that a step is about, as it is now; None for one that is not there."""
    rows = model_of(step)._base_manager.filter(pk=step["id"] or None)
    return (rows.select_for_update(of=("self",)) if lock else rows).first()


def row_after(step: dict[str, Any], row: Any) -> Any:
    """The row as the step would leave it; None where it goes."""
    if step["verb"] == "delete":
        return None
    model = model_of(step)
    found = copy.copy(row) if row is not None else model()
    for name, kept in step["after"].items():
        field: Any = model._meta.get_field(name)
        if not field.primary_key:
            found.__dict__[field.attname] = as_held(field, kept)
            found._state.fields_cache.pop(name, None)
    return found


def may_make(user: Any, change: PendingChange) -> bool:
    """Whether they may make every step of it themselves, of the rows as they are now."""
    if user is None or not user.is_active:
        return False
    return all(_may(user, step, stored_row(step)) for step in change.content["steps"])


def _may(user: Any, step: dict[str, Any], row: Any) -> bool:
    model, after = model_of(step), row_after(step, row)
    permission = f"{model._meta.app_label}.{step['verb']}_{model._meta.model_name}"
    if row is None and step["verb"] != "add":
        return bool(user.has_perm(permission))  # it is gone, and so nothing will be made
    sides = [side for side in (row, after) if side is not None]
    if not all(user.has_perm(permission, side) for side in sides):
        return False
    return all(right(user, row, after) for right in _rights.get(model._meta.label, ()))


def may_decide(user: Any, change: PendingChange) -> bool:
    """Somebody else than who proposed it, who may make this very change themselves."""
    if user.pk == change.proposed_by_id:
        return False
    return user.has_perm("accounts.change_pendingchange", change) and may_make(user, change)


def somebody_could_approve(change: PendingChange) -> bool:
    """Whether anybody at all, beside who proposed it, could."""
    found = list(User.objects.filter(is_superuser=True, is_active=True))
    for function in _approvers:
        found += function(change.team_id)
    return any(may_decide(user, change) for user in found)


def acting_person(request: Any) -> User:
    """Who sits before the screen: the platform admin, whomever they act as."""
    live = getattr(request, "impersonation", None)
    return live.admin if live is not None else request.user


def require_oneself(by: User) -> None:
    """A decision is a person's own: not by a key, and not in somebody else's name."""
    context = current()
    if context.actor.kind != "user" or context.actor.id != str(by.pk):
        raise Refusal("permission_denied", _("People decide, signed in; keys do not."))
    if context.on_behalf_of is not None:
        raise Refusal("permission_denied", _("Not while you act as somebody else."))
