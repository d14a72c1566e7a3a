"""How a team's own pages look."""

import hashlib
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from teams.colours import HEX, READABLE, lightened, worst_contrast
from teams.models.teams import Team
from teams.querysets import InTeamQuerySet


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
    logo_kind = models.CharField(
        max_length=3, blank=True, editable=False, choices=[("png", "PNG"), ("svg", "SVG")]
    )

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

    def set_logo(self, data: bytes, kind: str = "png") -> None:
        """Takes a picture of our own making (`teams.logos.taken`); empty removes the logo."""
        self.logo = data
        self.logo_hash = hashlib.sha256(data).hexdigest()[:16] if data else ""
        self.logo_kind = kind if data else ""

    @classmethod
    def of(cls, team: Team) -> "Branding | None":
        """The team's own, without the logo's bytes; None where it has none."""
        if "branding" in team._state.fields_cache:
            return team._state.fields_cache["branding"]
        return cls.objects.filter(team=team).defer("logo").first()
