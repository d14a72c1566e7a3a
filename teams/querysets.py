"""Which teams, memberships and grants a person may see."""

from typing import Any, Self

from django.apps import apps
from django.db import transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from portal.address_lists import listed
from portal.errors import Refusal
from portal.recording import RecordedQuerySet
from teams.roles import ROLES_THAT_ADMINISTER
from teams.ties import ties


def rows_of(user: Any) -> Any:
    """A user's memberships, but of archived teams.

    Unordered: the order by name would join the teams, which are not always in sight.
    """
    rows = apps.get_model("teams.Membership").objects.filter(user_id=user.pk)
    return rows.exclude(team_id__in=archived_teams()).order_by()


def memberships_of(user: Any, roles: tuple[str, ...] | None = None, *, holding: str = "") -> Any:
    """Team ids of a user's memberships, as a subquery; of these roles only, where some are named.

    An archived team is nobody's. With `holding`, only where no custom role takes that permission away: the roles are
    those whose holders have it.
    """
    rows = rows_of(user)
    if roles is not None:
        rows = rows.filter(role__in=roles)
    if holding:
        # Names in a JSON list, each in its quotes: both databases can say that as text.
        kept = Cast("custom_role__permissions", TextField())
        rows = rows.alias(kept=kept).filter(
            Q(custom_role__isnull=True) | Q(kept__contains=f'"{holding}"')
        )
    return rows.values("team_id")


def archived_teams() -> Any:
    """The ids of archived teams, as a subquery."""
    return apps.get_model("teams.TeamArchive").objects.values("team_id")


def seen_as_administrator(user: Any, model: Any) -> Any:
    """Team ids of those that one administers in a role which views this model, as a subquery."""
    options = model._meta
    return memberships_of(
        user, ROLES_THAT_ADMINISTER, holding=f"{options.app_label}.view_{options.model_name}"
    )


class TeamQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """The teams one is in; all for platform admins and auditors."""
        if not user.is_active or user.is_superuser or user.is_auditor:
            return super().visible_to(user)
        return self.filter(pk__in=memberships_of(user))

    def closed_to(self, address: str) -> list[int]:
        """Ids of those whose address list leaves this one out; teams with a list are few."""
        rows = self.exclude(allowed_addresses="").order_by()
        found = rows.values_list("pk", "allowed_addresses")
        return [team for team, networks in found if not listed(address, networks)]

    def administered_by(self, user: Any) -> Self:
        """The teams one manages as owner or admin; all for platform admins, none for restricted users."""
        if not user.is_active or user.is_restricted:
            return self.none()
        if user.is_superuser:
            return self.all()
        return self.filter(pk__in=memberships_of(user, ROLES_THAT_ADMINISTER))

    def update(self, **values: Any) -> int:
        """Holds bulk writes to what a single one is held to: no budget that cannot hold."""
        if "monthly_budget" not in values:
            return super().update(**values)
        with transaction.atomic(using=self.db):
            keys = list(self.order_by().values_list("pk", flat=True))
            count = super().update(**values)
            for team in self.model.objects.filter(pk__in=keys):
                refuse_mistakes(ties().mistakes(team))
        return count

    update.alters_data = True  # type: ignore[attr-defined]


def refuse_mistakes(mistakes: dict[str, Any]) -> None:
    if mistakes:
        words = {name: [str(found)] for name, found in mistakes.items()}
        raise Refusal("validation_failed", next(iter(mistakes.values())), fields=words)


class InTeamQuerySet(RecordedQuerySet):
    """Rows with a `team`, seen by whoever administers it in a role that views them."""

    def visible_to(self, user: Any) -> Self:
        if not user.is_active or user.is_superuser or user.is_auditor:
            return super().visible_to(user)
        if user.is_restricted:
            return self.none()
        return self.filter(team_id__in=seen_as_administrator(user, self.model))
