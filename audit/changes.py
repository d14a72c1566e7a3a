"""Before → after of rows, with secrets masked and personal values sealed."""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.backends.utils import format_number

from portal.classification import CONTENT, PERSONAL, SECRET, class_of, is_recorded_field
from portal.encryption import MASK, UNREADABLE, EncryptedTextField, readable, seal, unseal
from portal.keyring import PLATFORM, Destroyed

Values = dict[str, Any]
_encode = DjangoJSONEncoder().default


def recorded_fields(model: type[models.Model]) -> list[models.Field]:
    """The columns that the trail records, in the model's order; generated ones say nothing of their own."""
    return [
        field
        for field in model._meta.concrete_fields
        if is_recorded_field(model, field.name) and not getattr(field, "generated", False)
    ]


def loaded_values(instance: models.Model) -> Values:
    """What an instance holds, by field name; deferred fields are missing."""
    return {
        field.name: _held(instance, field)
        for field in recorded_fields(type(instance))
        if field.attname in instance.__dict__
    }


def _held(instance: models.Model, field: models.Field) -> Any:
    """A secret that cannot be decrypted counts as unreadable, not as error: it can still be replaced."""
    if isinstance(field, EncryptedTextField):
        return readable(instance, field.attname, UNREADABLE)
    return instance.__dict__[field.attname]


def stored_values(
    model: type[models.Model],
    keys: Iterable[Any],
    fields: Iterable[models.Field],
    using: str | None,
    *,
    lock: bool = False,
) -> dict[Any, Values]:
    """What the database holds, by primary key.

    With `lock` nobody else changes the rows before the running transaction ends (where the database locks rows).
    """
    wanted = list(fields)
    rows = model._base_manager.using(using).filter(pk__in=list(keys)).order_by("pk")
    if lock:
        rows = rows.select_for_update(no_key=True)
    names = {field.name: field.attname for field in wanted}
    if any(isinstance(field, EncryptedTextField) for field in wanted):
        return {row.pk: {field.name: _held(row, field) for field in wanted} for row in rows}
    return {
        row["pk"]: {name: row[attname] for name, attname in names.items()}
        for row in rows.values("pk", *names.values())
    }


def creation(model: type[models.Model], values: Values, subject: str) -> dict[str, list[Any]]:
    """`{field: [null, value]}` of a new row, without its empty fields."""
    return _one_sided(model, values, lambda shown: [None, shown], subject)


def deletion(model: type[models.Model], values: Values, subject: str) -> dict[str, list[Any]]:
    """`{field: [value, null]}` of a row that goes, without its empty fields."""
    return _one_sided(model, values, lambda shown: [shown, None], subject)


def difference(
    model: type[models.Model], before: Values, after: Values, subject: str
) -> dict[str, list[Any]]:
    """`{field: [before, after]}` of the fields that both sides have and that differ."""
    found: dict[str, list[Any]] = {}
    for field in recorded_fields(model):
        if field.name not in before or field.name not in after:
            continue
        old, new = _normal(field, before[field.name]), _normal(field, after[field.name])
        if old != new:
            found[field.name] = [_shown(field, old, subject), _shown(field, new, subject)]
    return found


def plain(value: Any) -> Any:
    """As every JSON column takes it: PostgreSQL refuses NUL, lone surrogates and numbers that are none."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode(errors="replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    try:
        return plain(_encode(value))
    except (TypeError, ValueError):
        return plain(str(value))


def _one_sided(
    model: type[models.Model], values: Values, sides: Any, subject: str
) -> dict[str, list[Any]]:
    return {
        field.name: sides(_shown(field, _normal(field, values[field.name]), subject))
        for field in recorded_fields(model)
        if values.get(field.name) not in (None, "")
    }


def _normal(field: models.Field, value: Any) -> Any:
    """The same value however it was set: "5" and 5, a date and its text, and no more digits than are stored."""
    if value is None or value is UNREADABLE:
        return value
    try:
        found = field.target_field.to_python(value) if field.is_relation else field.to_python(value)
        if isinstance(field, models.DecimalField) and found is not None:
            return Decimal(format_number(found, field.max_digits, field.decimal_places))
        return found
    except Exception:  # noqa: BLE001 - a value that its field refuses is compared as it is
        return value


def _shown(field: models.Field, value: Any, subject: str) -> Any:
    """As the trail may keep it."""
    if value is None or value == "":
        return value
    kind = class_of(field)
    if kind in (SECRET, CONTENT) or value is UNREADABLE:
        return MASK
    if kind == PERSONAL:
        place = f"{field.model._meta.label}.{field.name}"
        try:
            return sealed(str(value), subject=subject, place=place)
        except (
            Destroyed
        ):  # of somebody erased nothing is kept any more, and their row can still change
            return MASK
    return plain(value)


def sealed(text: str, *, subject: str, place: str) -> dict[str, str]:
    """A personal value as the trail keeps it: under the key of the person it speaks of, or the platform's.

    `place` is the field it comes from ("accounts.User.email").
    """
    token = seal(text, owner=subject or PLATFORM, place=f"audit {place}")
    return {"sealed": token.decode(), "subject": subject}


def unsealed(value: dict[str, str], *, place: str) -> str:
    """What `sealed` took; raises `Unreadable`, also once the person's key is destroyed."""
    return unseal(
        value["sealed"].encode(), owner=value["subject"] or PLATFORM, place=f"audit {place}"
    )
