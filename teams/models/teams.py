"""Teams, what limits them, and the models they are granted."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Key
from portal.address_lists import listed, validate_networks
from portal.context import current
from portal.errors import Refusal
from portal.models import Model
from portal.regions import validate_regions
from teams.querysets import (
    InTeamQuerySet,
    TeamQuerySet,
    refuse_mistakes,
)
from teams.ties import ties

# What limits the team: set by platform admins alone.
LIMITS = (
    *("requests_per_minute", "monthly_budget"),
    *("content_hours", "conversation_days", "usage_days", "event_days", "allowed_regions"),
)


class Team(models.Model):
    """A group of users. Its slug is unique in the installation."""

    slug = models.SlugField(
        _("slug"),
        max_length=64,
        unique=True,
        help_text=_("Its name in addresses and the API; it stays."),
    )
    name = models.CharField(_("name"), max_length=120, help_text=_("As people read it."))
    allowed_addresses = models.CharField(
        _("allowed addresses"),
        max_length=1000,
        blank=True,
        default="",
        validators=[validate_networks],
        help_text=_(
            "Networks from which its projects may be used, separated by commas: 203.0.113.0/24. Empty: all. "
            "Visitors of its widgets are strangers, and come from everywhere."
        ),
    )
    second_factor_required = models.BooleanField(
        _("second factor required"),
        default=False,
        help_text=_(
            "Its people sign in with a second factor; who has none is led through setting one up. "
            "Only owners and platform admins switch this off again."
        ),
    )
    requests_per_minute = models.PositiveIntegerField(
        _("requests a minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text=_("Of all its projects together; exact. Empty: no limit beside the projects'."),
    )
    monthly_budget = models.DecimalField(
        _("monthly budget in USD"),
        max_digits=14,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Of all its projects together. Empty: no limit beside the projects'."),
    )
    content_hours = models.PositiveIntegerField(
        _("logged content kept, in hours"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 366 * 10)],
        help_text=_("Question and answer in the usage log. Empty: as the platform keeps it."),
    )
    conversation_days = models.PositiveIntegerField(
        _("conversations kept, in days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(366 * 10)],
        help_text=_("After the last message in them. Empty: as the platform keeps them."),
    )
    usage_days = models.PositiveIntegerField(
        _("usage details kept, in days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(31), MaxValueValidator(366 * 10)],
        help_text=_(
            "Lines of the usage log; what they add up to stays. Empty: as the platform keeps them."
        ),
    )
    event_days = models.PositiveIntegerField(
        _("guard events kept, in days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(31), MaxValueValidator(366 * 10)],
        help_text=_("Empty: as the platform keeps them."),
    )
    allowed_regions = models.CharField(
        _("allowed regions"),
        max_length=500,
        blank=True,
        default="",
        validators=[validate_regions],
        help_text=_(
            "Where the providers of its models may be, separated by commas: eu, ch. Empty: everywhere. "
            "A provider that does not say where it is, is nowhere; the offline one is everywhere."
        ),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="teams"
    )

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(monthly_budget__isnull=True) | models.Q(monthly_budget__gte=0),
                name="team_budget_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(requests_per_minute__isnull=True)
                | models.Q(requests_per_minute__gte=1),
                name="team_rate_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refused in the form already: whoever changes the list and is in the team does not lock themselves out."""
        if self._locks_out():
            raise ValidationError({"allowed_addresses": _lock_out_words()})
        if mistakes := self._mistakes():
            raise ValidationError(mistakes)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuses, at whatever door, a list that locks out whoever saves it, and a budget that cannot hold."""
        if self._locks_out():
            raise Refusal("conflict", _lock_out_words())
        refuse_mistakes(self._mistakes())
        super().save(*args, **kwargs)

    def _mistakes(self) -> dict[str, Any]:
        """Of a budget as it would be; one that stays is not asked again."""
        if self._state.adding or self.monthly_budget is None:
            return {}
        stored = Team.objects.filter(pk=self.pk, monthly_budget=self.monthly_budget)
        return {} if stored.exists() else ties().mistakes(self)

    def _locks_out(self) -> bool:
        address = current().address
        if self._state.adding or not address or listed(address, self.allowed_addresses):
            return False
        stored = Team.objects.filter(pk=self.pk).values_list("allowed_addresses", flat=True)
        if self.allowed_addresses in stored:
            return False  # it is as it was: something else of the team changes
        me = _who_acts()
        return me is not None and self.memberships.filter(user_id=me).exists()

    @property
    def team_id(self) -> int:
        """A team belongs to itself; what `has_perm` asks of every tenant object."""
        return self.pk


def _who_acts() -> Any:
    """The person of the running request, by session or by key; None for nobody."""
    actor = current().actor
    if actor.kind == "key":
        return Key.objects.filter(public_id=actor.id).values_list("user_id", flat=True).first()
    return actor.id if actor.kind == "user" else None


def _lock_out_words() -> Any:
    words = _("With this, your own address %(address)s could not use the team's projects any more.")
    return words % {"address": current().address}


class TeamArchive(models.Model):
    """A team that is archived: nobody acts in it or through it, everything of it stays, and it may come back.

    A row of its own and no column, because it is asked before anybody's teams are in sight.
    """

    team = models.OneToOneField(
        Team, on_delete=models.CASCADE, related_name="archive", help_text=_("Which team.")
    )
    archived_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = InTeamQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.team} · {self.archived_at:%Y-%m-%d}"


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
