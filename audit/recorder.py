"""Sees every change of every recorded model: saves, deletes and many-to-many by signals, bulk writes by the queryset."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.db import models, router, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from audit import trail
from audit.changes import difference, recorded_fields, stored_values, values_of
from portal.classification import is_recorded
from portal.recording import announce, register_recorder

BATCH = 500
_BEFORE = "_gatehouse_before"


class QuerySetRecorder:
    """What `portal.recording` calls inside the transaction of a bulk write."""

    def before_update(self, queryset: models.QuerySet, values: dict[str, Any]) -> Any:
        model = queryset.model
        named = {model._meta.get_field(name).name for name in values}
        fields = [field for field in recorded_fields(model) if field.name in named]
        keys = list(queryset.order_by().values_list("pk", flat=True))
        return model, fields, keys, stored_values_of(model, keys, fields, queryset.db), queryset.db

    def after_update(self, token: Any) -> None:
        model, fields, keys, before, using = token
        after = stored_values_of(model, keys, fields, using)
        teams = teams_of(model, keys, using)
        entries = []
        for key in keys:
            changes = difference(model, key, before.get(key, {}), after.get(key, {}))
            if changes:
                entries.append(
                    trail.entry(
                        action="update",
                        target_type=model._meta.label,
                        target_id=str(key),
                        target_label=teams[key][1],
                        team_id=teams[key][0],
                        changes=changes,
                    )
                )
        trail.write(entries)

    def created(self, instances: Iterable[models.Model]) -> None:
        trail.write(
            [_entry("create", instance, None, values_of(instance)) for instance in instances]
        )

    def deleted(self, queryset: models.QuerySet) -> None:
        trail.write(
            [_entry("delete", row, values_of(row), None) for row in queryset.iterator(BATCH)]
        )


def stored_values_of(
    model: type[models.Model], keys: list[Any], fields: list[models.Field], using: str
) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for start in range(0, len(keys), BATCH):
        found |= stored_values(model, keys[start : start + BATCH], fields, using)
    return found


def teams_of(
    model: type[models.Model], keys: list[Any], using: str
) -> dict[Any, tuple[int | None, str]]:
    """Team and label of rows, for entries of a bulk update."""
    found: dict[Any, tuple[int | None, str]] = {key: (None, str(key)) for key in keys}
    names = {field.name for field in model._meta.concrete_fields}
    label = next((name for name in ("slug", "public_id", "uid") if name in names), "pk")
    team = next((name for name in ("team_id", "project__team_id") if _has(model, name)), None)
    wanted = ["pk", label, *([team] if team else [])]
    for start in range(0, len(keys), BATCH):
        rows = model._base_manager.using(using).filter(pk__in=keys[start : start + BATCH])
        for row in rows.values(*wanted):
            found[row["pk"]] = (row[team] if team else None, str(row[label]))
    return found


def _has(model: type[models.Model], path: str) -> bool:
    first = path.split("_")[0]
    return any(field.name == first and field.is_relation for field in model._meta.concrete_fields)


def _entry(action: str, instance: models.Model, before: Any, after: Any) -> Any:
    return trail.entry(
        action=action,
        target_type=instance._meta.label,
        target_id=str(instance.pk),
        target_label=trail.label_of(instance),
        team_id=trail.team_of(instance),
        changes=difference(type(instance), instance.pk, before, after),
    )


def _before_save(
    sender: type[models.Model], instance: models.Model, raw: bool, using: str, **_: Any
) -> None:
    if not is_recorded(sender):
        return
    before = None
    if instance.pk is not None and not instance._state.adding:
        before = stored_values(sender, [instance.pk], recorded_fields(sender), using).get(
            instance.pk
        )
    setattr(instance, _BEFORE, before)


def _after_save(
    sender: type[models.Model],
    instance: models.Model,
    created: bool,
    update_fields: Any = None,
    **_: Any,
) -> None:
    if not is_recorded(sender):
        return
    before = instance.__dict__.pop(_BEFORE, None)
    after = values_of(instance)
    if created:
        trail.write([_entry("create", instance, None, after)])
    else:
        if update_fields is not None:
            after = {name: after[name] for name in after if _saved(sender, name, update_fields)}
        entry = _entry("update", instance, before or {}, after)
        if not entry.changes:
            return
        trail.write([entry])
    announce(sender)


def _saved(sender: type[models.Model], name: str, update_fields: Any) -> bool:
    field = sender._meta.get_field(name)
    return field.name in update_fields or field.attname in update_fields


def _before_delete(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    """Before, because afterwards the row has no primary key any more."""
    if is_recorded(sender):
        trail.write([_entry("delete", instance, values_of(instance), None)])


def _after_delete(sender: type[models.Model], **_: Any) -> None:
    if is_recorded(sender):
        announce(sender)


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
    if not sender._meta.auto_created or not is_recorded(type(instance)):
        return
    verb = {"post_add": "added", "post_remove": "removed", "pre_clear": "removed"}.get(action)
    if verb is None:
        return
    name, accessor = _field_of(sender, instance, reverse)
    if action == "pre_clear":
        pk_set = set(getattr(instance, accessor).using(using).values_list("pk", flat=True))
    if pk_set:
        changes = {name: {verb: sorted(pk_set, key=str)}}
        trail.record(action="update", target=instance, changes=changes)
        announce(type(instance))


def _field_of(
    through: type[models.Model], instance: models.Model, reverse: bool
) -> tuple[str, str]:
    """The many-to-many's name in the trail and the attribute that reads it."""
    for field in type(instance)._meta.get_fields():
        if not field.many_to_many:
            continue
        found = field.remote_field.through if field.concrete else field.through
        if found is through and field.concrete is not reverse:
            accessor = field.name if field.concrete else field.get_accessor_name()
            return accessor, accessor
    return through._meta.label, ""


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
    register_recorder(QuerySetRecorder())
    models.Model.save_base = _atomic(models.Model.save_base)
    pre_save.connect(_before_save, dispatch_uid="audit")
    post_save.connect(_after_save, dispatch_uid="audit")
    pre_delete.connect(_before_delete, dispatch_uid="audit")
    post_delete.connect(_after_delete, dispatch_uid="audit")
    m2m_changed.connect(_m2m, dispatch_uid="audit")
