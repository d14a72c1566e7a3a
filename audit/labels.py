"""Who acted, as the trail names them: under the person's own key, so that erasure takes the name and leaves the entry."""

from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from audit.changes import plain
from portal import keyring
from portal.context import Actor
from portal.encryption import MASK, seal, unseal
from portal.keyring import Destroyed, Unreadable

PREFIX = "sealed:"
PLACE = "audit audit.Entry.actor_label"
LONGEST = 320  # characters
_KEPT = 1000
_sealed: dict[tuple[str, str], tuple[str, str]] = {}


def subject_of(user_id: Any) -> str:
    """The person as owner of a data key ("accounts.User:12")."""
    return f"{get_user_model()._meta.label}:{user_id}"


def sealed_label(actor: Actor) -> str:
    """What the entry keeps of the actor's label. Only people's are sealed; what is nobody's stays as it is."""
    label = plain(actor.label)[:LONGEST]
    if actor.person_id is None or not label:
        return label
    owner = subject_of(actor.person_id)
    try:
        key = keyring.current(owner)
        known = _sealed.get((owner, label))
        if known is None or known[0] != key.uid:
            token = seal(label, owner=owner, place=PLACE).decode()
            if len(_sealed) >= _KEPT:
                _sealed.clear()
            known = _sealed[(owner, label)] = (key.uid, PREFIX + token)
    except Destroyed:
        return MASK
    return known[1]


def opened_label(stored: str, user_id: int | None) -> str:
    """The label for a reader; words where the person was erased."""
    if not stored.startswith(PREFIX):
        return stored
    token = stored.removeprefix(PREFIX).encode()
    try:
        return unseal(token, owner=subject_of(user_id), place=PLACE)
    except Unreadable:
        return _("(erased)")
