"""Which changes are sensitive: the console and the API ask once more who one is before they are done.

One table for all rooms. A rule compares the row as it is stored with the row as it would be (None where there is none)
and answers whether fresh authentication is needed; rooms above add rules that take their knowledge. Keys are never
fresh: what is sensitive is done by people.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.db import models
from django.http import HttpRequest

from portal import regions
from portal.address_lists import is_wider
from portal.encryption import UNREADABLE, EncryptedTextField, readable
from portal.platform_settings import SETTINGS

Rule = Callable[[Any, Any], bool]


def _held(row: Any, name: str) -> Any:
    if isinstance(row._meta.get_field(name), EncryptedTextField):
        return readable(row, name, UNREADABLE)
    return getattr(row, name)


def changed(*names: str) -> Rule:
    """One of these fields of a stored row changes; one that cannot be read counts as changed."""

    def rule(before: Any, after: Any) -> bool:
        if before is None or after is None:
            return False
        pairs = [(_held(before, name), _held(after, name)) for name in names]
        return any(old is UNREADABLE or old != new for old, new in pairs)

    return rule


def switched(name: str, *, on: bool, also_new: bool = False) -> Rule:
    """A switch goes on, or off; with `also_new` in a new row too."""

    def rule(before: Any, after: Any) -> bool:
        if after is None or (before is None and not also_new):
            return False
        was = bool(getattr(before, name)) if before is not None else not on
        return was is not on and bool(getattr(after, name)) is on

    return rule


def widened(name: str, by: Callable[[str, str], bool] = is_wider) -> Rule:
    """A stored list, of networks or of what `by` compares, lets in more than before."""

    def rule(before: Any, after: Any) -> bool:
        if before is None or after is None:
            return False
        return by(getattr(before, name), getattr(after, name))

    return rule


def lengthened(name: str) -> Rule:
    """An end or a bound of a stored row moves on, or goes."""

    def rule(before: Any, after: Any) -> bool:
        if before is None or after is None or getattr(before, name) is None:
            return False
        ends = getattr(after, name)
        return ends is None or ends > getattr(before, name)

    return rule


def removed(before: Any, after: Any) -> bool:
    return before is not None and after is None


def added(before: Any, after: Any) -> bool:
    return before is None and after is not None


def of_security(before: Any, after: Any) -> bool:
    """A setting of the platform that is one of security gets another value."""
    row = before or after
    known = SETTINGS.get(row.name)
    if known is None or not known.is_security:
        return False
    values = [side.value if side is not None else known.default for side in (before, after)]
    return bool(values[0] != values[1])


# The security settings, by model. `ROOM` says that the room itself registers how its rows are weakened.
ROOM: tuple[Rule, ...] = ()
TABLE: dict[str, tuple[Rule, ...]] = {
    "portal.Setting": (of_security,),
    # Who may knock.
    "portal.AddressRule": (added, removed, changed("place", "verdict", "network")),
    # And what limits a team; keeping its people's words longer, or less long, is both somebody's loss.
    "teams.Team": (
        widened("allowed_addresses"),
        lengthened("requests_per_minute"),
        lengthened("monthly_budget"),
        changed("content_hours", "conversation_days", "usage_days", "event_days"),
        widened("allowed_regions", by=regions.is_wider),
        removed,
    ),
    # What stays although its time is over.
    "teams.LegalHold": (added, removed),
    "accounts.Key": (
        widened("allowed_addresses"),
        switched("no_content_log", on=False),
        lengthened("expires_at"),
    ),
    # Where questions and secrets go.
    "portal.Provider": (changed("kind", "base_url", "secret", "extra_headers"),),
    # Who gets the trail, what of it, and whether.
    "audit.Destination": ROOM,
    # Who is strong, and who gets in; the address is where a new password is mailed to.
    "accounts.User": (
        switched("is_superuser", on=True, also_new=True),
        switched("is_auditor", on=True, also_new=True),
        switched("is_restricted", on=False),
        switched("is_active", on=True),
        changed("email"),
    ),
    # What is kept of people's words.
    "projects.Project": (switched("log_content", on=True),),
    # What looks at every text, and what confines a key.
    "guards.Guard": ROOM,
    "guards.GuardAttachment": ROOM,
    "projects.ProjectGuard": ROOM,
    "projects.KeyProject": (removed, changed("project", "key")),
}

_rules: dict[str, Rule] = {}
_askers: list[Callable[[HttpRequest], None]] = []


def register_rule(label: str, rule: Rule) -> None:
    """By the room of a model that the table gives to it."""
    if TABLE.get(label) is not ROOM:
        raise ValueError(f"{label} is not left to its room.")
    _rules[label] = rule


def register_asker(asker: Callable[[HttpRequest], None]) -> None:
    """`asker(request)` raises the refusal of who did not prove lately who they are; the accounts register theirs."""
    _askers[:] = [asker]


def is_sensitive(model: type[models.Model], before: Any, after: Any) -> bool:
    label = model._meta.label
    if label not in TABLE:
        return False
    rules = TABLE[label] or (_rules[label],)  # a room that forgot its rule is told so
    return any(rule(before, after) for rule in rules)


def stored(row: Any) -> Any:
    """The row as the database holds it, to compare with; None for a new one and for models without a rule."""
    model = type(row)
    if row.pk is None or model._meta.label not in TABLE:
        return None
    return model._base_manager.filter(pk=row.pk).first()


def require(request: HttpRequest, model: type[models.Model], before: Any, after: Any) -> None:
    """Raises `Refusal("fresh_authentication_required")` where this change is sensitive and nobody proved who they are."""
    if is_sensitive(model, before, after):
        _askers[0](request)


def require_fresh(request: HttpRequest) -> None:
    """For deeds that are sensitive whatever they do, such as exports. Raises as `require` does."""
    _askers[0](request)


def require_removal(request: HttpRequest, rows: Iterable[Any]) -> None:
    for row in rows:
        require(request, type(row), row, None)
