"""What both enrolments show and ask, from the account page and while signing in: QR code, secret, and the first code."""

from typing import Any
from urllib.parse import quote, urlencode

import segno
from django import forms
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from accounts import factor_actions
from accounts.models import TotpDevice, User
from accounts.models.second_factor import DIGITS, STEP_S
from accounts.sightings import known_device
from accounts.throttle import attempt
from audit import trail
from portal.errors import Refusal

ISSUER = "Gatehouse"
GROUP = 4


def shown(user: User, device: TotpDevice) -> dict[str, Any]:
    """For `account/enrolment.html`."""
    secret = device.secret
    groups = [secret[place : place + GROUP] for place in range(0, len(secret), GROUP)]
    address = _address(user, secret)
    return {"qr": _drawn(address), "secret": " ".join(groups), "address": address}


def confirmed(
    request: HttpRequest, user: User, device: TotpDevice, form: forms.Form
) -> list[str] | None:
    """The new recovery codes, or None with the form's error. Tries count like those of any code."""
    tried = attempt(
        door="code",
        address=request.client_address,
        account=user.email,
        device=known_device(request, user.email),
    )
    try:
        codes = factor_actions.confirm(
            by=user, user=user, device=device, code=form.cleaned_data["code"]
        )
    except Refusal as refusal:
        if refusal.code != "invalid_credentials":
            raise
        trail.record(action="second_factor_failed", target=user, outcome="refused")
        form.add_error("code", str(refusal.message))
        return None
    tried.succeeded()
    return codes


def _address(user: User, secret: str) -> str:
    """As authenticator apps read it."""
    options = {"secret": secret, "issuer": ISSUER, "digits": DIGITS, "period": STEP_S}
    return f"otpauth://totp/{ISSUER}:{quote(user.email, safe='')}?{urlencode(options)}"


def _drawn(address: str) -> SafeString:
    """As SVG without styles; dark on white in both themes, for cameras read nothing else."""
    code = segno.make(address, error="m", micro=False)
    drawn = code.svg_inline(omitsize=True, border=4, dark="#000", light="#fff", lineclass=None)
    return mark_safe(drawn)  # noqa: S308 - paths of segno's; no text of anybody's is in it
