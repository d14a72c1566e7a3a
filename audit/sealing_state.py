"""How the sealing stands: what the checkpoints page says at its top, and the start page where something is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Min
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import checkpoint_file, sealing, signing
from audit.checkpoint_file import OutOfStep
from audit.models import Checkpoint, Entry
from audit.querysets import reads_everything
from portal import start_page
from portal.start_page import Notice, Scope
from portal.tenancy import EVERYTHING, tenant

OVERDUE = timedelta(minutes=10)  # that the oldest entry waits while each minute should seal it
MOST = 10_000  # entries that are counted; more is "more than"


@dataclass(frozen=True, slots=True)
class State:
    """`refusal` says why nothing can be sealed, in words; empty where all is well."""

    last: Checkpoint | None
    waiting: int
    oldest_waiting: datetime | None
    refusal: str
    fingerprint: str
    public_key: str

    @property
    def is_overdue(self) -> bool:
        return self.oldest_waiting is not None and timezone.now() - self.oldest_waiting > OVERDUE

    @property
    def more_wait(self) -> bool:
        return self.waiting >= MOST

    @property
    def warning(self) -> str:
        if self.refusal:
            return self.refusal
        if self.is_overdue:
            return _(
                "Sealing is overdue: entries wait for more than ten minutes. Does the worker run?"
            )
        return ""


def state() -> State:
    """As the system sees it, whoever asks."""
    with tenant(EVERYTHING):
        newest = Checkpoint.objects.defer("line").order_by("-number").first()
        to = sealing.newest().to if newest else 0
        waiting = Entry.objects.filter(pk__gt=to).order_by("pk")[:MOST]
        found = waiting.aggregate(oldest=Min("created_at"))
        refusal = _refusal()
        count = waiting.count()
    key = _key()
    return State(
        newest,
        count,
        found["oldest"],
        refusal,
        signing.id_of(key) if key is not None else "",
        signing.public_text(key) if key is not None else "",
    )


def public_pem() -> str:
    """The public key as a file; empty where there is none."""
    key = _key()
    if key is None:
        return ""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def fingerprint_groups(fingerprint: str) -> str:
    """In fours, to be read aloud."""
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


def _key() -> Any:
    try:
        known = signing.keys()
    except ImproperlyConfigured:
        return None
    return known[0] if known else None


def _refusal() -> str:
    if _key() is None:
        return _("Nothing is sealed: there is no signing key (PORTAL_AUDIT_SIGNING_KEY).")
    try:
        checkpoint_file.require_in_step()
    except OutOfStep as error:
        return _("Nothing is sealed until somebody has looked. %(why)s") % {"why": error}
    except OSError:
        return _("Nothing is sealed: the checkpoints file cannot be read or written.")
    return ""


def notices(scope: Scope) -> Sequence[Notice]:
    """On the start page of who reads the whole trail."""
    if scope.team or not reads_everything(scope.user):
        return []
    warning = state().warning
    page = reverse("admin:audit_checkpoint_changelist")
    return [Notice("bad", warning, page, _("Checkpoints"))] if warning else []


def install() -> None:
    start_page.register_notices(notices)
