"""Who is in a team, as what: the built-in roles, and custom ones that keep a part of one."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.errors import Refusal
from teams.models.teams import Team
from teams.querysets import InTeamQuerySet
from teams.roles import PERMISSIONS, Rights, Role

BELOW_OWNERS = [choice for choice in Role.choices if choice[0] != Role.OWNER]


class CustomRole(models.Model):
    """A team's own role: one of the built-in ones, of whose permissions it keeps a part.

    The base decides which projects its holders see and chat in. It stays, and there is none of owners.
    """

    team = models.ForeignKey(
        Team,
        on_delete=models.CASCADE,
        related_name="custom_roles",
        help_text=_("Whose role; it stays."),
    )
    name = models.CharField(_("name"), max_length=60, help_text=_("As people read it."))
    base = models.CharField(
        _("base"),
        max_length=10,
        choices=BELOW_OWNERS,
        help_text=_("Which projects its holders see, and whether they chat; it stays."),
    )
    permissions = models.JSONField(
        _("permissions"),
        default=list,
        blank=True,
        help_text=_("What is kept of what the base may do."),
    )

    objects = InTeamQuerySet.as_manager()

    class Meta:
        ordering = ["team", "name"]
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="custom_role_once"),
            models.CheckConstraint(
                condition=models.Q(base__in=["admin", "member", "viewer"]),
                name="custom_role_base_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        kept = self.permissions
        known = PERMISSIONS.get(self.base, frozenset())
        if not isinstance(kept, list) or not all(isinstance(name, str) for name in kept):
            raise ValidationError({"permissions": _("Write a list of permissions.")})
        if unknown := sorted(set(kept) - known):
            words = _("The base has no such permission: %(names)s.")
            raise ValidationError({"permissions": words % {"names": ", ".join(unknown)[:200]}})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuses, at whatever door, a permission that the base does not have."""
        self.clean()
        super().save(*args, **kwargs)


def check_custom_role(row: Any) -> None:
    """Raises `Refusal` if a membership's or mapping's custom role is another team's, or stands on another base."""
    own = row.custom_role
    if own is not None and (own.team_id != row.team_id or own.base != row.role):
        raise Refusal(
            "validation_failed",
            fields={"custom_role": [_("This role is another team's, or has another base.")]},
        )


def rights_as(role: str, custom_role: CustomRole | None) -> Rights:
    """What such a membership would give."""
    return Rights.of(role, None if custom_role is None else custom_role.permissions)


def rights_of(row: Any) -> Rights:
    """What a membership, or a group's mapping, gives."""
    return rights_as(row.role, row.custom_role)


def role_name(row: Any) -> str:
    """What a membership's or mapping's role is called: a custom role's own name where there is one."""
    return str(row.get_role_display() if row.custom_role is None else row.custom_role.name)


class Membership(models.Model):
    """A user's role in a team; with a custom role, the part of it that this keeps."""

    team = models.ForeignKey(
        Team,
        on_delete=models.CASCADE,
        related_name="memberships",
        help_text=_("The team; it stays."),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="memberships",
        help_text=_("The person; it stays."),
    )
    role = models.CharField(
        _("role"),
        max_length=10,
        choices=Role.choices,
        default=Role.MEMBER,
        help_text=_("Viewers look, members chat, admins manage the team, owners also name owners."),
    )

    custom_role = models.ForeignKey(
        CustomRole,
        null=True,
        blank=True,
        on_delete=models.RESTRICT,  # a role in use stays: without it its holders could do more
        related_name="memberships",
        verbose_name=_("custom role"),
        help_text=_("One of the team's own, on the base of the role."),
    )
    from_groups = models.BooleanField(default=False, editable=False)

    objects = InTeamQuerySet.as_manager()

    class Meta:
        ordering = ["team", "user"]
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.team} · {self.role}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuses, at whatever door, a custom role of another team or on another base."""
        check_custom_role(self)
        super().save(*args, **kwargs)
