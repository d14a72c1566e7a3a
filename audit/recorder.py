"""Sees every change of every recorded model that goes through an instance: saves, deletes and many-to-many."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.db import models, router, transaction
from django.db.models.deletion import (
    CASCADE,
    DO_NOTHING,
    PROTECT,
    RESTRICT,
    get_candidate_relations_to_delete,
)
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from audit import trail
from audit.bulk import BulkRecorder
from audit.changes import (
    Values,
    creation,
    deletion,
    difference,
    loaded_values,
    recorded_fields,
    stored_values,
)
from audit.rows import row_of
from portal.classification import is_recorded, is_recorded_field
from portal.encryption import encrypted_fields
from portal.recording import Change, announce, register_recorder, watched
from portal.resealing import resealed

_BEFORE = "_gatehouse_before"
_LOOSENED = "_gatehouse_loosened"
_bulk = BulkRecorder()


def _before_save(
    sender: type[models.Model],
    instance: models.Model,
    using: str,
    update_fields: Any = None,
    **_: Any,
) -> None:
    """Any save with a primary key may hit a row that is there, also of an instance that was never loaded."""
    if is_recorded(sender) and _concerns(sender, update_fields):
        setattr(instance, _BEFORE, _stored(instance, using, lock=True))


def _after_save(
    sender: type[models.Model],
    instance: models.Model,
    created: bool,
    using: str,
    update_fields: Any = None,
    **_: Any,
) -> None:
    if not is_recorded(sender) or not (created or _concerns(sender, update_fields)):
        return
    before = instance.__dict__.pop(_BEFORE, None)
    after = loaded_values(instance)
    if any(hasattr(value, "resolve_expression") for value in after.values()):
        after = _stored(instance, using) or {}
    row = row_of(instance)
    if created:
        before, changes = None, creation(sender, after, row.subject)
    else:
        if update_fields is not None:
            after = {name: after[name] for name in after if _saved(sender, name, update_fields)}
        before = {name: value for name, value in (before or {}).items() if name in after}
        changes = difference(sender, before, after, row.subject)
        sealed = [field.name for field in encrypted_fields(sender) if after.get(field.name)]
        same = [name for name in sealed if name not in changes]
        resealed(model=sender, keys=[instance.pk], names=same, using=using)
        if not changes:
            return
    trail.write([trail.entry("create" if created else "update", row=row, changes=changes)])
    watched(Change(sender, instance.pk, before, after, using))
    announce(sender)


def _concerns(sender: type[models.Model], update_fields: Any) -> bool:
    """False for a save of stamps only, which the trail leaves out."""
    return update_fields is None or any(is_recorded_field(sender, name) for name in update_fields)


def _stored(instance: models.Model, using: str, *, lock: bool = False) -> Values | None:
    if instance.pk is None:
        return None
    model = type(instance)
    key = model._meta.pk.to_python(instance.pk)
    return stored_values(model, [key], recorded_fields(model), using, lock=lock).get(key)


def _saved(sender: type[models.Model], name: str, update_fields: Any) -> bool:
    field = sender._meta.get_field(name)
    return field.name in update_fields or field.attname in update_fields


def _before_delete(
    sender: type[models.Model], instance: models.Model, using: str, origin: Any = None, **_: Any
) -> None:
    """Before, because what the row takes along is gone afterwards. Cascaded rows come here one by one."""
    loosened = [
        _bulk.before_update(model, keys, [name], using)
        for model, name, keys in _loosened_by(instance, using)
    ]
    setattr(instance, _LOOSENED, loosened)
    if not is_recorded(sender):
        return
    values: Values | None = loaded_values(instance)
    if instance is origin or len(values or {}) < len(recorded_fields(sender)):
        # What the caller holds may be old, changed or partly loaded; what goes is what is stored.
        values = _stored(instance, using, lock=True)
    if values is not None:
        row = row_of(instance)
        changes = deletion(sender, values, row.subject) | _relations_of(instance, using)
        trail.write([trail.entry("delete", row=row, changes=changes)])
        asked_for = instance is origin or getattr(origin, "model", None) is sender
        watched(Change(sender, instance.pk, values, None, using, goes_along=not asked_for))


def _after_delete(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    for snapshot in instance.__dict__.pop(_LOOSENED, ()):
        _bulk.after_update(snapshot)
        announce(snapshot.model)
    if is_recorded(sender):
        announce(sender)


def _loosened_by(
    instance: models.Model, using: str
) -> Iterator[tuple[type[models.Model], str, list[Any]]]:
    """Rows that stay, but whose reference is set to something else (SET_NULL and its kin): Django sends no signal."""
    for relation in get_candidate_relations_to_delete(instance._meta):
        model, field = relation.related_model, relation.field
        if field.remote_field.on_delete in (CASCADE, PROTECT, RESTRICT, DO_NOTHING):
            continue
        if is_recorded(model) and is_recorded_field(model, field.name):
            rows = model._base_manager.using(using).filter(**{field.name: instance})
            keys = list(rows.values_list("pk", flat=True))
            if keys:
                yield model, field.name, keys


def _relations_of(instance: models.Model, using: str) -> dict[str, Any]:
    """Many-to-many relations that go with the row. (Those over a model of their own are rows that cascade.)"""
    found = {}
    for field in instance._meta.get_fields(include_hidden=True):
        if not field.many_to_many:
            continue
        through = field.remote_field.through if field.concrete else field.through
        if not through._meta.auto_created or (field.auto_created and field.is_hidden()):
            continue
        name = field.name if field.concrete else field.get_accessor_name()
        keys = getattr(instance, name).using(using).values_list("pk", flat=True)
        if keys := sorted(keys, key=str):
            found[name] = {"removed": keys}
    return found


def _m2m(
    sender: type[models.Model],
    instance: models.Model,
    action: str,
    model: type[models.Model],
    pk_set: Any,
    reverse: bool,
    using: str,
    **_: Any,
) -> None:
    """Of auto-created tables; explicit ones are models whose rows are recorded themselves."""
    if not sender._meta.auto_created or not (is_recorded(type(instance)) or is_recorded(model)):
        return
    verb = {"post_add": "added", "pre_remove": "removed", "pre_clear": "removed"}.get(action)
    if verb is None:
        return
    name = _field_of(sender, instance, reverse)
    if verb == "removed":
        present = set(getattr(instance, name).using(using).values_list("pk", flat=True))
        pk_set = present if pk_set is None else present & pk_set
    if pk_set:
        changes = {name: {verb: sorted(pk_set, key=str)}}
        trail.record(action="update", target=instance, changes=changes)
        announce(type(instance))


def _field_of(through: type[models.Model], instance: models.Model, reverse: bool) -> str:
    """The attribute of the instance that reads this relation; also its name in the trail."""
    for field in type(instance)._meta.get_fields():
        if field.many_to_many and field.concrete is not reverse:
            found = field.remote_field.through if field.concrete else field.through
            if found is through:
                return field.name if field.concrete else field.get_accessor_name()
    raise LookupError(f"{type(instance)} has no relation over {through}")


def _atomic(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def wrapped(self: models.Model, *args: Any, **kwargs: Any) -> Any:
        if not is_recorded(type(self)):
            return method(self, *args, **kwargs)
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using, savepoint=False):
            return method(self, *args, **kwargs)

    return wrapped


def install() -> None:
    """Once, when the application is ready.

    Django sends `post_save` after the row of a plain `save()` is committed; an entry written then would not share its
    fate. `save_base` is what every save goes through, third-party models included, so it is made one transaction.
    (Deletes are one already: with listeners on the signals Django never takes its shortcut.)
    """
    register_recorder(_bulk)
    models.Model.save_base = _atomic(models.Model.save_base)
    pre_save.connect(_before_save, dispatch_uid="audit")
    post_save.connect(_after_save, dispatch_uid="audit")
    pre_delete.connect(_before_delete, dispatch_uid="audit")
    post_delete.connect(_after_delete, dispatch_uid="audit")
    m2m_changed.connect(_m2m, dispatch_uid="audit")
