"""Guards, where they are attached, and what they found."""

import json
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from guards.engine import ActiveGuard
from guards.kinds import KINDS
from guards.kinds.base import InvalidOptions
from guards.querysets import VERSIONED, AttachmentQuerySet, GuardEventQuerySet, GuardQuerySet
from portal.staying_rows import left_behind
from portal.taken_slugs import UniqueSlugMixin
from teams.models import Team


class Stage(models.TextChoices):
    INPUT = "input", _("input")
    OUTPUT = "output", _("output")


class Mode(models.TextChoices):
    BLOCK = "block", _("block: the answer is the guard's message")
    REDACT = "redact", _("redact: findings are replaced")
    WARN = "warn", _("warn: passes, flagged")
    SHADOW = "shadow", _("shadow: only recorded")


class OnError(models.TextChoices):
    BLOCK = "block", _("block (fail closed)")
    ALLOW = "allow", _("allow")


class Guard(UniqueSlugMixin):
    """A check of a text, of one kind. Its version counts every change of what it does."""

    slug = models.SlugField(_("slug"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=120, help_text=_("As administrators read it."))
    kind = models.CharField(
        _("kind"), max_length=32, choices=[(name, kind.label) for name, kind in KINDS.items()]
    )
    options = models.JSONField(
        _("options"), default=dict, blank=True, help_text=_("Empty: the kind's defaults.")
    )
    mode = models.CharField(
        _("mode"),
        max_length=10,
        choices=Mode.choices,
        default=Mode.BLOCK,
        help_text=_(
            "What happens to what it finds. Where it is attached, another mode may be chosen."
        ),
    )
    on_error = models.CharField(
        _("on error"),
        max_length=10,
        choices=OnError.choices,
        default=OnError.BLOCK,
        help_text=_("What happens when the guard itself fails or is late."),
    )
    message = models.CharField(
        _("message"),
        max_length=500,
        default=_("A guard stopped this message."),
        help_text=_("What people read in place of what was blocked."),
    )
    priority = models.PositiveIntegerField(
        _("priority"), default=100, help_text=_("Lower comes first.")
    )
    timeout_ms = models.PositiveIntegerField(
        _("time limit (ms)"),
        default=1000,
        validators=[MinValueValidator(1), MaxValueValidator(60_000)],
        help_text=_("A verdict after it does not count."),
    )
    team = models.ForeignKey(
        Team,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="guards",
        help_text=_("Empty: the platform's, usable by every team, changed by platform admins."),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Off: it looks at nothing, wherever it is attached.")
    )
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    objects = GuardQuerySet.as_manager()
    slug_looker = "portal_guard_slug_is_taken"

    class Meta:
        ordering = ["priority", "slug"]

    def __str__(self) -> str:
        return self.slug

    def clean(self) -> None:
        if self.kind not in KINDS:
            return
        if not isinstance(self.options, dict):
            raise ValidationError({"options": _("Write an object.")})
        try:
            KINDS[self.kind].compile(self.options)
        except InvalidOptions as error:
            raise ValidationError({"options": str(error)}) from None

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuses options that its kind does not take; counts the version when what it does changes."""
        self.clean()
        with transaction.atomic():
            if not self._state.adding:
                self._count_version(kwargs)
            super().save(*args, **kwargs)

    def _count_version(self, kwargs: dict[str, Any]) -> None:
        """From the stored row, which stays locked until the change is in: no two changes share a number."""
        rows = Guard.objects.select_for_update().filter(pk=self.pk)
        stored = rows.values(*VERSIONED, "version").first()
        if stored is None:
            return
        named = kwargs.get("update_fields")
        names = VERSIONED if named is None else [name for name in VERSIONED if name in named]
        self.version = stored["version"]
        if any(stored[name] != getattr(self, name) for name in names):
            self.version += 1
            if named is not None:
                kwargs["update_fields"] = {*named, "version"}

    def activated(self, *, mode: str = "") -> ActiveGuard:
        """As the journey carries it, in the attachment's mode where that names one."""
        return ActiveGuard(
            slug=self.slug,
            version=self.version,
            kind=self.kind,
            options=self.options,
            mode=mode or self.mode,
            on_error=self.on_error,
            message=self.message,
            priority=self.priority,
            timeout_ms=self.timeout_ms,
            options_json=json.dumps(self.options, sort_keys=True),
        )


class GuardAttachment(models.Model):
    """A guard on the whole platform or on all projects of a team. Platform attachments are fixed for teams."""

    guard = models.ForeignKey(
        Guard, on_delete=models.PROTECT, related_name="attachments", help_text=_("What looks.")
    )
    team = models.ForeignKey(
        Team,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="guard_attachments",
        help_text=_("Empty: the whole platform."),
    )
    stage = models.CharField(
        _("stage"),
        max_length=10,
        choices=Stage.choices,
        help_text=_("Input: questions before the model. Output: answers before the reader."),
    )
    mode = models.CharField(
        _("mode"),
        max_length=10,
        choices=Mode.choices,
        blank=True,
        help_text=_("Empty: the guard's own."),
    )

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["guard", "team", "stage"], name="attachment_once"),
            models.UniqueConstraint(
                fields=["guard", "stage"],
                condition=models.Q(team__isnull=True),
                name="attachment_once_on_the_platform",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.guard} · {self.team or 'platform'} · {self.stage}"

    def clean(self) -> None:
        if self.guard_id and self.guard.team_id not in (None, self.team_id):
            raise ValidationError({"guard": _("This guard belongs to another team.")})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuses, at whatever door, a guard of another team."""
        self.clean()
        super().save(*args, **kwargs)


class GuardEvent(models.Model):
    """What a guard found or how it failed; never any of the text. Projects and exchanges are named, not pointed at."""

    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    guard_slug = models.CharField(max_length=64)
    guard_version = models.PositiveIntegerField()
    kind = models.CharField(max_length=32)
    stage = models.CharField(max_length=10)
    mode = models.CharField(max_length=10)
    action = models.CharField(max_length=10)
    findings = models.JSONField(default=list)
    error = models.CharField(max_length=100, blank=True)
    latency_us = models.PositiveIntegerField(default=0)
    team = models.ForeignKey(Team, null=True, on_delete=left_behind)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    # The platform admin who asked in the user's name.
    acted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    project_slug = models.CharField(max_length=64, blank=True)
    exchange = models.CharField(max_length=32, blank=True, db_index=True)

    objects = GuardEventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["team", "-id"], name="guard_event_team"),
            models.Index(fields=["guard_slug", "-id"], name="guard_event_guard"),
            models.Index(fields=["team", "created_at"], name="guard_event_team_age"),
        ]

    def __str__(self) -> str:
        return f"{self.guard_slug} {self.action}"

    @property
    def categories(self) -> str:
        """What was found, in words and without the text: "credit card, email"."""
        found = {str(finding.get("category", "")) for finding in self.findings}
        return ", ".join(sorted(category.replace("_", " ") for category in found))
