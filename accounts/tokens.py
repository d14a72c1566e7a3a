"""The format of tokens: signed access tokens (JWT) that say all of themselves, and opaque refresh tokens.

An access token is HS256 under a key that is derived for it alone. A refresh token is `ghr_<family>_<secret><mac>`: the
MAC tells one of ours from a guess without a look at the database; only HMAC-SHA256(pepper, secret) is stored.
"""

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from accounts.models import TokenFamily

ALGORITHM = "HS256"
TYPE = "at+jwt"  # RFC 9068: an access token, and nothing else that somebody may sign
ISSUER = "gatehouse"
AUDIENCE = "gatehouse-api"
CLAIMS = ("iss", "aud", "sub", "sid", "epoch", "scope", "auth_time", "mfa", "iat", "exp", "jti")
SECRET_BYTES, MAC_CHARACTERS = 32, 32
_REFRESH = re.compile(rf"ghr_([0-9a-f]{{32}})_([0-9a-f]{{64}})([0-9a-f]{{{MAC_CHARACTERS}}})")


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token says. Times are in whole seconds since 1970."""

    user_id: int
    family: str
    epoch: int
    scopes: frozenset[str]
    auth_time: int
    mfa: bool
    ends_at: int


@dataclass(frozen=True, slots=True)
class Refresh:
    """`digest` is what the table holds of a token that was not replaced yet."""

    family: str
    digest: str


def issue(family: TokenFamily) -> str:
    """A new access token of this family."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(family.user_id),
        "sid": family.uid,
        "epoch": family.epoch,
        "scope": " ".join(sorted(family.scopes)),
        "auth_time": int(family.authenticated_at.timestamp()),
        "mfa": family.mfa,
        "iat": now,
        "exp": now + settings.TOKEN_S,
        "jti": secrets.token_hex(16),
    }
    return jwt.encode(claims, _signing_key(), ALGORITHM, headers={"typ": TYPE})


def read(token: str) -> Access | None:
    """What it says, if it is ours and has not ended; None for everything else."""
    try:
        found = jwt.decode_complete(
            token,
            _signing_key(),
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=0,
            options={"require": list(CLAIMS), "strict_aud": True},
        )
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return None
    if found["header"].get("typ") != TYPE or "crit" in found["header"]:
        return None
    return _access(found["payload"])


def _access(claims: dict[str, Any]) -> Access | None:
    """The claims, if each is of its type: nobody but us signs them, and what we sign is of its type."""
    shapes: dict[str, type] = {"sub": str, "sid": str, "scope": str, "mfa": bool}
    shapes |= {name: int for name in ("epoch", "auth_time", "exp")}
    if any(type(claims[name]) is not kind for name, kind in shapes.items()):
        return None
    if not (claims["sub"].isascii() and claims["sub"].isdigit()):
        return None
    return Access(
        user_id=int(claims["sub"]),
        family=claims["sid"],
        epoch=claims["epoch"],
        scopes=frozenset(claims["scope"].split()),
        auth_time=claims["auth_time"],
        mfa=claims["mfa"],
        ends_at=claims["exp"],
    )


def generate_refresh(family: str) -> tuple[str, str]:
    """A new refresh token: (plaintext, digest to store)."""
    secret = secrets.token_hex(SECRET_BYTES)
    return f"ghr_{family}_{secret}{_mac(family, secret)}", _digest(secret)


def parse_refresh(plaintext: str) -> Refresh | None:
    """The parts of a token that this portal made at some time; None for anything else."""
    found = _REFRESH.fullmatch(plaintext)
    if found is None or not hmac.compare_digest(_mac(found[1], found[2]), found[3]):
        return None
    return Refresh(found[1], _digest(found[2]))


def _digest(secret: str) -> str:
    return _keyed("refresh token", secret)


def _mac(family: str, secret: str) -> str:
    return _keyed("refresh token's mac", f"{family} {secret}")[:MAC_CHARACTERS]


def _keyed(purpose: str, text: str) -> str:
    return hmac.new(
        settings.KEY_PEPPER, f"{purpose}\x00{text}".encode(), hashlib.sha256
    ).hexdigest()


def _signing_key() -> bytes:
    """Of access tokens alone: what else SECRET_KEY signs is no token, and a token is nothing else."""
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"gatehouse access token HS256")
    return hkdf.derive(settings.SECRET_KEY.encode())
