"""Writes an exchange down: its opening row, its closing on every way out, events, money and the trail."""

import logging
import time
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, IntegrityError, connection
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import trail
from guards.models import GuardEvent
from portal import keyring
from portal.context import current
from portal.errors import Refusal
from portal.tenancy import Deed, tenant
from projects import holds, routes
from projects.budgets import (
    KEY,
    PROJECT,
    PURSES,
    TEAM,
    Charge,
    Purse,
    Reservation,
    micros,
    settle,
)
from projects.models import Conversation, Exchange, Message, Project
from projects.models.usage import owner_of
from projects.opening import open_exchange
from projects.outcomes import OUTCOMES
from projects.passage import Passage

logger = logging.getLogger("projects.ledger")


def open_row(passage: Passage, reservation: Reservation | None) -> Purse | None:
    """The usage row, written before the provider is asked: a crash leaves a row that says *crashed*.

    It and the reservation are made together or not at all; else the answer is the budget that has no room for it.
    Raises `Refusal("not_found")` where what the caches of this process still know was deleted elsewhere.
    """
    row = Exchange(**_identity(passage))
    try:
        too_small = open_exchange(row, passage.scope, reservation)
    except IntegrityError as error:
        routes.forget()
        passage.route = passage.conversation = None
        if passage.caller.user is None:
            passage.caller = None  # a visitor is their widget's, which went too: nobody known asked
        raise Refusal("not_found", _("There is no such project.")) from error
    if too_small is None:
        passage.row = row
    return too_small


def close(passage: Passage) -> None:
    """Settles once: the usage row, the money, guard events, the conversation, the audit entry, in one transaction.

    Raises `Refusal("audit_unavailable")` if the trail cannot be written; nothing of the closing is kept then.
    """
    if passage.is_closed:
        return
    may_keep, opened = _may_keep(passage), passage.row
    passage.is_closed = True
    passage.latency_ms = round((time.monotonic() - passage.started) * 1000)
    try:
        _write(passage, may_keep)
    except DatabaseError:  # of a foreign key, or of the policies
        if passage.route is None or not _is_without_project(passage):
            raise
        passage.row, passage.conversation = opened, None
        if opened is None:
            passage.route = None
        _write(passage, may_keep)


def _is_without_project(passage: Passage) -> bool:
    """Whether it was deleted while the model answered: a new conversation in it cannot be kept, all else can."""
    with tenant(passage.scope):
        return not Project.objects.filter(pk=passage.route.project_id).exists()


def _write(passage: Passage, may_keep: bool) -> None:
    outcome = OUTCOMES[passage.outcome]
    with tenant(passage.scope, atomic=True) as deed:
        if passage.row is None:
            passage.row = Exchange(**_identity(passage))
            passage.row.save(force_insert=True)
        _close_row(passage.row, _result(passage, may_keep))
        if passage.route and passage.month:
            _settle(deed, passage)
        _record_events(passage)
        if may_keep:
            _keep_messages(passage)
        if outcome.audited:
            _record_in_trail(passage)


def _close_row(row: Exchange, values: dict[str, Any]) -> None:
    """What the sweeper closed before has given back what it held, and holds nothing any more."""
    rows = Exchange.objects.filter(pk=row.pk)
    if not rows.filter(closed_at__isnull=True).update(**values):
        rows.update(**values)
        for purse in PURSES:
            setattr(row, purse.column, 0)


def _settle(deed: Deed, passage: Passage) -> None:
    route, row, spent = passage.route, passage.row, micros(passage.cost or Decimal(0))
    charges = [
        Charge(PROJECT, (route.project_id, route.team_id), spent, row.reserved_micros),
        Charge(TEAM, (route.team_id,), spent, row.team_reserved_micros),
    ]
    if passage.caller.key is not None:
        owner = (passage.caller.key.pk, passage.caller.user.pk)
        charges.append(Charge(KEY, owner, spent, row.key_reserved_micros))
    settle(deed, exchange=row.pk, month=passage.month, charges=charges)


def _identity(passage: Passage) -> dict[str, Any]:
    question, route, caller = passage.question, passage.route, passage.caller
    return {
        "uid": passage.uid,
        "created_at": passage.opened_at or timezone.now(),
        "door": passage.arrival.door,
        "project_id": route.project_id if route else None,
        "project_slug": passage.project_slug[:64],
        "team_id": route.team_id if route else getattr(caller, "team_id", None),
        "user_id": caller.user.pk if caller and caller.user else None,
        "acted_by_id": passage.acted_by_id,
        "key_id": caller.key.pk if caller and caller.key else None,
        "visitor": getattr(caller, "id", "") or "",
        "conversation_id": passage.conversation.pk if passage.conversation else None,
        "provider_slug": route.provider.slug if route else "",
        "model_name": route.model.name if route else "",
        "streamed": bool(question and question.stream),
        "request_id": current().request_id,
    }


