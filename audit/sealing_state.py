"""How the sealing stands: what the checkpoints page says at its top, and the start page where something is wrong."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import checkpoint_file, signing
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
    """`refusal` says why nothing can be sealed, in words; empty where nothing is known to be wrong.

    Only the worker needs the signing key and the checkpoints file: where this process has none, `public_key` is empty,
    and `has_file` false.
    """

    last: Checkpoint | None
    waiting: int
    oldest_waiting: datetime | None
    refusal: str
    has_file: bool
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
                "Sealing is overdue: entries wait for more than ten minutes. Does the worker run, and has it the key?"
            )
        return ""


def state() -> State:
    """As the system sees it, whoever asks."""
    with tenant(EVERYTHING):
        last = Checkpoint.objects.order_by("-number").first()
        said = json.loads(last.line) if last is not None else {}
        waiting = Entry.objects.filter(pk__gt=said.get("to", 0)).order_by("pk")
        oldest = waiting.values_list("created_at", flat=True).first()
        count = len(waiting.values_list("pk", flat=True)[:MOST])
        has_file = checkpoint_file.path().exists()
        refusal = _refusal() if has_file else ""
    key = _key(said.get("key", ""))
    fingerprint = signing.id_of(key) if key is not None else said.get("key", "")
    public = signing.public_text(key) if key is not None else ""
    return State(last, count, oldest, refusal, has_file, fingerprint, public)


def public_pem() -> str:
    """The public key of the newest checkpoint as a file; empty where this process does not know it."""
    with tenant(EVERYTHING):
        line = Checkpoint.objects.order_by("-number").values_list("line", flat=True).first()
    key = _key(json.loads(line)["key"] if line else "")
    if key is None:
        return ""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def _key(name: str) -> Any:
    """The key with this id, where this process knows it; without a name the one that will sign."""
    try:
        return signing.key_named(name) if name else next(iter(signing.keys()), None)
    except ImproperlyConfigured:
        return None


def _refusal() -> str:
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
