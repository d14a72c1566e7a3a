"""Bulk writes, as `portal.recording` reports them: real before → after, exactly one entry a row that changed."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from audit import trail
from audit.changes import Values, creation, deletion, difference, recorded_fields, stored_values
from audit.rows import pages, row_of, rows_of
from portal.context import current
from portal.encryption import encrypted_fields
from portal.recording import Change, watched
from portal.resealing import resealed


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows that are about to be updated: of the fields that may change, what they hold."""

    model: type[models.Model]
    using: str
    fields: list[models.Field]
    before: dict[Any, Values] = field(repr=False)


class BulkRecorder:
    """Each method runs inside the transaction of the write."""

    def before_update(
        self, model: type[models.Model], keys: Iterable[Any], names: Iterable[str], using: str
    ) -> Snapshot:
        named = {model._meta.get_field(name).name for name in names}
        fields = [field for field in recorded_fields(model) if field.name in named]
        before: dict[Any, Values] = {}
        for page in pages(keys):
            before |= stored_values(model, page, fields, using, lock=True)
        return Snapshot(model, using, fields, before)

    def after_update(self, snapshot: Snapshot) -> None:
        """Rows that are gone by now have an entry of their own."""
        model, context = snapshot.model, current()
        encrypted = [field.name for field in encrypted_fields(model) if field in snapshot.fields]
        for page in pages(snapshot.before):
            rows = rows_of(model, page, snapshot.using)
            after = stored_values(model, page, snapshot.fields, snapshot.using)
            entries, changed = [], []
            for key in page:
                if key not in after or key not in rows:
                    continue
                row = rows[key]
                changes = difference(model, snapshot.before[key], after[key], row.subject)
                same = [name for name in encrypted if after[key][name] and name not in changes]
                resealed(model=model, keys=[key], names=same, using=snapshot.using)
                if changes:
                    entries.append(trail.entry("update", row=row, changes=changes, context=context))
                    changed.append(key)
            trail.write(entries)
            for key in changed:
                watched(Change(model, key, snapshot.before[key], after[key], snapshot.using))

    def created(self, instances: Iterable[models.Model]) -> None:
        context = current()
        for page in pages(instances):
            model = type(page[0])
            stored = stored_values(
                model, [one.pk for one in page], recorded_fields(model), page[0]._state.db
            )
            entries = []
            for instance in page:
                row = row_of(instance)
                changes = creation(model, stored[instance.pk], row.subject)
                entries.append(trail.entry("create", row=row, changes=changes, context=context))
            trail.write(entries)
            for key, values in stored.items():
                watched(Change(model, key, None, values, page[0]._state.db))

    def event(self, action: str, changes: dict[str, Any], outcome: str = "") -> None:
        """A deed of the frame that changes no recorded row."""
        trail.record(action=action, changes=changes, outcome=outcome)

    def deleted(self, queryset: models.QuerySet) -> None:
        model, context = queryset.model, current()
        for page in pages(list(queryset.order_by("pk").values_list("pk", flat=True))):
            rows = rows_of(model, page, queryset.db)
            stored = stored_values(model, page, recorded_fields(model), queryset.db, lock=True)
            trail.write(
                [
                    trail.entry(
                        "delete",
                        row=rows[key],
                        changes=deletion(model, values, rows[key].subject),
                        context=context,
                    )
                    for key, values in stored.items()
                ]
            )
            for key, values in stored.items():
                watched(Change(model, key, values, None, queryset.db))
