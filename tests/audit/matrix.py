"""One new row of every recorded model, and one change of it. A model without its line here fails the matrix."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmation
from django.apps import apps
from django.db.models import Model as Row

from portal.classification import is_recorded
from tests.cast import Cast


@dataclass(frozen=True)
class Line:
    """`values(cast)` of a new row that nothing refers to, and the field that changes to `after(cast)`."""

    values: Callable[[Cast], dict[str, Any]]
    field: str
    after: Callable[[Cast], Any]


def _key(cast: Cast) -> Any:
    cast.key(cast.marco)
    return cast.marco.keys.latest("id")


def _guard(cast: Cast) -> dict[str, Any]:
    return {"slug": "new", "name": "New", "kind": "limits", "team": cast.research}


TOMORROW = datetime(2026, 11, 2, tzinfo=UTC).date()


def _group() -> Any:
    groups = apps.get_model("teams.Group").objects
    return groups.get_or_create(source="ldap", name="chemists")[0]


LINES = {
    "portal.Provider": Line(
        lambda cast: {"slug": "new", "name": "New", "kind": "offline"},
        "name",
        lambda cast: "Newer",
    ),
    "portal.AddressRule": Line(
        lambda cast: {"place": "console", "verdict": "block", "network": "203.0.113.9"},
        "note",
        lambda cast: "A guesser",
    ),
    "portal.Setting": Line(
        lambda cast: {"name": "key_rotation_days", "value": 30}, "value", lambda cast: 60
    ),
    "audit.Destination": Line(
        lambda cast: {"name": "New", "kind": "syslog", "host": "logs.example.com"},
        "is_paused",
        lambda cast: True,
    ),
    "portal.Model": Line(
        lambda cast: {"provider": cast.model.provider, "name": "new"},
        "is_active",
        lambda cast: False,
    ),
    "accounts.User": Line(
        lambda cast: {"email": "new@example.com", "name": "New"},
        "is_auditor",
        lambda cast: True,
    ),
    "accounts.Key": Line(
        lambda cast: {"public_id": "0" * 12, "user": cast.marco, "name": "new", "digest": "0" * 64},
        "requests_per_second",
        lambda cast: 3,
    ),
    "accounts.TotpDevice": Line(
        lambda cast: {"user": cast.marco, "name": "New", "confirmed": False},
        "confirmed",
        lambda cast: True,
    ),
    "accounts.RecoveryDevice": Line(
        lambda cast: {"user": cast.marco, "name": "New"}, "name", lambda cast: "Newer"
    ),
    "account.EmailAddress": Line(
        lambda cast: {"user": cast.marco, "email": "other@example.com"},
        "verified",
        lambda cast: True,
    ),
    "account.EmailConfirmation": Line(
        lambda cast: {
            "email_address": EmailAddress.objects.create(user=cast.vera, email="v@example.com"),
            "key": "one",
        },
        "key",
        lambda cast: "two",
    ),
    "teams.Team": Line(lambda cast: {"slug": "new", "name": "New"}, "name", lambda cast: "Newer"),
    "teams.Branding": Line(
        lambda cast: {"team": cast.research, "app_name": "Lab"}, "accent", lambda cast: "#7a1f5c"
    ),
    "teams.CustomRole": Line(
        lambda cast: {"team": cast.research, "name": "New", "base": "admin"},
        "permissions",
        lambda cast: ["projects.view_project"],
    ),
    "teams.Group": Line(lambda cast: {"name": "New"}, "name", lambda cast: "Newer"),
    "teams.GroupMember": Line(
        lambda cast: {"group": _group(), "user": cast.marco}, "user", lambda cast: cast.vera
    ),
    "teams.GroupMapping": Line(
        lambda cast: {"group": _group(), "team": cast.research, "role": "viewer"},
        "role",
        lambda cast: "member",
    ),
    "teams.LegalHold": Line(
        lambda cast: {"held_team": cast.research, "reason": "A court asked"},
        "reason",
        lambda cast: "Another court asked",
    ),
    "teams.TeamArchive": Line(
        lambda cast: {"team": type(cast.research).objects.create(slug="old", name="Old")},
        "archived_at",
        lambda cast: datetime(2026, 11, 1, tzinfo=UTC),
    ),
    "teams.Membership": Line(
        lambda cast: {"team": cast.research, "user": cast.sam, "role": "viewer"},
        "role",
        lambda cast: "member",
    ),
    "teams.Grant": Line(
        lambda cast: {
            "team": cast.research,
            "model": type(cast.model).objects.create(provider=cast.model.provider, name="granted"),
        },
        "team",
        lambda cast: cast.support,
    ),
    "guards.Guard": Line(_guard, "priority", lambda cast: 7),
    "guards.GuardAttachment": Line(
        lambda cast: {"guard": cast.guards["words"], "team": cast.research, "stage": "input"},
        "mode",
        lambda cast: "warn",
    ),
    "projects.Project": Line(
        lambda cast: {
            "slug": "new",
            "name": "New",
            "team": cast.research,
            "model": cast.model,
            "system_prompt": "Be kind.",
        },
        "visibility",
        lambda cast: "public",
    ),
    "projects.ProjectMember": Line(
        lambda cast: {"project": cast.drafts, "user": cast.adam}, "user", lambda cast: cast.olivia
    ),
    "projects.ProjectGuard": Line(
        lambda cast: {"project": cast.drafts, "guard": cast.guards["words"], "stage": "input"},
        "mode",
        lambda cast: "warn",
    ),
    "projects.KeyProject": Line(
        lambda cast: {"key": _key(cast), "project": cast.drafts},
        "project",
        lambda cast: cast.assistant,
    ),
    "projects.AccessReview": Line(
        lambda cast: {"team_id": cast.research.pk, "team_slug": "research", "due_on": TOMORROW},
        "note",
        lambda cast: "Each quarter",
    ),
    "widget.Widget": Line(
        lambda cast: {"project": cast.assistant, "name": "New"},
        "allowed_domains",
        lambda cast: ["example.com"],
    ),
}

# Their code writes rows one by one, which signals see; a bulk write in a new release of theirs would not be seen.
THIRD_PARTY = {EmailAddress._meta.label, EmailConfirmation._meta.label}


def recorded_models() -> list[type[Row]]:
    return [model for model in apps.get_models() if is_recorded(model)]
