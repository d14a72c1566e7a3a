"""The keys that sign checkpoints: the first signs, older ones hand over to it once and then may go."""

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from audit.verifier import key_id
from portal.start_refusals import STANDARD

SEED = 32  # bytes


def keys() -> list[Ed25519PrivateKey]:
    """All that are configured, the signing one first. Raises `ImproperlyConfigured` for what is no key."""
    return [_key(text) for text in settings.AUDIT_SIGNING_KEYS]


def key_named(name: str) -> Ed25519PrivateKey | None:
    """The configured key with this id."""
    return next((key for key in keys() if id_of(key) == name), None)


def id_of(key: Ed25519PrivateKey) -> str:
    return key_id(public_bytes(key))


def public_text(key: Ed25519PrivateKey) -> str:
    """The public key as it is published: base64 of its 32 bytes."""
    return base64.b64encode(public_bytes(key)).decode()


def public_keys() -> list[bytes]:
    """The public halves of all that are configured."""
    return [public_bytes(key) for key in keys()]


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _key(text: str) -> Ed25519PrivateKey:
    try:
        seed = base64.b64decode(text.translate(STANDARD), validate=True)
        return Ed25519PrivateKey.from_private_bytes(seed)
    except (binascii.Error, ValueError):
        raise ImproperlyConfigured(
            f"PORTAL_AUDIT_SIGNING_KEY is base64 of {SEED} random bytes; several with commas between."
        ) from None
