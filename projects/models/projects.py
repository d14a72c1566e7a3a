"""Projects, and who and what belongs to them."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Key
from guards.models import Guard, Mode, Stage
from portal.encryption import EncryptedTextField, SealedModel, new_uid
from portal.keyring import team as key_of_team
from portal.models import Model
from portal.taken_slugs import UniqueSlugMixin
from projects import rules
from projects.querysets import InProjectQuerySet, KeyProjectQuerySet, ProjectQuerySet
from teams.models import Team


class Visibility(models.TextChoices):
    PRIVATE = "private", _("private: its members only")
    PUBLIC = "public", _("public: the whole team")


class Project(UniqueSlugMixin, SealedModel):
    """What people chat with: a team's configuration of a model."""

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    slug = models.SlugField(
        _("slug"),
        max_length=64,
        unique=True,
        help_text=_("Its name in addresses, and the name of the model at /v1; it stays."),
    )
    name = models.CharField(_("name"), max_length=120, help_text=_("As people read it."))
    description = models.CharField(
        _("description"),
        max_length=300,
        blank=True,
        help_text=_("One sentence for the people who choose between projects."),
    )
    team = models.ForeignKey(
        Team,
        on_delete=models.PROTECT,
        related_name="projects",
        help_text=_("Whose project it is; it stays."),
    )
    model = models.ForeignKey(
        Model,
        on_delete=models.PROTECT,
        related_name="projects",
        help_text=_("One of the models that the team is granted."),
    )
    visibility = models.CharField(
        _("visibility"),
        max_length=10,
        choices=Visibility.choices,
        default=Visibility.PRIVATE,
        help_text=_("Who may use it."),
    )
    system_prompt = EncryptedTextField(
        _("system prompt"),
        blank=True,
        default="",
        help_text=_("Sent before every conversation. Stored encrypted."),
    )
    parameters = models.JSONField(
        _("parameters"),
        default=dict,
        blank=True,
        help_text=_('Defaults for the model, such as {"temperature": 0.2, "max_tokens": 800}.'),
    )
    rate_limit_per_minute = models.PositiveIntegerField(
        _("requests a minute"),
        default=settings.LIMIT_PROJECT_PER_MINUTE,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text=_("Exact: one request more within a minute is refused with 429."),
    )
    monthly_budget = models.DecimalField(
        _("monthly budget in USD"),
        max_digits=14,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Empty: no limit. Set by platform admins."),
    )
    log_content = models.BooleanField(
        _("log content"),
        default=True,
        help_text=_(
            "Keep question and answer with the usage row, encrypted, as long as the team or the platform says."
        ),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Off: nobody can ask; conversations stay readable.")
    )
    archived_at = models.DateTimeField(_("archived"), null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="ProjectMember", related_name="assigned_projects"
    )

    objects = ProjectQuerySet.as_manager()
    slug_looker = "portal_project_slug_is_taken"
    owned_by = ("team_id",)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(rate_limit_per_minute__gte=1), name="project_rate_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(monthly_budget__isnull=True) | models.Q(monthly_budget__gte=0),
                name="project_budget_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def encryption_owner(self) -> str:
        return key_of_team(self.team_id)

    def clean(self) -> None:
        rules.check([self])

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuses, at whatever door, a model that the team is not granted, or that its limits do not let in."""
        self.clean()
        super().save(*args, **kwargs)


class ProjectMember(models.Model):
    """An explicit assignment of a person to a project; counts only while they are in its team."""

    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        related_name="memberships",
        help_text=_("What they may use."),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        help_text=_("Somebody of the project's team."),
    )

    objects = InProjectQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="project_member_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.project}"

    @property
    def team_id(self) -> int:
        return self.project.team_id


class ProjectGuard(models.Model):
    """A guard that a project chose, beside those of its team and the platform."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="guards", help_text=_("Where it looks.")
    )
    guard = models.ForeignKey(
        Guard,
        on_delete=models.PROTECT,
        related_name="projects",
        help_text=_("One of the platform's, or of the project's team."),
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

    objects = InProjectQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "guard", "stage"], name="project_guard_once_a_stage"
            )
        ]

    def __str__(self) -> str:
        return f"{self.guard} · {self.project} · {self.stage}"

    @property
    def team_id(self) -> int:
        return self.project.team_id

    def clean(self) -> None:
        if self.guard_id and self.project_id and self.guard.team_id not in (None, self.team_id):
            raise ValidationError({"guard": _("This guard belongs to another team.")})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuses, at whatever door, a guard of another team."""
        self.clean()
        super().save(*args, **kwargs)


class KeyProject(models.Model):
    """Confines a key to projects; a key without any reaches all of its owner's."""

    key = models.ForeignKey(
        Key,
        on_delete=models.CASCADE,
        related_name="confinements",
        help_text=_("The key that is confined."),
    )
    # A deleted project leaves its row behind, empty: the key must not become unconfined by it.
    project = models.ForeignKey(
        Project,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_("What it still reaches."),
    )

    objects = KeyProjectQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "project"], name="key_project_once")]

    def __str__(self) -> str:
        return f"{self.key} · {self.project}"

    @property
    def team_id(self) -> int | None:
        return self.project.team_id if self.project else None
