"""A new key ring, or new data keys, while the portal runs: row by row, resumable, and nothing is ever unreadable.

Each row is replaced only if it still holds what was read (compare and swap), so a write beside it is never undone.
Killed at any moment, every row is under the old key or under the new one, and both open; the next run goes on.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import models, transaction
from django.db.models import QuerySet

from portal import keyring
from portal.classification import is_recorded
from portal.encryption import EncryptedTextField, Sealed, encrypted_fields
from portal.keyring import Destroyed, Elsewhere, Unreadable
from portal.models import DataKey
from portal.resealing import resealed

PAGE = 200  # rows read at a time
PASSES = 5
Tell = Callable[[str], None]


@dataclass(slots=True)
class Progress:
    """What a run did: `looked_at` rows, `renewed` values; all others stay as they are.

    `erased` ones are under destroyed keys, `elsewhere` were sealed for another owner or row, and `unreadable` open with
    no key that is there.
    """

    looked_at: int = 0
    renewed: int = 0
    unreadable: int = 0
    elsewhere: int = 0
    erased: int = 0
    is_complete: bool = True  # a last look found nothing under an old key


def rotate_all(*, dry_run: bool = False, tell: Tell = lambda line: None) -> Progress:
    """`rotate` until there is nothing left to renew: what was sealed before it began may be committed behind its back.

    After PASSES with something left it gives up, and says so with `is_complete`.
    """
    progress = rotate(dry_run=dry_run, tell=tell)
    renewed = [progress.renewed]
    while not dry_run and renewed[-1] and len(renewed) < PASSES:
        progress = rotate(tell=tell)
        renewed.append(progress.renewed)
    progress.is_complete = dry_run or not renewed[-1]
    progress.renewed = sum(renewed)
    return progress


def rotate(*, dry_run: bool = False, tell: Tell = lambda line: None) -> Progress:
    """Everything under the first key of the ring, and every value under its owner's current data key.

    `tell` gets a line for each table and page of rows. Every process must know the new ring before this runs.
    """
    progress = Progress()
    for model in _models():
        fields = encrypted_fields(model)
        total = model._base_manager.count()
        seen = 0
        rows = model._base_manager.all()
        if through := getattr(model, "owned_through", None):
            rows = rows.select_related(through)
        for row in _paged(rows):
            seen += 1
            for field in fields:
                _renew(row, field, progress, dry_run)
            if seen % PAGE == 0:
                tell(f"{model._meta.label}: {seen} of {total}")
        progress.looked_at += seen
        tell(f"{model._meta.label}: {seen} of {max(seen, total)}")
    keyring.forget()
    return progress


def renew_data_keys(tell: Tell = lambda line: None) -> int:
    """Retires every data key in use: what is written from now on is under new ones. Returns how many.

    The old ones still decrypt; `rotate` then carries the stored values over.
    """
    retired = 0
    newest = DataKey.objects.aggregate(models.Max("pk"))["pk__max"] or 0  # not those made below
    in_use = DataKey.objects.filter(retired_at__isnull=True, destroyed_at__isnull=True)
    for key in _paged(in_use.filter(pk__lte=newest)):
        retired += keyring.renew(key.owner)  # which looks again: it may be destroyed by now
    keyring.forget()
    tell(f"{retired} data keys retired")
    return retired


def _models() -> list[type[models.Model]]:
    """Data keys first: all else is under them."""
    found = [model for model in apps.get_models() if encrypted_fields(model)]
    return sorted(found, key=lambda model: model is not DataKey)


def _paged(rows: QuerySet) -> Iterator[Any]:
    """In the order of the primary key, a page at a time; rows that come or go meanwhile disturb nothing."""
    last: Any = None
    while True:
        page = rows.order_by("pk") if last is None else rows.order_by("pk").filter(pk__gt=last)
        found = list(page[:PAGE])
        if not found:
            return
        yield from found
        last = found[-1].pk


def _renew(row: Any, field: EncryptedTextField, progress: Progress, dry_run: bool) -> None:
    sealed = row.__dict__.get(field.attname)
    if not isinstance(sealed, Sealed):
        return
    try:
        if _is_current(row, sealed):
            return
        text = field.opened(row, sealed)
        renewed = field.sealed_for(row, text)
    except Destroyed:
        progress.erased += 1
        return
    except Elsewhere:
        progress.elsewhere += 1
        return
    except Unreadable:
        progress.unreadable += 1
        return
    progress.renewed += 1
    if not dry_run:
        _swap(row, field, sealed, renewed)


def _is_current(row: Any, sealed: Sealed) -> bool:
    """Whether it is under the key that would encrypt it today."""
    secret = keyring.current(row.encryption_owner)
    if sealed.key_uid != secret.uid:
        return False
    if secret.uid != keyring.RING:
        return True
    try:
        keyring.first_of_ring().decrypt(sealed.token.partition(b".")[2])
    except InvalidToken:
        return False
    return True


def _swap(row: Any, field: EncryptedTextField, old: Sealed, new: Sealed) -> None:
    """Past the recorder: the value is the same, only its key is another. A rotation is an event of its own."""
    table, column = row._meta.db_table, field.column
    connection = transaction.get_connection()
    quote = connection.ops.quote_name
    told = transaction.atomic() if is_recorded(type(row)) else nullcontext()
    with told, connection.cursor() as cursor:
        resealed(model=type(row), keys=[row.pk], names=[field.name], using=connection.alias)
        cursor.execute(
            f"UPDATE {quote(table)} SET {quote(column)} = %s "  # noqa: S608 - names of our own models
            f"WHERE {quote(row._meta.pk.column)} = %s AND {quote(column)} = %s",
            [
                field.get_db_prep_save(new, connection),
                row.pk,
                field.get_db_prep_save(old, connection),
            ],
        )
