"""Teams are the tenants: groups of users with roles, and the models they are granted."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.models import Model
from teams.querysets import InTeamQuerySet, TeamQuerySet
from teams.roles import Role


class Team(models.Model):
    """A group of users. Its slug is unique in the installation."""

    slug = models.SlugField(
        _("slug"),
        max_length=64,
        unique=True,
        help_text=_("Its name in addresses and the API; it stays."),
    )
    name = models.CharField(_("name"), max_length=120, help_text=_("As people read it."))
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="teams"
    )

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def team_id(self) -> int:
        """A team belongs to itself; what `has_perm` asks of every tenant object."""
        return self.pk


class Membership(models.Model):
    """A user's role in a team."""

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


class Grant(models.Model):
    """A team's permission to use a model. No grant, no use."""

    team = models.ForeignKey(
        Team, on_delete=models.CASCADE, related_name="grants", help_text=_("Who may use the model.")
    )
    model = models.ForeignKey(
        Model,
        on_delete=models.CASCADE,
        related_name="grants",
        help_text=_("What they may use, in projects of this team."),
    )

    objects = InTeamQuerySet.as_manager()

    class Meta:
        ordering = ["team", "model"]
        constraints = [models.UniqueConstraint(fields=["team", "model"], name="grant_once")]

    def __str__(self) -> str:
        return f"{self.team} · {self.model}"
