"""Before → after of rows, with secrets masked and personal values sealed."""

from collections.abc import Iterable
from typing import Any

from cryptography.fernet import InvalidToken
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from portal.classification import (
    CONTENT,
    EXEMPT_FIELDS,
    PERSONAL,
    SECRET,
    class_of,
)
from portal.encryption import encrypt

MASK = "••••"
UNREADABLE = object()
_encode = DjangoJSONEncoder().default


def recorded_fields(model: type[models.Model]) -> list[models.Field]:
    """The concrete columns that the trail records, in the model's order."""
    return [
        field
        for field in model._meta.concrete_fields
        if f"{model._meta.label}.{field.name}" not in EXEMPT_FIELDS
    ]


def values_of(instance: models.Model) -> dict[str, Any]:
    """Loaded values of an instance by field name."""
    return {
        field.name: instance.__dict__[field.attname]
        for field in recorded_fields(type(instance))
        if field.attname in instance.__dict__
    }


def stored_values(
    model: type[models.Model],
    keys: Iterable[Any],
    fields: Iterable[models.Field],
    using: str | None,
) -> dict[Any, dict[str, Any]]:
    """What the database holds, by primary key. A secret that cannot be decrypted counts as unreadable, not as error."""
    wanted = list(fields)
    rows = model._base_manager.using(using).filter(pk__in=list(keys))
    names = {field.name: field.attname for field in wanted}
    try:
        found = list(rows.values("pk", *names.values()))
    except InvalidToken:
        readable = [field for field in wanted if class_of(field) not in (SECRET, CONTENT)]
        found = list(rows.values("pk", *(field.attname for field in readable)))
    return {
        row["pk"]: {name: row.get(attname, UNREADABLE) for name, attname in names.items()}
        for row in found
    }


def difference(
    model: type[models.Model], pk: Any, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> dict[str, list[Any]]:
    """`{field: [before, after]}` of what differs; None stands for a row that is not there."""
    found: dict[str, list[Any]] = {}
    for field in recorded_fields(model):
        old = None if before is None else before.get(field.name)
        new = None if after is None else after.get(field.name)
        if before is not None and after is not None:
            if field.name not in before or field.name not in after:
                continue
            old, new = _normal(field, old), _normal(field, new)
            if old == new:
                continue
        elif old in (None, "") and new in (None, ""):
            continue
        found[field.name] = [_shown(field, pk, old), _shown(field, pk, new)]
    return found


def _normal(field: models.Field, value: Any) -> Any:
    """The same value however it was set: "5" and 5, a date and its text."""
    if value is None or value is UNREADABLE:
        return value
    try:
        return field.target_field.to_python(value) if field.is_relation else field.to_python(value)
    except Exception:  # noqa: BLE001 - a value that its field refuses is compared as it is
        return value


def _shown(field: models.Field, pk: Any, value: Any) -> Any:
    """As the trail may keep it."""
    kind = class_of(field)
    if value is None or value == "":
        return value
    if kind in (SECRET, CONTENT) or value is UNREADABLE:
        return MASK
    if kind == PERSONAL:
        return {"sealed": encrypt(str(value)), "subject": f"{field.model._meta.label}:{pk}"}
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | float | bool | list | dict):
        return value
    try:
        return _encode(value)
    except TypeError:
        return str(value)
