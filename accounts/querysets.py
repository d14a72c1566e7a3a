"""Which people and keys a person may see; higher rooms add their reasons."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self

from django.db.models import F, Q
from django.utils import timezone

from portal.recording import RecordedQuerySet

_visibilities: list[Callable[[Any, str], Q]] = []
_change_visibilities: list[Callable[[Any], Q]] = []


def register_visibility(function: Callable[[Any, str], Q]) -> None:
    """`function(user, permission) -> Q` over users: people of whom one sees this for reasons a higher room knows.

    The permission is "accounts.view_user" for themselves, "accounts.view_key" for their keys.
    """
    _visibilities.append(function)


def register_change_visibility(function: Callable[[Any], Q]) -> None:
    """`function(user) -> Q` over pending changes, beside those that one proposed oneself."""
    _change_visibilities.append(function)


def _people(user: Any, permission: str) -> Q:
    rule = Q(pk=user.pk)
    if not user.is_restricted:
        for function in _visibilities:
            rule |= function(user, permission)
    return rule


class UserQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """Oneself, and who else the rooms above allow; all for platform admins and auditors."""
        if not user.is_active or user.is_superuser or user.is_auditor:
            return super().visible_to(user)
        return self.filter(_people(user, "accounts.view_user"))


class OwnedQuerySet(RecordedQuerySet):
    """What is a person's alone: nobody else sees it, whatever they may."""

    def visible_to(self, user: Any) -> Self:
        return self.filter(user_id=user.pk) if user.is_active else self.none()


class SessionQuerySet(OwnedQuerySet):
    def live(self) -> Self:
        """Neither idle for too long nor too old, of a person who is active and whose epoch is still theirs."""
        now = timezone.now()
        return self.filter(
            expire_date__gt=now,
            ends_at__gt=now,
            user__is_active=True,
            epoch=F("user__session_epoch"),
        )


class TokenFamilyQuerySet(OwnedQuerySet):
    def live(self) -> Self:
        """Neither idle for too long nor too old, of a person who is active and whose epoch is still theirs."""
        now = timezone.now()
        return self.filter(
            idle_ends_at__gt=now,
            ends_at__gt=now,
            user__is_active=True,
            epoch=F("user__session_epoch"),
        )

    def over(self) -> Self:
        """Those whose tokens open nothing any more, whoever they belong to."""
        now = timezone.now()
        return self.filter(Q(idle_ends_at__lte=now) | Q(ends_at__lte=now))


class KeyQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """One's own keys, and those of the people one may see."""
        if not user.is_active or user.is_superuser or user.is_auditor:
            return super().visible_to(user)
        people = self.model._meta.get_field("user").related_model.objects
        people = people.filter(_people(user, "accounts.view_key"))
        return self.filter(user_id__in=people.values("pk"))

    def live(self) -> Self:
        """Neither revoked nor expired, of an owner who is active and may have keys."""
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()),
            revoked_at__isnull=True,
            user__is_active=True,
            user__is_restricted=False,
        )

    def opened_by(self, key: Any) -> Self:
        """The row of this key, if the secret that was shown for it still opens it."""
        of_before = Q(previous_digest=key.shown_digest, previous_ends_at__gt=timezone.now())
        return self.filter(Q(digest=key.shown_digest) | of_before, pk=key.pk)

    def with_secrets_older_than(self, days: int) -> Self:
        """Keys whose secret was made so many days ago, or earlier."""
        return self.filter(secret_made_at__lte=timezone.now() - timedelta(days=days))


class PendingChangeQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """Those that one proposed, and those of the teams that one administers; all for platform admins and auditors."""
        if not user.is_active or user.is_superuser or user.is_auditor:
            return super().visible_to(user)
        rule = Q(proposed_by_id=user.pk)
        if not user.is_restricted:
            for function in _change_visibilities:
                rule |= function(user)
        return self.filter(rule)

    def waiting(self) -> Self:
        return self.filter(decision="", expires_at__gt=timezone.now())

    def in_state(self, state: str) -> Self:
        """*waiting*, or how they ended; as `PendingChange.state` says it, also of those that are overdue."""
        if state == "waiting":
            return self.waiting()
        rule = Q(decision=state)
        if state == "expired":
            rule |= Q(decision="", expires_at__lte=timezone.now())
        return self.filter(rule)

    def about(self, row: Any) -> Self:
        """Those that have this row among theirs."""
        return self.filter(rows__contains=f"|{row._meta.label}:{row.pk}|")
