"""Which guards, attachments and events a person may see; and how events are written."""

from typing import Any, Self

from django.db.models import F, Q

from guards.verdicts import Inspection
from portal.recording import RecordedQuerySet
from teams.querysets import seen_as_administrator

FINDINGS_KEPT = 100
VERSIONED = ("kind", "options", "mode", "on_error", "message", "timeout_ms")


class GuardQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """The platform's guards and those of the teams that one administers."""
        if not user.is_active or user.is_superuser or user.is_auditor:
            return super().visible_to(user)
        if user.is_restricted or not user.has_perm("guards.view_guard"):
            return self.none()
        teams = seen_as_administrator(user, self.model)
        return self.filter(Q(team__isnull=True) | Q(team_id__in=teams))

    def update(self, **values: Any) -> int:
        """In bulk the version counts too, of every row that is written."""
        if "version" not in values and any(name in values for name in VERSIONED):
            values["version"] = F("version") + 1
        return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]


class AttachmentQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """The platform's attachments and those of the teams that one administers."""
        if not user.is_active or user.is_superuser or user.is_auditor:
            return super().visible_to(user)
        if user.is_restricted or not user.has_perm("guards.view_guardattachment"):
            return self.none()
        teams = seen_as_administrator(user, self.model)
        return self.filter(Q(team__isnull=True) | Q(team_id__in=teams))


class GuardEventQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        if not user.is_active or user.is_superuser or user.is_auditor:
            return super().visible_to(user)
        if user.is_restricted:
            return self.none()
        return self.filter(team_id__in=seen_as_administrator(user, self.model))

    def record(
        self,
        *,
        inspection: Inspection,
        team_id: int | None = None,
        user_id: int | None = None,
        acted_by_id: int | None = None,
        project_slug: str = "",
        exchange: str = "",
    ) -> None:
        """One row for each guard that found something or failed, in one statement."""
        self.bulk_create(
            self.model(
                guard_slug=outcome.slug,
                guard_version=outcome.version,
                kind=outcome.kind,
                stage=inspection.stage,
                mode=outcome.mode,
                action=outcome.action.word,
                findings=[finding.as_json() for finding in outcome.findings[:FINDINGS_KEPT]],
                error=outcome.error[:100],
                latency_us=outcome.latency_us,
                team_id=team_id,
                user_id=user_id,
                acted_by_id=acted_by_id,
                project_slug=project_slug,
                exchange=exchange,
            )
            for outcome in inspection.outcomes
            if outcome.findings or outcome.error
        )
