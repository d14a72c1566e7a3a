"""The second factor: an authenticator app, and recovery codes for the day it is lost.

Only the core of django-otp is installed: its own devices keep their secrets in plaintext.
"""

import hmac
import re
import secrets
import time
from base64 import b32decode, b32encode
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django_otp.models import Device, DeviceManager
from django_otp.oath import hotp

from accounts.querysets import OwnedQuerySet
from portal import keyring
from portal.encryption import EncryptedTextField, new_uid
from portal.recording import RecordedQuerySet

STEP_S, DIGITS, TOLERANCE = 30, 6, 1  # a code of the step before or after is taken too
SECRET_BYTES = 20
CODES = 10
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # 32 that are not mistaken for each other
LENGTH, GROUP = 16, 4  # characters: 80 bits

_MISREAD = str.maketrans("OIL", "011")

_TOTP = re.compile(rf"[0-9]{{{DIGITS}}}")
_Devices: Any = DeviceManager.from_queryset(OwnedQuerySet)


def clock() -> int:
    """Seconds since 1970. Tests freeze it here."""
    return int(time.time())


def new_secret() -> str:
    """160 random bits in base 32, as authenticator apps read it."""
    return b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def plain_code(typed: str) -> str:
    """A code without what people put between its characters, in upper case."""
    return re.sub(r"[\s-]", "", typed).upper()


def is_totp(code: str) -> bool:
    """Whether this looks like a code of an app; recovery codes never do."""
    return _TOTP.fullmatch(code) is not None


class TotpDevice(Device):
    """An authenticator app. `last_t` is the step of the last code that was taken: each is taken once.

    Until a code has confirmed it, it stands beside the one in use and opens nothing.
    """

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    secret = EncryptedTextField(default=new_secret, editable=False)
    last_t = models.BigIntegerField(default=-1, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = _Devices()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "confirmed"], name="totp_one_of_each")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def encryption_owner(self) -> str:
        return keyring.person(self.user_id)

    def verify_token(self, token: str) -> bool:
        """True once for each code, whoever else tries it at the same moment: the step is taken in one statement."""
        code = plain_code(token)
        if not is_totp(code):
            return False
        key, now = b32decode(self.secret), clock() // STEP_S
        fitting = None
        for t in range(now - TOLERANCE, now + TOLERANCE + 1):
            if hmac.compare_digest(f"{hotp(key, t, DIGITS):0{DIGITS}d}", code):
                fitting = t
        if fitting is None:
            return False
        taken = TotpDevice.objects.filter(pk=self.pk, last_t__lt=fitting).update(
            last_t=fitting, last_used_at=timezone.now()
        )
        return bool(taken == 1)


class RecoveryDevice(Device):
    """A person's recovery codes, each good for one sign-in."""

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = _Devices()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["user"], name="recovery_once")]

    def __str__(self) -> str:
        return self.name

    def verify_token(self, token: str) -> bool:
        """True once for each code: whoever deletes its row has used it."""
        code = plain_code(token)
        if not code:
            return False
        rows = RecoveryCode.objects.filter(device_id=self.pk, digest=self.digest(code))
        return rows._raw_delete(rows.db) == 1  # one DELETE, where delete() would read first

    def issue(self) -> list[str]:
        """New codes in place of all former ones, in plaintext this once. Within the deed's transaction."""
        codes = [_random_code() for _number in range(CODES)]
        RecoveryCode.objects.filter(device_id=self.pk).delete()
        RecoveryCode.objects.bulk_create(
            [RecoveryCode(device=self, digest=self.digest(plain_code(code))) for code in codes]
        )
        return codes

    def digest(self, code: str) -> str:
        text = f"recovery code\x00{self.uid}\x00{code.translate(_MISREAD)}".encode()
        return hmac.new(settings.KEY_PEPPER, text, "sha256").hexdigest()


def _random_code() -> str:
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(code[place : place + GROUP] for place in range(0, LENGTH, GROUP))


class RecoveryCode(models.Model):
    """One code that was not used yet: HMAC-SHA256 under the pepper, bound to its device."""

    device = models.ForeignKey(RecoveryDevice, models.CASCADE, related_name="codes")
    digest = models.CharField(max_length=64, unique=True, editable=False)

    objects = RecordedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"recovery code {self.pk}"
