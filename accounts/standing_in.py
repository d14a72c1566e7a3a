"""What is open while a platform admin acts as somebody else, and what is noted of it.

Without the right to write every unsafe request is refused, but ending it, signing out and choosing colours. With it one
does what the person may, except with their account: password, second factor, keys, sessions, notices and tokens stay
closed, and nothing that asks for fresh authentication is done. Each page viewed and each deed is an entry of the trail
before it happens; what cannot be noted is not shown.
"""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts import impersonation
from accounts.live_impersonations import Live
from audit import trail
from portal.errors import Refusal

SAFE = frozenset(["GET", "HEAD", "OPTIONS"])
ENDS, SIGNS_OUT, COLOURS = "account_end_impersonation", "account_logout", "theme"
ALWAYS_OPEN = frozenset([ENDS, SIGNS_OUT, COLOURS])
# The person's account, by the beginning of the route. Below them everything is closed, what comes later too.
CLOSED = ["account/", "api/auth/", "api/keys/"]
# People and their keys are looked at, and not changed.
NOT_WRITTEN = ["admin/accounts/", "api/users/"]
# What shows nothing of anybody: colours, logos, words of scripts.
NOT_NOTED = frozenset(["branding_css", "branding_logo", "admin:jsi18n", COLOURS, SIGNS_OUT, ENDS])

_content: dict[str, tuple[str, str]] = {}


def register_content(view_name: str, label: str, argument: str) -> None:
    """A route that shows somebody's own words: `label` is the model, `argument` names the row in the route."""
    _content[view_name] = (label, argument)


def register_not_written(prefix: str) -> None:
    """Routes that are looked at and not written, for reasons that a higher room knows."""
    NOT_WRITTEN.append(prefix)


def require_open(request: HttpRequest, live: Live) -> None:
    """Raises `Refusal("permission_denied")` for what is closed; notes everything else. Asked before the view."""
    match: Any = request.resolver_match
    if match.view_name in ALWAYS_OPEN:
        return
    refused = _why_not(request, match.route.lstrip("^"), live)
    if refused:
        trail.record(action=impersonation.REFUSED, status=403)
        raise Refusal("permission_denied", refused)
    if match.view_name not in NOT_NOTED:
        _note(request, match)


def _why_not(request: HttpRequest, route: str, live: Live) -> str:
    if route.startswith(tuple(CLOSED)):
        return _("The account of the person you act as stays closed to you.")
    if request.method in SAFE:
        return ""
    if not live.may_write:
        return _("You act as somebody else to look, not to change anything.")
    if route.startswith(tuple(NOT_WRITTEN)):
        return _("People and keys are not changed while you act as somebody else.")
    return ""


def _note(request: HttpRequest, match: Any) -> None:
    if request.method not in SAFE:
        trail.record(action=impersonation.ACTED)
        return
    label, argument = _content.get(match.view_name, ("", ""))
    row = match.kwargs.get(argument)
    if row:
        trail.record(action=impersonation.READ, target_type=label, target_id=row)
    elif request.method != "OPTIONS":
        trail.record(action=impersonation.VIEWED)
