"""What a destination's address, certificates, secret and filter may look like."""

import ipaddress
import re
import ssl

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from portal.public_addresses import is_listed_private
from portal.validators import parsed_url, validate_secret

SHORTEST_SECRET = 32  # characters
LONGEST_PEM = 100_000
HOST = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*\.?\Z"
)
PATTERN = re.compile(r"\*?[a-z0-9_]{1,64}\*?\Z")


def validate_host(value: str) -> None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if not HOST.match(value):
            raise ValidationError(_("Enter a host name or an address, without a port.")) from None


def may_be_private(host: str) -> bool:
    """False for an address that is in none of the operator's networks. What a name leads to is asked when it is used."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(settings.PRIVATE_NETWORKS)
    return is_listed_private(host)


def validate_url(value: str) -> None:
    try:
        parts = parsed_url(value)
    except ValueError:
        parts = None
    if parts is None or parts.scheme != "https" or parts.fragment:
        raise ValidationError(_("Enter an https:// address without user name or password."))


def validate_signing_secret(value: str) -> None:
    validate_secret(value)
    if value and len(value) < SHORTEST_SECRET:
        raise ValidationError(
            _("At least %(count)d characters, made by chance."), params={"count": SHORTEST_SECRET}
        )


def validate_certificates(value: str) -> None:
    """One or more certificates in PEM that OpenSSL takes."""
    if not value.strip():
        return
    try:
        if len(value) > LONGEST_PEM or not load_pem_x509_certificates(value.encode()):
            raise ValueError
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=value)
    except (ValueError, ssl.SSLError):
        raise ValidationError(
            _("Paste certificates in PEM: from -----BEGIN CERTIFICATE----- to -----END …")
        ) from None


def validate_private_key(value: str) -> None:
    """One key in PEM without a passphrase. Nothing of it goes into the message."""
    if not value.strip():
        return
    try:
        if len(value) > LONGEST_PEM:
            raise ValueError
        load_pem_private_key(value.encode(), password=None)
    except Exception:  # noqa: BLE001 - the library raises many, some with what it read
        raise ValidationError(_("Paste the private key in PEM, without a passphrase.")) from None


def patterns_of(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def validate_patterns(value: str) -> None:
    for pattern in patterns_of(value):
        if not PATTERN.match(pattern):
            raise ValidationError(
                _(
                    "%(name)s is no action: names have small letters, digits and _, and * at an end."
                ),
                params={"name": pattern[:80]},
            )


def is_named(patterns: list[str], action: str) -> bool:
    """Whether one of the patterns names this action; none at all name every one."""
    return not patterns or any(_fits(pattern, action) for pattern in patterns)


def _fits(pattern: str, action: str) -> bool:
    inner = pattern.strip("*")
    if pattern.startswith("*") and pattern.endswith("*"):
        return inner in action
    if pattern.startswith("*"):
        return action.endswith(inner)
    return action.startswith(inner) if pattern.endswith("*") else action == inner
