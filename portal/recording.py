"""Managers that cannot be bypassed: bulk operations reach the trail, and deny-by-default visibility.

The trail lives in `audit`, above this room; it registers itself here. Without it, bulk writes of recorded models fail.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, Self

from django.db import models, transaction

from portal.classification import is_recorded, is_recorded_field


class Recorder(Protocol):
    """What `audit` registers. Each method is called inside the transaction of the change."""

    def before_update(self, queryset: models.QuerySet, values: dict[str, Any]) -> Any: ...
    def after_update(self, token: Any) -> None: ...
    def created(self, instances: Iterable[models.Model]) -> None: ...
    def deleted(self, queryset: models.QuerySet) -> None: ...


_recorders: list[Recorder] = []
_listeners: list[Callable[[str], None]] = []


def register_recorder(recorder: Recorder) -> None:
    _recorders[:] = [recorder]


def register_listener(listener: Callable[[str], None]) -> None:
    """`listener(label)` runs after the commit of a change of model `label` ("teams.Grant"), for in-process caches."""
    _listeners.append(listener)


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
        if not is_recorded(self.model) or not any(is_recorded_field(self.model, f) for f in values):
            return super().update(**values)
        with transaction.atomic(using=self.db):
            token = recorder().before_update(self, values)
            count = super().update(**values)
            recorder().after_update(token)
            announce(self.model)
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        if not is_recorded(self.model):
            return super().bulk_create(objs, *args, **kwargs)
        if kwargs.get("ignore_conflicts") or kwargs.get("update_conflicts"):
            raise ValueError("A recorded model cannot be bulk-created with conflict handling.")
        with transaction.atomic(using=self.db):
            created = super().bulk_create(objs, *args, **kwargs)
            recorder().created(created)
            announce(self.model)
        return created

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def _raw_delete(self, using: str | None) -> int:
        if not is_recorded(self.model):
            return super()._raw_delete(using)
        with transaction.atomic(using=using):
            recorder().deleted(self)
            count = super()._raw_delete(using)
            announce(self.model)
        return count

    _raw_delete.alters_data = True  # type: ignore[attr-defined]
