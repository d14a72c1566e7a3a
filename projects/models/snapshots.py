"""The matrix as it was, night by night: numbers and slugs, no names of people."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.snapshot_querysets import SnapshotPartQuerySet, SnapshotQuerySet


class PermissionSnapshot(models.Model):
    """Who reached what on one day. It is there with all of its parts, or not at all.

    `rules` is the version of the rule that it was made by: what a role meant then is not what it means now.
    """

    day = models.DateField(_("day"), unique=True)
    taken_at = models.DateTimeField(_("taken"), default=timezone.now)
    people = models.PositiveIntegerField(_("people with access"), default=0)
    rows = models.PositiveBigIntegerField(_("rows"), default=0)
    size = models.PositiveBigIntegerField(_("bytes"), default=0)
    rules = models.PositiveSmallIntegerField(_("version of the rule"), default=1)

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"


class PermissionSnapshotPart(models.Model):
    """What a chunk of people reached in one team, compressed; chunk 0 has the team's projects.

    `team_id` is a number and no foreign key: it outlives the team. The platform's part has none.
    """

    snapshot = models.ForeignKey(PermissionSnapshot, on_delete=models.CASCADE, related_name="parts")
    team_id = models.BigIntegerField(null=True)
    chunk = models.PositiveIntegerField()
    last_user = models.BigIntegerField(default=0)
    data = models.BinaryField()

    objects = SnapshotPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["snapshot", "chunk", "team_id"], name="snapshot_part_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.snapshot_id} · {self.chunk} · {self.team_id}"