def _result(passage: Passage, may_keep: bool) -> dict[str, Any]:
    guard = passage.guard or {}
    values: dict[str, Any] = {
        "closed_at": timezone.now(),
        "outcome": passage.outcome,
        "status": OUTCOMES[passage.outcome].status,
        "prompt_tokens": passage.prompt_tokens,
        "completion_tokens": passage.completion_tokens,
        "tokens_estimated": passage.tokens_estimated,
        "cost": passage.cost,
        "latency_ms": passage.latency_ms,
        "guard_action": guard.get("action", ""),
        "guard_stage": guard.get("stage", ""),
        "guards": guard.get("guards", []),
    }
    if passage.provider_seconds_to_first is not None:
        values["first_token_ms"] = round(passage.provider_seconds_to_first * 1000)
    if passage.log_content and passage.outcome != "blocked_input" and may_keep:
        texts = {"question": "\n\n".join(passage.sent_texts), "answer": passage.answer}
        for name, text in texts.items():
            values[name] = Exchange._meta.get_field(name).sealed_for(passage.row, text)
    return values


def require_key(passage: Passage) -> None:
    """Raises `content_unreadable` while nothing is asked yet, if what is said is to be kept and the key does not open."""
    _may_keep(passage)


def _may_keep(passage: Passage) -> bool:
    """Not for somebody whose key was destroyed: there is nothing to encrypt their words under."""
    if passage.outcome == "content_unreadable" or not (
        passage.log_content or passage.conversation is not None
    ):
        return False
    caller = passage.caller
    owner = owner_of(
        user_id=caller.user.pk if caller and caller.user else None,
        visitor=getattr(caller, "id", "") or "",
        team_id=passage.route.team_id if passage.route else None,
    )
    try:
        return keyring.is_usable(owner)
    except keyring.Unreadable as error:
        passage.outcome = "content_unreadable"
        raise Refusal("content_unreadable") from error


def _record_events(passage: Passage) -> None:
    if passage.route is None:
        return
    for inspection in (passage.input, passage.output):
        if inspection is None or not any(o.findings or o.error for o in inspection.outcomes):
            continue
        GuardEvent.objects.record(
            inspection=inspection,
            team_id=passage.route.team_id,
            user_id=passage.caller.user.pk if passage.caller.user else None,
            acted_by_id=passage.acted_by_id,
            project_slug=passage.route.slug,
            exchange=passage.uid,
        )


def _keep_messages(passage: Passage) -> None:
    """The conversation as it is after the guards; a question that a guard kept is stored nowhere."""
    conversation = passage.conversation
    if conversation is None or passage.outcome not in KEPT:
        return
    withheld = passage.outcome == "blocked_input"
    text = "" if withheld else "\n\n".join(passage.sent_texts)
    if conversation.pk is None:
        conversation.title = title_of(text)
        conversation.save()
        Exchange.objects.filter(pk=passage.row.pk).update(conversation=conversation)
    elif not Conversation.objects.filter(pk=conversation.pk).update(updated_at=timezone.now()):
        return  # deleted while the model answered: it stays deleted
    elif passage.replaces is not None:
        holds.give_way(conversation.messages.filter(pk__gte=passage.replaces))
    Message.objects.bulk_create(
        Message(
            conversation=conversation,
            role=role,
            content=content,
            withheld=kept_back,
            exchange_id=passage.row.pk,
        )
        for role, content, kept_back in (
            (Message.Role.USER, text, withheld),
            (Message.Role.ASSISTANT, passage.answer, passage.outcome == "blocked_output"),
        )
    )


FAILED = {
    *("provider_error", "provider_timeout", "crashed", "guard_unavailable", "content_unreadable"),
}
KEPT = {"answered", "blocked_input", "blocked_output", "aborted"}


def title_of(text: str) -> str:
    """The first line of the question, cut at a word, at most 60 characters."""
    line = " ".join(text.split())
    if len(line) <= 60:
        return line
    return line[:60].rsplit(" ", 1)[0] + " …"


def _record_in_trail(passage: Passage) -> None:
    verb = "blocked" if passage.outcome.startswith("blocked") else "refused"
    if passage.outcome in FAILED:
        verb = "failed"
    guard = passage.guard
    trail.record(
        action=f"exchange_{verb}",
        target_type="projects.Exchange",
        target_id=passage.uid,
        target_label=passage.project_slug[:64],
        team_id=passage.route.team_id if passage.route else None,
        status=OUTCOMES[passage.outcome].status,
        outcome="failed" if verb == "failed" else "refused",
        reason=passage.outcome if not guard else f"{passage.outcome}: {', '.join(guard['guards'])}",
    )


def close_failed(passage: Passage) -> None:
    """Closing that must not hide the error that led here; what cannot be written is left to the sweeper."""
    try:
        close(passage)
    except (DatabaseError, Refusal):
        passage.is_closed = False
    except Exception:
        logger.exception("an exchange could not be closed")
        passage.is_closed = False


def release_connection() -> None:
    """Gives the database connection back before the provider is asked: none is held while it streams."""
    if not connection.in_atomic_block:
        connection.close()
