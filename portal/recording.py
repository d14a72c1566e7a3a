"""Managers that cannot be bypassed: bulk operations reach the trail, and deny-by-default visibility.

The trail lives in `audit`, above this room; it registers itself here. Without it, bulk writes of recorded models fail.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from django.db import connections, models, transaction
from django.db.models import Value

from portal.classification import is_recorded, is_recorded_field
from portal.encryption import encrypted_fields


class Recorder(Protocol):
    """What `audit` registers. Each method is called inside the transaction of the change."""

    def before_update(
        self, model: type[models.Model], keys: Iterable[Any], names: Iterable[str], using: str
    ) -> Any:
        """Notes what these rows hold in the named fields, and locks them; the answer goes to `after_update`."""

    def after_update(self, snapshot: Any) -> None: ...
    def created(self, instances: Iterable[models.Model]) -> None: ...
    def deleted(self, queryset: models.QuerySet) -> None: ...
    def event(self, action: str, changes: dict[str, Any], outcome: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Change:
    """One row that has just changed, or is about to go, by the names of its recorded fields; None where it is not.

    Of a change `before` and `after` have the same names: what may have changed. `goes_along` is a row that is deleted
    because another one is.
    """

    model: type[models.Model]
    key: Any
    before: dict[str, Any] | None = field(repr=False)
    after: dict[str, Any] | None = field(repr=False)
    using: str
    goes_along: bool = False


_recorders: list[Recorder] = []
_watchers: list[Callable[[Change], None]] = []
_listeners: list[Callable[[str], None]] = []


def register_recorder(recorder: Recorder) -> None:
    _recorders[:] = [recorder]


def register_listener(listener: Callable[[str], None]) -> None:
    """`listener(label)` runs after the commit of a change of model `label` ("teams.Grant"), for in-process caches."""
    _listeners.append(listener)


def register_watcher(watcher: Callable[[Change], None]) -> None:
    """`watcher(change)` runs in the transaction of each change of a recorded row; what it raises undoes the change."""
    _watchers.append(watcher)


def watched(change: Change) -> None:
    """Tells the watchers; the recorder calls it."""
    for watcher in _watchers:
        watcher(change)


def announce(model: type[models.Model]) -> None:
    """Tells the listeners once the running transaction has committed."""
    label = model._meta.label

    def tell() -> None:
        for listener in _listeners:
            listener(label)

    after_commit(tell)


def after_commit(tell: Callable[[], None]) -> None:
    transaction.on_commit(tell)


def recorder() -> Recorder:
    if not _recorders:
        raise RuntimeError("No recorder is registered: the audit application is not installed.")
    return _recorders[0]


class RecordedQuerySet(models.QuerySet):
    """The base of every manager of ours: bulk operations are recorded in the same transaction."""

    def visible_to(self, user: Any) -> Self:
        """The rows that this person may see. The base denies all but platform admins and auditors."""
        if user.is_active and (user.is_superuser or user.is_auditor):
            return self.all()
        return self.none()

    def update(self, **values: Any) -> int:
        bound = (
            {"uid", *getattr(self.model, "owned_by", ())} if encrypted_fields(self.model) else ()
        )
        for name in values:
            if self.model._meta.get_field(name).attname in bound:
                raise ValueError(f"The {name} of a row with encrypted fields does not change.")
        if not is_recorded(self.model) or self.query.is_sliced:
            return super().update(**values)
        recorded = [name for name in values if is_recorded_field(self.model, name)]
        if not recorded:
            return super().update(**values)
        if self.model._meta.pk.name in values:
            raise ValueError("The primary key of a recorded row does not change.")
        with transaction.atomic(using=self.db):
            keys = list(dict.fromkeys(self.order_by("pk").values_list("pk", flat=True)))
            snapshot = recorder().before_update(self.model, keys, recorded, self.db)
            count = super(RecordedQuerySet, self._held_to(keys)).update(**values)
            recorder().after_update(snapshot)
            announce(self.model)
        return count

    def _held_to(self, keys: list[Any]) -> Self:
        """Only rows that were noted and locked; where rows cannot be locked, the one writer has them all."""
        if connections[self.db].features.has_select_for_update:
            return self.filter(pk__in=keys)
        return self

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> list[Any]:
        if not is_recorded(self.model):
            return super().bulk_create(
                objs, batch_size, ignore_conflicts, update_conflicts, *args, **kwargs
            )
        if ignore_conflicts or update_conflicts:
            raise ValueError("A recorded model cannot be bulk-created with conflict handling.")
        with transaction.atomic(using=self.db):
            created = super().bulk_create(objs, batch_size)
            recorder().created(created)
            announce(self.model)
        return created

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def bulk_update(
        self, objs: Iterable[Any], fields: Iterable[str], *args: Any, **kwargs: Any
    ) -> int:
        """Encrypted fields are sealed with their rows first: Django hands on the values alone."""
        rows, names = list(objs), list(fields)
        encrypted = [field for field in encrypted_fields(self.model) if field.name in names]
        held = [
            (row, field, row.__dict__.get(field.attname)) for row in rows for field in encrypted
        ]
        try:
            for row, field, value in held:
                row.__dict__[field.attname] = Value(
                    field.sealed_for(row, value), output_field=field
                )
            return super().bulk_update(rows, names, *args, **kwargs)
        finally:
            for row, field, value in held:
                row.__dict__[field.attname] = value

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def _raw_delete(self, using: str | None) -> int:
        if not is_recorded(self.model):
            return super()._raw_delete(using)
        with transaction.atomic(using=using):
            recorder().deleted(self)
            count = super()._raw_delete(using)
            announce(self.model)
        return count

    _raw_delete.alters_data = True  # type: ignore[attr-defined]
