"""Groups of people as a directory, a sign-in or an administrator names them, and the roles that they give in teams."""

from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.recording import RecordedQuerySet
from teams.models.memberships import BELOW_OWNERS, CustomRole, check_custom_role
from teams.models.teams import Team
from teams.querysets import InTeamQuerySet
from teams.roles import Role


class Group(models.Model):
    """Some people under one name. Empty `source`: its people are named here; else who says so ("ldap", "oidc:…")."""

    source = models.CharField(
        _("source"),
        max_length=120,
        blank=True,
        default="",
        validators=[RegexValidator(r"\A[a-z0-9][a-z0-9:._-]*\Z")],
        help_text=_("Who says who is in it: ldap, scim, oidc:name. Empty: you do. It stays."),
    )
    name = models.CharField(
        _("name"), max_length=400, help_text=_("Exactly as the source calls it.")
    )
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="GroupMember", related_name="+"
    )

    objects = RecordedQuerySet.as_manager()

    class Meta:
        ordering = ["source", "name"]
        constraints = [
            models.UniqueConstraint(fields=["source", "name"], name="group_once"),
        ]

    def __str__(self) -> str:
        return f"{self.source} · {self.name}" if self.source else self.name


class GroupMember(models.Model):
    """That a person is in a group."""

    group = models.ForeignKey(
        Group, on_delete=models.CASCADE, related_name="members", help_text=_("The group.")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="group_members",
        help_text=_("The person."),
    )

    objects = RecordedQuerySet.as_manager()

    class Meta:
        ordering = ["group", "user"]
        constraints = [
            models.UniqueConstraint(fields=["group", "user"], name="group_member_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.group}"


class GroupMapping(models.Model):
    """What a group gives its people in a team: a role below owner, or a custom role of that team."""

    group = models.ForeignKey(
        Group,
        on_delete=models.CASCADE,
        related_name="mappings",
        help_text=_("Whose people; it stays."),
    )
    team = models.ForeignKey(
        Team,
        on_delete=models.CASCADE,
        related_name="group_mappings",
        help_text=_("In which team; it stays."),
    )
    role = models.CharField(
        _("role"),
        max_length=10,
        choices=BELOW_OWNERS,
        default=Role.MEMBER,
        help_text=_("What they are in it. Groups make no owners."),
    )
    custom_role = models.ForeignKey(
        CustomRole,
        null=True,
        blank=True,
        on_delete=models.RESTRICT,
        related_name="group_mappings",
        verbose_name=_("custom role"),
        help_text=_("One of the team's own, on the base of the role."),
    )

    objects = InTeamQuerySet.as_manager()

    class Meta:
        ordering = ["team", "group"]
        constraints = [
            models.UniqueConstraint(fields=["group", "team"], name="group_mapping_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=["admin", "member", "viewer"]),
                name="group_mapping_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group} · {self.team} · {self.role}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuses, at whatever door, a custom role of another team or on another base."""
        check_custom_role(self)
        super().save(*args, **kwargs)
