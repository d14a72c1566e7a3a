"""What a key may be confined to do: one table. A key without scopes has all of its owner's rights; none makes keys.

The views name their lines as `read_scope` and `write_scope`; `tests/accounts/test_key_scopes.py` walks all routes
with a key of each scope and holds them to this table, so that neither can say what the other does not do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

READING = frozenset(["GET", "HEAD", "OPTIONS"])


@dataclass(frozen=True, slots=True)
class Scope:
    """`reads` and `writes` are resources of the API, `deeds` single operations; `includes` are scopes it has in it."""

    words: Any
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deeds: tuple[str, ...] = ()
    includes: tuple[str, ...] = ()

    @property
    def opens(self) -> list[str]:
        """What it opens, as people read it in the documentation."""
        if self.includes:
            return list(self.includes)
        return [
            *(f"GET /api/{name}/" for name in self.reads),
            *(f"POST, PATCH, DELETE /api/{name}/" for name in self.writes),
            *self.deeds,
        ]


SCOPES: dict[str, Scope] = {
    "chat": Scope(
        _("Ask projects, by the API and the OpenAI-compatible endpoint; list what can be asked"),
        deeds=(
            "POST /api/projects/{slug}/chat/",
            "POST /v1/chat/completions",
            "GET /v1/models",
        ),
    ),
    "conversations:read": Scope(
        _("Read your conversations with all their messages"), reads=("conversations",)
    ),
    "projects:read": Scope(
        _("Read projects, and the models they can use"), reads=("projects", "models")
    ),
    "projects:write": Scope(_("Create, change and delete projects"), writes=("projects",)),
    "guards:read": Scope(
        _("Read guards and their events; check a text"),
        reads=("guards", "guard-events"),
        deeds=("POST /api/guards/{slug}/check/",),
    ),
    "guards:write": Scope(_("Create, change and delete guards"), writes=("guards",)),
    "usage:read": Scope(_("Read the usage log"), reads=("usage",)),
    "audit:read": Scope(_("Read the audit trail"), reads=("audit-entries",)),
    "users:read": Scope(_("Read the people you may see"), reads=("users",)),
    "teams:read": Scope(
        _(
            "Read teams, who is in them as what and by which groups, and which models they are granted"
        ),
        reads=("teams", "memberships", "custom-roles", "groups", "group-mappings", "grants"),
    ),
    "teams:write": Scope(
        _("Create, change and delete teams, memberships, custom roles, groups and grants"),
        writes=("teams", "memberships", "custom-roles", "groups", "group-mappings", "grants"),
    ),
    "reviews:read": Scope(_("Read access reviews"), reads=("access-reviews",)),
    "reviews:write": Scope(
        _("Open access reviews, decide about their lines, close them"), writes=("access-reviews",)
    ),
    "permissions:read": Scope(
        _("Read who reaches which project and why, and what would change"),
        deeds=(
            "GET /api/permissions/matrix",
            "GET /api/permissions/explain",
            "GET /api/permissions/changes",
            "POST /api/permissions/simulate",
        ),
    ),
    "providers:read": Scope(_("Read the connections to providers"), reads=("providers",)),
    "providers:write": Scope(
        _("Create, change and delete providers and models"), writes=("providers", "models")
    ),
    "settings:read": Scope(_("Read the platform's settings"), reads=("settings",)),
    "settings:write": Scope(
        _("Change those of the platform's settings that are none of security"), writes=("settings",)
    ),
    "changes:read": Scope(
        _("Read changes that wait for a second person"), reads=("pending-changes",)
    ),
    "manage": Scope(
        _("Manage people, teams and providers: all of these scopes in one"),
        includes=(
            *("users:read", "teams:read", "teams:write", "permissions:read"),
            *("reviews:read", "reviews:write", "providers:read", "providers:write"),
        ),
    ),
}

# What every key may ask whatever its scopes, and what none may, its owner's rights notwithstanding.
EVERY_KEY = frozenset(["GET /api/users/me/", "GET /api/schema/"])
NO_KEY = ("/api/keys/", "/api/docs/", "/api/auth/")
# Deeds of people alone, beside them.
NO_KEYS_DEEDS = frozenset(
    f"POST /api/pending-changes/{{uid}}/{deed}/" for deed in ("approve", "reject", "withdraw")
) | {"GET /api/audit-entries/export/"}


def is_for_no_key(method: str, path: str) -> bool:
    return path.startswith(NO_KEY) or f"{method} {path}" in NO_KEYS_DEEDS


def expanded(names: Iterable[str]) -> frozenset[str]:
    """These scopes and those in them. What the table does not know any more opens nothing."""
    found = set(names)
    for name in list(found):
        if name in SCOPES:
            found.update(SCOPES[name].includes)
    return frozenset(found)


def required(method: str, path: str) -> str | None:
    """The scope that this operation of the OpenAPI document asks of a key; None where no scope decides.

    Raises `LookupError` for what is in no line.
    """
    deed = f"{method} {path}"
    if deed in EVERY_KEY or is_for_no_key(method, path):
        return None
    for name, scope in SCOPES.items():
        if deed in scope.deeds:
            return name
    resource = path.removeprefix("/api/").partition("/")[0]
    for name, scope in SCOPES.items():
        if resource in (scope.reads if method in READING else scope.writes):
            return name
    raise LookupError(f"{deed} is in no line of the table of scopes.")
