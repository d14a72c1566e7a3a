"""Which rows a person may see and use. `visible_to` and `chattable_by` are the answer to object access at every door."""

from typing import Any, Self

from django.db import transaction
from django.db.models import Q

from portal.models import Model
from portal.recording import RecordedQuerySet
from projects import rules
from teams.querysets import archived_teams, memberships_of, seen_as_administrator
from teams.roles import ROLES_THAT_ADMINISTER, ROLES_THAT_CHAT, ROLES_THAT_SEE_ALL_PROJECTS

RULED = {"model", "team", "monthly_budget", "parameters"}  # what `rules.check` looks at


def seeing_all_usage(user: Any) -> Any:
    """Team ids of those whose whole usage one sees, as a subquery."""
    return memberships_of(user, ROLES_THAT_SEE_ALL_PROJECTS, holding="projects.view_exchange")


class ProjectQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """What may be seen: by role all of the team's, else public ones and explicit assignments; one query.

        An archived one is seen by who administers its team alone.
        """
        if not user.is_active:
            return self.none()
        if user.is_superuser or user.is_auditor:
            return self.all()
        rule = self._assigned(user)
        if not user.is_restricted:
            rule |= Q(team_id__in=memberships_of(user, ROLES_THAT_SEE_ALL_PROJECTS))
            rule |= Q(team_id__in=memberships_of(user, ROLES_THAT_CHAT), visibility="public")
        rule &= Q(archived_at__isnull=True)
        if not user.is_restricted:
            rule |= Q(team_id__in=memberships_of(user, ROLES_THAT_ADMINISTER))
        return self.filter(rule)

    def in_use(self) -> Self:
        """Neither archived nor of an archived team: pages of people's work show no others."""
        return self.filter(archived_at__isnull=True).exclude(team_id__in=archived_teams())

    def chattable_by(self, user: Any) -> Self:
        """What may be asked: viewers and auditors see, but do not chat. What is archived nobody asks."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self.in_use()
        rule = self._assigned(user)
        if not user.is_restricted:
            rule |= Q(team_id__in=memberships_of(user, ROLES_THAT_ADMINISTER))
            rule |= Q(team_id__in=memberships_of(user, ROLES_THAT_CHAT), visibility="public")
        return self.filter(rule, archived_at__isnull=True)

    def that_chat(self) -> Self:
        """Those whose model is one to chat with; the others are asked at doors of their own."""
        return self.filter(model__kind=Model.Kind.CHAT)

    def update(self, **values: Any) -> int:
        """Holds bulk writes to what a single one is held to."""
        if not RULED & {self.model._meta.get_field(name).name for name in values}:
            return super().update(**values)
        with transaction.atomic(using=self.db):
            keys = list(self.order_by().values_list("pk", flat=True))
            count = super().update(**values)
            rows = self.model.objects.filter(pk__in=keys).defer("system_prompt")
            rules.check(rows.select_related("team", "model__provider"))
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[Any]:
        rows = list(objs)
        rules.check(rows)
        return super().bulk_create(rows, *args, **kwargs)

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def _assigned(self, user: Any) -> Q:
        """Explicit members, as long as they are in the team in a role that chats."""
        members = self.model.members.through.objects.filter(user_id=user.pk).values("project_id")
        return Q(pk__in=members, team_id__in=memberships_of(user, ROLES_THAT_CHAT))


class InProjectQuerySet(RecordedQuerySet):
    """Rows that hang on a project and are seen by whoever administers its team in a role that views them."""

    def visible_to(self, user: Any) -> Self:
        if not user.is_active:
            return self.none()
        if user.is_superuser or user.is_auditor:
            return self.all()
        if user.is_restricted:
            return self.none()
        return self.filter(project__team_id__in=seen_as_administrator(user, self.model))


class KeyProjectQuerySet(InProjectQuerySet):
    """Confinements of keys are also seen by the key's owner."""

    def visible_to(self, user: Any) -> Self:
        if not user.is_active:
            return self.none()
        return super().visible_to(user) | self.filter(key__user_id=user.pk)


class KeySpendQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """What was spent with one's own keys; for platform admins and auditors all."""
        if not user.is_active:
            return self.none()
        everything = user.is_superuser or user.is_auditor
        return self.all() if everything else self.filter(user_id=user.pk)


class TeamSpendQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """For those who see all usage of the team: its owners, admins and viewers; platform admins and auditors."""
        if not user.is_active:
            return self.none()
        if user.is_superuser or user.is_auditor:
            return self.all()
        if user.is_restricted:
            return self.none()
        return self.filter(self.of_teams("team_id", user))

    def of_teams(self, column: str, user: Any) -> Q:
        """The same rule for rows that name a team in this column."""
        viewers = memberships_of(user, ("viewer",), holding="projects.view_exchange")
        administered = seen_as_administrator(user, self.model)
        return Q(**{f"{column}__in": administered}) | Q(**{f"{column}__in": viewers})


class ConversationQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """One's own, in projects that one may still see; nobody else's, whatever one's role.

        Those of an archived project are closed to all, and come back with it.
        """
        if not user.is_active:
            return self.none()
        projects = self.model._meta.get_field("project").related_model
        return self.filter(
            user_id=user.pk, project_id__in=projects.objects.visible_to(user).in_use().values("pk")
        )


class MessageQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """The messages of one's own conversations."""
        conversations = self.model._meta.get_field("conversation").related_model.objects
        return self.filter(conversation_id__in=conversations.visible_to(user).values("pk"))

    def first_of(self, exchange: str) -> int | None:
        """The id of the first message that the exchange with this uid left here; None where there is none."""
        rows = self.filter(exchange__uid=exchange).order_by("pk").values_list("pk", flat=True)
        return rows.first()


class ExchangeQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """One's own; for owners, admins and viewers their team's; for platform admins and auditors all."""
        if not user.is_active:
            return self.none()
        if user.is_superuser or user.is_auditor:
            return self.all()
        rule = Q(user_id=user.pk)
        if not user.is_restricted:
            rule |= Q(team_id__in=seeing_all_usage(user))
        return self.filter(rule)

    def open_before(self, moment: Any) -> Self:
        return self.filter(closed_at__isnull=True, created_at__lt=moment)


class UsageDayQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """As the usage log they were: of teams whose whole usage one sees; for platform admins and auditors all."""
        if not user.is_active:
            return self.none()
        if user.is_superuser or user.is_auditor:
            return self.all()
        if user.is_restricted:
            return self.none()
        return self.filter(team_id__in=seeing_all_usage(user))
