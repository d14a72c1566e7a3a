"""A team, a project, a person and a key with a history: one row at least of everything that points at them."""

from typing import Any

from django.apps import apps
from django.db import models
from django.utils import timezone

from accounts import notices
from accounts.models import (
    Impersonation,
    Key,
    Notice,
    PendingChange,
    RecoveryCode,
    RecoveryDevice,
    Session,
    TokenFamily,
    TotpDevice,
)
from guards.models import Guard, GuardAttachment, GuardEvent
from projects.models import (
    AccessReview,
    Conversation,
    Exchange,
    KeySpend,
    ProjectGuard,
    ProjectMember,
    ReviewLine,
    Spend,
    TeamSpend,
)
from projects.review_actions import open_review
from teams.models import (
    Branding,
    CustomRole,
    Group,
    GroupMapping,
    GroupMember,
    LegalHold,
    Membership,
)
from tests.cast import Cast
from widget.models import Widget

# Foreign keys of which no row is ever written, and why.
NEVER_WRITTEN = {
    "admin.LogEntry.user": "the trail is written instead",
    "teams.LegalHold.held_team": "a team that is held is not deleted: tests/teams/test_holds.py",
    "teams.LegalHold.held_person": "a person who is held is not deleted either",
    "account.EmailAddress.user": "people's addresses are their e-mail",
    "account.EmailConfirmation.email_address": "no row is ever made",
}


def with_history(cast: Cast) -> Cast:
    """`cast`, whose research, assistant and marco have a past; `cast.his` is a key of his, confined to assistant."""
    marco, team, project, month = cast.marco, cast.research, cast.assistant, "2026-11-01"
    cast.key(marco, projects=["assistant", "drafts"])
    cast.his = key = Key.objects.get(user=marco)
    _persons_own(cast)
    role = CustomRole.objects.create(team=team, name="Helper", base="viewer", permissions=[])
    Membership.objects.create(team=team, user=cast.sam, role="viewer", custom_role=role)
    group = Group.objects.create(source="ldap", name="chemists")
    GroupMember.objects.create(group=group, user=marco)
    GroupMapping.objects.create(group=group, team=team, role="viewer", custom_role=role)
    Branding.objects.create(team=team, app_name="Lab")
    guard = Guard.objects.create(slug="own", name="Own", kind="limits", team=team)
    GuardAttachment.objects.create(guard=guard, team=team, stage="input")
    ProjectGuard.objects.create(project=project, guard=guard, stage="output")
    ProjectMember.objects.create(project=project, user=marco)
    Spend.objects.create(project=project, month=month, spent_micros=7)
    TeamSpend.objects.create(team=team, month=month, spent_micros=7)
    KeySpend.objects.create(key=key, month=month, spent_micros=7)
    Widget.objects.create(project=project, name="Chat")
    talk = Conversation.objects.create(project=project, user=marco, title="Names")
    row = Exchange.objects.create(
        project=project,
        team=team,
        project_slug=project.slug,
        user=marco,
        acted_by=cast.admin,
        key=key,
        conversation=talk,
        question="What is it?",
        answer="This.",
        cost="0.000007",
        closed_at=timezone.now(),
    )
    Exchange.objects.create(project_slug="x", acted_by=marco)
    talk.messages.create(role="user", content="What is it?", exchange=row)
    GuardEvent.objects.create(guard_version=1, team=team, user=marco, project_slug=project.slug)
    GuardEvent.objects.create(guard_version=1, acted_by=marco)
    open_review(by=cast.olivia, team=team, due_on=timezone.localdate())
    AccessReview.objects.update(opened_by=marco, closed_by=marco)
    ReviewLine.objects.filter(user=marco).update(decided_by=marco)
    return cast


def _persons_own(cast: Cast) -> None:
    marco, now = cast.marco, timezone.now()
    PendingChange.objects.create(
        target_model="projects.Project",
        verb="change",
        content={},
        proposed_by=marco,
        decided_by=marco,
        expires_at=now,
    )
    LegalHold.objects.create(held_person=cast.sam, reason="A court asked", placed_by=marco)
    for admin, user in ((cast.admin, marco), (marco, cast.vera)):
        Impersonation.objects.create(admin=admin, user=user, reason="To look", ends_at=now)
    TotpDevice.objects.create(user=marco, name="Phone", confirmed=False)
    device = RecoveryDevice.objects.create(user=marco, name="Paper")
    RecoveryCode.objects.create(device=device, digest="0" * 64)
    notices.tell(marco.pk, "guessing", address="192.0.2.1")
    assert Notice.objects.filter(user=marco).exists()
    Session.objects.create(session_key="x", user=marco, expire_date=now, ends_at=now)
    ends = {"authenticated_at": now, "idle_ends_at": now, "ends_at": now}
    TokenFamily.objects.create(user=marco, digest="1" * 64, epoch=0, **ends)


def foreign_keys() -> list[tuple[type[models.Model], Any]]:
    """(model, field) of every foreign key there is, join tables included."""
    return [
        (model, field)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
        for field in model._meta.concrete_fields
        if field.is_relation
    ]


def reached_from(row: models.Model) -> dict[str, set[Any]]:
    """By foreign key that leads, also through other rows, to this one: the keys of the rows that do."""
    reached: dict[Any, set[Any]] = {type(row): {row.pk}}
    found: dict[str, set[Any]] = {}
    keys = foreign_keys()
    for _round in range(len(keys)):
        before = {model: len(rows) for model, rows in reached.items()}
        for model, field in keys:
            if field.related_model not in reached:
                continue
            rows = model._base_manager.filter(
                **{f"{field.name}__in": reached[field.related_model]}
            ).values_list("pk", flat=True)
            found.setdefault(f"{model._meta.label}.{field.name}", set()).update(rows)
            reached.setdefault(model, set()).update(rows)
        if before == {model: len(rows) for model, rows in reached.items()}:
            return found
    return found


def snapshot() -> dict[str, list[Any]]:
    """All rows of all tables."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
    }


def orphans() -> list[str]:
    """Foreign keys that name a row which is not there."""
    return [
        f"{model._meta.label}.{field.name}"
        for model, field in foreign_keys()
        if model._base_manager.filter(**{f"{field.name}__isnull": False})
        .exclude(**{f"{field.attname}__in": field.related_model._base_manager.values("pk")})
        .exists()
    ]
