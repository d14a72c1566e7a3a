"""Seeing the portal as somebody else: a platform admin, for a reason, for a while, and the person is told.

The admin's session stays theirs. Each deed in it carries both people (`accounts.live_impersonations` says whether it
still holds, `accounts.standing_in` what is closed meanwhile), and its end leads back to the admin's own session.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import live_impersonations, notices
from accounts.live_impersonations import Live, may_stand_for
from accounts.models import Impersonation, User
from audit import trail
from audit.changes import sealed
from audit.models import Entry
from portal.context import Actor, current, entered
from portal.errors import Refusal
from portal.recording import announce
from portal.tenancy import EVERYTHING, tenant

MINUTES = (5, 15, 30)
SHORTEST_REASON, LONGEST_REASON = 10, 300
VIEWED, READ = "viewed_while_impersonating", "read_while_impersonating"
ACTED, REFUSED = "acted_while_impersonating", "refused_while_impersonating"
Ending: Any = Impersonation.Ending
EVENTS = {Ending.EXPIRED: "impersonation_expired", Ending.WITHDRAWN: "impersonation_withdrawn"}


def start(
    *, by: User, user: User, session: str, reason: str, minutes: int, may_write: bool = False
) -> Impersonation:
    """`by` sees the portal as `user`, in the session with this uid. Another one of theirs ends with it.

    Raises `Refusal`, which is an event too: `permission_denied` for whoever is no platform admin, for oneself, for
    equals and the inactive, for keys and tokens, and while one impersonates already; `validation_failed`.
    """
    try:
        return _start(by, user, session, reason.strip(), minutes, may_write)
    except Refusal as refusal:
        if refusal.code != "audit_unavailable":
            trail.record(
                action="impersonation_refused",
                target=user,
                reason=refusal.code,
                status=refusal.status,
            )
        raise


@transaction.atomic
def _start(
    by: User, user: User, session: str, reason: str, minutes: int, may_write: bool
) -> Impersonation:
    context = current()
    if context.actor.kind != "user" or context.actor.id != str(by.pk):
        raise Refusal("permission_denied", _("People impersonate, signed in; keys do not."))
    if context.on_behalf_of is not None:
        raise Refusal("permission_denied", _("Not while you act as somebody else."))
    people = User.objects.select_for_update().in_bulk({by.pk, user.pk})
    admin, person = people.get(by.pk), people.get(user.pk)
    if admin is None or person is None or not may_stand_for(admin, person):
        raise Refusal("permission_denied", _("You may not act as this person."))
    if minutes not in MINUTES:
        raise Refusal("validation_failed", fields={"minutes": [_("Not one of the choices.")]})
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        words = _("Between %(least)d and %(most)d characters.")
        words %= {"least": SHORTEST_REASON, "most": LONGEST_REASON}
        raise Refusal("validation_failed", fields={"reason": [words]})
    for other in Impersonation.objects.filter(admin=admin, ended_at__isnull=True):
        end(impersonation=other, ending=Ending.REPLACED)
    now = timezone.now()
    row = Impersonation(
        admin=admin,
        user=person,
        session=session,
        reason=reason,
        may_write=may_write,
        started_at=now,
        ends_at=now + timedelta(minutes=minutes),
    )
    if not live_impersonations.holds(row):
        raise Refusal("permission_denied", _("Only in a session of your own."))
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Refusal("conflict", _("You act as somebody else already.")) from None
    _record_start(row, reason)
    announce(Impersonation)
    return row


def _record_start(row: Impersonation, reason: str) -> None:
    subject = f"accounts.User:{row.user_id}"
    changes = {
        "reason": [None, sealed(reason, subject=subject, place="accounts.User.reason")],
        "may_write": [None, row.may_write],
        "ends_at": [None, row.ends_at],
    }
    trail.record(action="impersonation_started", target=row.user, changes=changes)
    notices.tell(
        row.user_id,
        "impersonation_started",
        by=row.admin.email,
        until=f"{row.ends_at:%Y-%m-%d %H:%M} UTC",
        reason=reason,
        rights=_("They may act as you.") if row.may_write else _("They may look, and not act."),
    )


@transaction.atomic
def end(*, impersonation: Impersonation, ending: str = Ending.ENDED) -> bool:
    """Ends it, records it and tells the person what was done; doing it twice changes nothing. True the first time."""
    rows = Impersonation.objects.filter(pk=impersonation.pk, ended_at__isnull=True)
    if not rows.update(ended_at=timezone.now(), ending=ending):
        return False
    done = _done(impersonation)
    with _as_the_admin(impersonation):
        trail.record(
            action=EVENTS.get(Ending(ending), "impersonation_ended"),
            target=impersonation.user,
            changes={name: [None, count] for name, count in done.items()},
            reason=ending,
        )
    notices.tell(
        impersonation.user_id,
        "impersonation_ended",
        by=impersonation.admin.email,
        start=f"{impersonation.started_at:%Y-%m-%d %H:%M} UTC",
        **done,
    )
    announce(Impersonation)
    return True


def stop(live: Live, ending: str = Ending.ENDED) -> None:
    """By the admin, in the session that carries it."""
    row = Impersonation.objects.select_related("admin", "user").get(uid=live.uid)
    end(impersonation=row, ending=ending)


def close(uid: str) -> None:
    """Of a session that carries it still: ends it, by time or because a right is gone, if nobody did."""
    row = Impersonation.objects.select_related("admin", "user").filter(uid=uid).first()
    if row is not None and row.ended_at is None:
        is_over = row.ends_at <= timezone.now()
        end(impersonation=row, ending=Ending.EXPIRED if is_over else Ending.WITHDRAWN)


def close_overdue() -> int:
    """Ends those that hold no longer though nobody came by to notice. Returns how many."""
    rows = Impersonation.objects.select_related("admin", "user").filter(ended_at__isnull=True)
    overdue = [row for row in rows if not live_impersonations.holds(row)]
    for row in overdue:
        close(row.uid)
    return len(overdue)


@contextmanager
def _as_the_admin(row: Impersonation) -> Iterator[None]:
    """Whoever notices that it is over, the entry names both people."""
    admin, user = (Actor("user", str(one.pk), one.email) for one in (row.admin, row.user))
    with entered(replace(current(), actor=admin, on_behalf_of=user)):
        yield


def _done(row: Impersonation) -> dict[str, Any]:
    """What was done, in numbers, from the trail."""
    with tenant(EVERYTHING):
        actions = Entry.objects.filter(
            actor_id=str(row.admin_id),
            on_behalf_of_id=row.user_id,
            created_at__gte=row.started_at,
            action__in=(VIEWED, READ, ACTED, REFUSED),
        ).values_list("action", flat=True)
        counted = Counter(actions.order_by())
    return {
        "viewed": counted[VIEWED],
        "read": counted[READ],
        "acted": counted[ACTED],
        "refused": counted[REFUSED],
    }
