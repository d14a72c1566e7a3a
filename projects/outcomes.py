"""What became of an exchange: the one table from outcome to HTTP status, error code and whether the trail hears of it."""

from dataclasses import dataclass

from portal.errors import ERRORS, Refusal
from portal.providers.base import ProviderFailure


@dataclass(frozen=True, slots=True)
class Outcome:
    """`code` is a line of the error table; empty where the door answers with an answer. `audited` as decision 9 says."""

    name: str
    status: int
    code: str = ""
    audited: bool = True


def _refused(code: str) -> Outcome:
    return Outcome(code, ERRORS[code].status, code)


OUTCOMES: dict[str, Outcome] = {
    outcome.name: outcome
    for outcome in (
        Outcome("answered", 200, audited=False),
        Outcome("blocked_input", 200),
        Outcome("blocked_output", 200),
        Outcome("aborted", 200, audited=False),  # the client left; what was produced is counted
        Outcome("abandoned", 500),  # never closed: the process died
        Outcome("crashed", 500, "internal_error"),
        _refused("invalid_request"),
        _refused("invalid_encoding"),
        _refused("not_authenticated"),
        _refused("invalid_credentials"),
        _refused("permission_denied"),
        _refused("address_blocked"),
        _refused("not_found"),
        _refused("too_large"),
        _refused("validation_failed"),
        _refused("rate_limited"),
        _refused("budget_exceeded"),
        _refused("guard_unavailable"),
        _refused("audit_unavailable"),
        _refused("content_unreadable"),
        _refused("provider_error"),
        _refused("provider_timeout"),
    )
}

# For lists and figures: what people ask of an exchange. Every outcome is in one group.
GROUPS: dict[str, tuple[str, ...]] = {
    "answered": ("answered",),
    "blocked": ("blocked_input", "blocked_output"),
    "refused": (
        *("invalid_request", "invalid_encoding", "not_authenticated", "invalid_credentials"),
        *("permission_denied", "address_blocked", "not_found", "too_large", "validation_failed"),
        *("rate_limited", "budget_exceeded"),
    ),
    "failed": (
        *("abandoned", "crashed", "guard_unavailable", "audit_unavailable", "content_unreadable"),
        *("provider_error", "provider_timeout"),
    ),
    "stopped": ("aborted",),
}


def group_of(outcome: str) -> str:
    return next((name for name, members in GROUPS.items() if outcome in members), "failed")


# What the provider's failures are to the caller. A refused credential is our configuration, not the caller's fault.
FAILURES: dict[str, str] = {
    "timeout": "provider_timeout",
    "unreachable": "provider_error",
    "misconfigured": "provider_error",
    "broken": "provider_error",
    "rate_limited": "rate_limited",
    "rejected": "invalid_request",
}


def refusal_of(failure: ProviderFailure) -> Refusal:
    """The caller's side of a provider's failure; its words never hold anything of the provider's."""
    code = FAILURES.get(failure.kind, "provider_error")
    return Refusal(code, failure.words, retry_after=failure.retry_after)
