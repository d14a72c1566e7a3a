"""Teams are the tenants: groups of users with roles, and the models they are granted."""

import hashlib
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Key
from portal.address_lists import listed, validate_networks
from portal.context import current
from portal.errors import Refusal
from portal.models import Model
from teams.colours import HEX, READABLE, lightened, worst_contrast
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
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="teams"
    )

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refused in the form already: whoever changes the list and is in the team does not lock themselves out."""
        if self._locks_out():
            raise ValidationError({"allowed_addresses": _lock_out_words()})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuses, at whatever door, a list that locks out whoever saves it."""
        if self._locks_out():
            raise Refusal("conflict", _lock_out_words())
        super().save(*args, **kwargs)

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


def validate_accent(value: str) -> None:
    """A colour as #rrggbb that can be read on the light pages; refuses with the ratio that was measured."""
    _validate_readable(value, dark=False)


def validate_dark_accent(value: str) -> None:
    """The same for the dark pages."""
    _validate_readable(value, dark=True)


def _validate_readable(value: str, *, dark: bool) -> None:
    if not HEX.fullmatch(value):
        raise ValidationError(_("Write a colour as #rrggbb, in lower case."))
    measured = worst_contrast(value, dark=dark)
    if measured < READABLE:
        words = (
            _("Its contrast on the dark pages is %(measured)s:1; text needs 4.5:1.")
            if dark
            else _("Its contrast on the light pages is %(measured)s:1; text needs 4.5:1.")
        )
        # Rounded down: what is refused never reads as if it were enough.
        raise ValidationError(words, params={"measured": f"{int(measured * 100) / 100:.2f}"})


class Branding(models.Model):
    """How a team's own pages look. What is empty is the platform's."""

    team = models.OneToOneField(
        Team,
        on_delete=models.CASCADE,
        related_name="branding",
        help_text=_("Whose pages; it stays."),
    )
    app_name = models.CharField(
        _("app name"),
        max_length=60,
        blank=True,
        help_text=_("Shown at the top of the team's pages. Empty: Gatehouse."),
    )
    accent = models.CharField(
        _("accent colour"),
        max_length=7,
        blank=True,
        validators=[validate_accent],
        help_text=_("For links and buttons, as #rrggbb. It must be readable on the light pages."),
    )
    accent_dark = models.CharField(
        _("accent colour of the dark pages"),
        max_length=7,
        blank=True,
        validators=[validate_dark_accent],
        help_text=_("Empty: a lighter shade of the accent colour."),
    )
    logo = models.BinaryField(blank=True, default=b"")
    logo_hash = models.CharField(max_length=16, blank=True, editable=False)

    objects = InTeamQuerySet.as_manager()

    class Meta:
        ordering = ["team"]
        verbose_name_plural = _("branding")

    def __str__(self) -> str:
        return str(self.team)

    def clean(self) -> None:
        if self.accent_dark and not self.accent:
            raise ValidationError({"accent": _("Choose it for the light pages too.")})

    def save(self, **kwargs: Any) -> None:
        """Refuses, at whatever door, a colour that cannot be read."""
        self.clean_fields(exclude=["team"])
        self.clean()
        super().save(**kwargs)

    @property
    def dark_accent(self) -> str:
        """The accent of the dark pages, chosen or derived."""
        return self.accent_dark or (lightened(self.accent) if self.accent else "")

    def set_logo(self, png: bytes) -> None:
        """Takes a PNG of our own drawing; empty removes the logo."""
        self.logo = png
        self.logo_hash = hashlib.sha256(png).hexdigest()[:16] if png else ""

    @classmethod
    def of(cls, team: Team) -> "Branding | None":
        """The team's own, without the logo's bytes; None where it has none."""
        if "branding" in team._state.fields_cache:
            return team._state.fields_cache["branding"]
        return cls.objects.filter(team=team).defer("logo").first()
