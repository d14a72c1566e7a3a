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
    return key_id(key.public_key().public_bytes_raw())


def public_text(key: Ed25519PrivateKey) -> str:
    """The public key as it is published: base64 of its 32 bytes."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _key(text: str) -> Ed25519PrivateKey:
    try:
        seed = base64.b64decode(text.translate(STANDARD), validate=True)
        return Ed25519PrivateKey.from_private_bytes(seed)
    except (binascii.Error, ValueError):
        raise ImproperlyConfigured(
            f"PORTAL_AUDIT_SIGNING_KEY is base64 of {SEED} random bytes; several with commas between."
        ) from None
