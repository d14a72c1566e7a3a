"""What the accounts add to the console's start page: failed sign-ins, old keys, and the step to invite people."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncHour
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Key, PendingChange, User
from audit.models import Entry
from portal import start_page
from portal.charts import Value
from portal.console_pending import register_waiting
from portal.platform_settings import value
from portal.start_page import HOURS, Figure, Notice, Scope, Step, list_of

MOST_SHOWN = 10


class SignInFigures:
    """From the trail. A failed sign-in belongs to no team, for nobody knows who tried: only who sees all sees them."""

    def hourly(self, scope: Scope) -> dict[str, list[Value]]:
        if scope.teams is not None:
            return {}
        found: list[Value] = [0] * HOURS
        hours = (
            Entry.objects.visible_to(scope.user)
            .filter(action="sign_in_failed", created_at__gte=start_page.first_hour())
            .order_by()
            .annotate(hour=TruncHour("created_at"))
            .values("hour")
            .annotate(tries=Count("id"))
        )
        for hour in hours:
            place = start_page.place_of(hour["hour"])
            if 0 <= place < HOURS:
                found[place] = hour["tries"]
        return {"failed sign-ins": found}

    def figures(self, scope: Scope, hourly: dict[str, list[Value]]) -> list[Figure]:
        if "failed sign-ins" not in hourly:
            return []
        return [
            Figure(
                "failed-sign-ins",
                _("Failed sign-ins"),
                _("Wrong passwords, at every door that takes one."),
                hourly["failed sign-ins"],
                lambda value: f"{value:,}",
                list_of("audit_entry", scope, action="sign_in_failed"),
                tone="bad",
                place=50,
            )
        ]


def notices(scope: Scope) -> list[Notice]:
    """Live keys whose secret should have been renewed by now."""
    days = value("key_rotation_days")
    old = Key.objects.visible_to(scope.user).live().with_secrets_older_than(days).count()
    if not old:
        return []
    words = ngettext(
        "%(count)d key has a secret older than %(days)d days.",
        "%(count)d keys have secrets older than %(days)d days.",
        old,
    )
    page = list_of("accounts_key", Scope(scope.user), state="live", age="old")
    return [Notice("warn", words % {"count": old, "days": days}, page, _("Show them"))]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pending change, as the page of its row shows it."""

    url: str
    words: str


def waiting(user: Any, row: Any) -> list[Waiting]:
    """What of this row waits for a second person; of the settings all together."""
    found = PendingChange.objects.visible_to(user).waiting().select_related("proposed_by")
    found = found.about(row) if row.pk else found.filter(target_model=row._meta.label)
    return [
        Waiting(
            reverse("admin:accounts_pendingchange_change", args=[change.pk]),
            _("%(what)s, proposed by %(who)s: %(why)s")
            % {
                "what": change.target_label,
                "who": change.proposed_by or _("somebody"),
                "why": change.reason,
            },
        )
        for change in found.order_by("pk")[:MOST_SHOWN]
    ]


def changes_to_decide(scope: Scope) -> list[Notice]:
    """Of whoever could approve: what others proposed, and nobody decided."""
    if scope.team or not scope.user.has_perm("accounts.change_pendingchange"):
        return []
    count = (
        PendingChange.objects.visible_to(scope.user)
        .waiting()
        .exclude(proposed_by_id=scope.user.pk)
        .count()
    )
    if not count:
        return []
    words = ngettext(
        "%(count)d change waits for a second person.",
        "%(count)d changes wait for a second person.",
        count,
    )
    page = list_of("accounts_pendingchange", Scope(scope.user), state="waiting")
    return [Notice("warn", words % {"count": count}, page, _("Decide"))]


def steps(user: Any) -> list[tuple[int, Step]]:
    invited = User.objects.exclude(pk=user.pk).exists()
    return [
        (
            60,
            Step(
                _("Invite people"),
                _("They are mailed a link to set their password; then put them into a team."),
                reverse("admin:accounts_user_add"),
                invited,
            ),
        )
    ]


def install() -> None:
    start_page.register_figures(SignInFigures())
    start_page.register_notices(notices)
    start_page.register_notices(changes_to_decide)
    register_waiting(waiting)
    start_page.register_steps(steps)
