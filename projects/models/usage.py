"""The usage log, and what was spent."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Key
from portal import keyring
from portal.encryption import EncryptedTextField, SealedModel, new_uid
from portal.staying_rows import left_behind
from projects.models.conversations import Conversation
from projects.models.projects import Project
from projects.querysets import (
    ExchangeQuerySet,
    InProjectQuerySet,
    KeySpendQuerySet,
    TeamSpendQuerySet,
)
from teams.models import Team


def forget_content(collector: Any, field: models.Field, rows: Any, using: str) -> None:
    """SET_NULL for who asked: their question and answer go with them, nobody else's key could open them."""
    for name in ("question", "answer"):
        collector.add_field_update(field.model._meta.get_field(name), None, rows)
    models.SET_NULL(collector, field, rows, using)


forget_content.lazy_sub_objs = True  # type: ignore[attr-defined] # in the order above, before the rows lose their owner


def owner_of(*, user_id: int | None, visitor: str, team_id: int | None) -> str:
    """Under whose key an exchange is: a person's, a widget's visitor's, or the team's where neither is known."""
    if user_id:
        return keyring.person(user_id)
    return keyring.visitor(visitor) if visitor else keyring.team(team_id)


class Exchange(SealedModel):
    """The usage log: one row for each exchange, on every way out. It outlives what it points at.

    `outcome` starts as *crashed* and `closed_at` as empty: whatever breaks, the row says something true.
    `cost` is in USD; empty means unknown, never free. Latencies are in milliseconds.
    """

    class Door(models.TextChoices):
        PLAYGROUND = "playground", _("playground")
        API = "api", _("API")
        V1 = "v1", _("OpenAI-compatible")
        WIDGET = "widget", _("widget")

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    door = models.CharField(max_length=12, choices=Door.choices)
    outcome = models.CharField(max_length=32, default="crashed")
    status = models.PositiveSmallIntegerField(default=500)
    project = models.ForeignKey(Project, null=True, on_delete=models.SET_NULL)
    project_slug = models.CharField(max_length=64)
    team = models.ForeignKey(Team, null=True, on_delete=left_behind)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=forget_content)
    # The platform admin who asked in the user's name.
    acted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    key = models.ForeignKey(Key, null=True, on_delete=models.SET_NULL)
    visitor = models.CharField(max_length=64, blank=True)
    conversation = models.ForeignKey(Conversation, null=True, on_delete=models.SET_NULL)
    provider_slug = models.CharField(max_length=64, blank=True)
    model_name = models.CharField(max_length=200, blank=True)
    streamed = models.BooleanField(default=False)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    tokens_estimated = models.BooleanField(default=False)
    cost = models.DecimalField(max_digits=14, decimal_places=6, null=True)
    reserved_micros = models.BigIntegerField(default=0)
    key_reserved_micros = models.BigIntegerField(default=0)
    team_reserved_micros = models.BigIntegerField(default=0)
    latency_ms = models.PositiveIntegerField(null=True)
    first_token_ms = models.PositiveIntegerField(null=True)
    guard_action = models.CharField(max_length=10, blank=True)
    guard_stage = models.CharField(max_length=10, blank=True)
    guards = models.JSONField(default=list)
    request_id = models.CharField(max_length=40, blank=True)
    question = EncryptedTextField(null=True)
    answer = EncryptedTextField(null=True)
    is_demo = models.BooleanField(default=False)

    objects = ExchangeQuerySet.as_manager()
    owned_by = ("user_id", "visitor")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["team", "-id"], name="exchange_team"),
            models.Index(fields=["project", "-id"], name="exchange_project"),
            models.Index(fields=["user", "-id"], name="exchange_user"),
            models.Index(fields=["created_at"], name="exchange_created"),
            # What is looked for is rare: blocked, refused and failed exchanges, newest first.
            models.Index(
                fields=["outcome", "-id"],
                condition=~models.Q(outcome="answered"),
                name="exchange_not_answered",
            ),
            models.Index(
                fields=["created_at"],
                condition=models.Q(closed_at__isnull=True),
                name="exchange_open",
            ),
            # Retention looks for a team's oldest, and for the few that still have content among all that ever were.
            models.Index(fields=["team", "created_at"], name="exchange_team_age"),
            models.Index(
                fields=["team", "created_at"],
                condition=models.Q(question__isnull=False),
                name="exchange_with_content",
            ),
        ]

    def __str__(self) -> str:
        return self.uid

    @property
    def encryption_owner(self) -> str:
        return owner_of(user_id=self.user_id, visitor=self.visitor, team_id=self.team_id)


class Spend(models.Model):
    """What a project has spent and reserved in a month, in millionths of a USD: whole numbers, so sums stay exact."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="spends")
    team = models.ForeignKey(
        Team, on_delete=models.CASCADE, editable=False
    )  # the project's, for the policy
    month = models.DateField()
    spent_micros = models.BigIntegerField(default=0)
    reserved_micros = models.BigIntegerField(default=0)

    objects = InProjectQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "month"], name="spend_once")]

    def __str__(self) -> str:
        return f"{self.project_id} {self.month:%Y-%m}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.team_id = self.project.team_id
        super().save(*args, **kwargs)


class KeySpend(models.Model):
    """What was spent and reserved with a key in a month, whether it has a budget or not: it may be given one later."""

    key = models.ForeignKey(Key, on_delete=models.CASCADE, related_name="spends")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", editable=False
    )  # the key's owner, for the policy
    month = models.DateField()
    spent_micros = models.BigIntegerField(default=0)
    reserved_micros = models.BigIntegerField(default=0)

    objects = KeySpendQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key", "month"], name="key_spend_once")]

    def __str__(self) -> str:
        return f"{self.key_id} {self.month:%Y-%m}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.user_id = self.key.user_id
        super().save(*args, **kwargs)


class TeamSpend(models.Model):
    """What all projects of a team spent and reserved in a month, whether it has a budget or not.

    It is counted by itself, and no sum of the projects' rows: who deletes a project makes no room for another.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="spends")
    month = models.DateField()
    spent_micros = models.BigIntegerField(default=0)
    reserved_micros = models.BigIntegerField(default=0)

    objects = TeamSpendQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "month"], name="team_spend_once")]

    def __str__(self) -> str:
        return f"{self.team_id} {self.month:%Y-%m}"
