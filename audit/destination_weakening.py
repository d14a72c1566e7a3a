"""When forwarding becomes weaker, which needs a second person where the rule is on; and what asks once more who one is."""

from typing import Any

from portal import sensitive, weakenings
from portal.sensitive import changed

LABEL = "audit.Destination"
SWITCHES = (
    *("sends_entries", "sends_checkpoints", "sends_done", "sends_refused", "sends_failed"),
    "holds_retention",
)
PLACES = ("kind", "host", "port", "transport", "url", "ca_certificate")
REST = (
    *("is_paused", "format", "actions", "includes_personal", "client_certificate", "client_key"),
    *("secret", "enterprise_number", "facility", "max_message_bytes"),
)


def is_weaker(before: Any, after: Any) -> bool:
    """Of a stored destination: it goes, gets less, gets it elsewhere, or gets what is personal."""
    if before is None or after is None:
        return before is not None
    return (
        (after.is_paused and not before.is_paused)
        or (after.includes_personal and not before.includes_personal)
        or any(getattr(before, name) and not getattr(after, name) for name in SWITCHES)
        or any(getattr(before, name) != getattr(after, name) for name in PLACES)
        or (after.actions != before.actions and bool(after.actions))
    )


def is_sensitive(before: Any, after: Any) -> bool:
    """Whoever gets the trail, or ceases to: everything but its name."""
    if before is None or after is None:
        return True
    return changed(*SWITCHES, *PLACES, *REST)(before, after)


def install() -> None:
    # A URL is never changed without its secret, also where that is the same as before.
    weakenings.register_rule(LABEL, is_weaker, reads=("secret",))
    sensitive.register_rule(LABEL, is_sensitive)
