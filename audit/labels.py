"""Who acted, as the trail names them: under the person's own key, so that erasure takes the name and leaves the entry."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from audit.changes import plain
from portal import keyring
from portal.context import Actor
from portal.encryption import MASK, seal, unseal
from portal.keyring import Unreadable

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
    except Unreadable:  # erased, or damaged: the account's id says who it was
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


def read_ahead(entries: Iterable[Any], *, changes: bool = False) -> None:
    """Before the labels of many entries are read, and their changes too: the keys of all of them in one query.

    Where somebody was erased, the label says so from then on without asking again.
    """
    found = list(entries)
    sealed = [text for one in found for text in (one.actor_sealed, one.on_behalf_sealed)]
    uids = {_uid(text.removeprefix(PREFIX)) for text in sealed if text.startswith(PREFIX)}
    if changes:
        uids |= {_uid(token) for one in found for token in _tokens(one.changes)}
    usable = keyring.expect(uids)
    for one in found:
        for name in ("actor_sealed", "on_behalf_sealed"):
            text = getattr(one, name)
            if text.startswith(PREFIX) and _uid(text.removeprefix(PREFIX)) not in usable:
                setattr(one, name, _("(erased)"))


def name_people(reader: Any, entries: Iterable[Any]) -> None:
    """Entries about accounts hold a number; for who may see the person they are called as they are called today."""
    model = get_user_model()
    label = model._meta.label
    found = [one for one in entries if one.target_type == label and _is_key(one.target_id)]
    if not found:
        return
    people = model._default_manager.visible_to(reader)  # type: ignore[attr-defined]
    names = {str(one.pk): str(one) for one in people.filter(pk__in={e.target_id for e in found})}
    for one in found:
        one.known_as = names.get(one.target_id, "")


def _is_key(text: str) -> bool:
    return text.isdecimal() and len(text) < 19


def _uid(token: str) -> str:
    """What stands before a sealed value: the name of its key."""
    return token.partition(".")[0]


def _tokens(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("sealed"), str):
            yield value["sealed"]
        else:
            for item in value.values():
                yield from _tokens(item)
    elif isinstance(value, list):
        for item in value:
            yield from _tokens(item)
