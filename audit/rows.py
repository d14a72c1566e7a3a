"""What an entry says of a row beside its changes: its type, id, label, team, and whose personal values it holds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models

PAGE = 500
LABELS = ("slug", "public_id", "uid")


@dataclass(frozen=True, slots=True)
class Row:
    """`subject` names the person ("accounts.User:12") under whose key personal values are sealed; empty for nobody's."""

    type: str
    id: str
    label: str
    team_id: int | None
    subject: str

    @property
    def subject_id(self) -> int | None:
        """The account's primary key."""
        return int(self.subject.rpartition(":")[2]) if self.subject else None


def row_of(instance: models.Model) -> Row:
    """The row of a saved instance. Its label is a slug or public id where it has one, never a personal value."""
    model = instance._meta.model
    person = _person_path(model)
    return _row(
        model,
        instance.pk,
        next(
            (getattr(instance, name, "") for name in _labels(model) if getattr(instance, name, "")),
            "",
        ),
        getattr(instance, "team_id", None),
        getattr(instance, person) if person else None,
    )


def rows_of(model: type[models.Model], keys: Iterable[Any], using: str) -> dict[Any, Row]:
    """The same for many rows, in one query; rows that are not there are missing."""
    paths = places_of(model)
    found = model._base_manager.using(using).filter(pk__in=list(keys))
    return {
        row["pk"]: _row(model, row["pk"], *(row[path] if path else None for path in paths))
        for row in found.values("pk", *{path for path in paths if path and path != "pk"})
    }


def places_of(model: type[models.Model]) -> tuple[str, str, str]:
    """Where the database reads a row's label, team and person; empty where there is none."""
    return _label_path(model), _team_path(model), _person_path(model)


def pages(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Lists of at most PAGE items, in order."""
    rest = iter(items)
    while page := list(islice(rest, PAGE)):
        yield page


def _row(model: type[models.Model], pk: Any, label: Any, team_id: Any, person: Any) -> Row:
    return Row(
        type=model._meta.label,
        id=str(pk),
        label=str(label) if label else f"{model._meta.model_name} {pk}",
        team_id=team_id,
        subject=f"{get_user_model()._meta.label}:{person}" if person else "",
    )


def _label_path(model: type[models.Model]) -> str:
    names = {field.name for field in model._meta.concrete_fields}
    return next((name for name in _labels(model) if name in names), "")


def _labels(model: type[models.Model]) -> tuple[str, ...]:
    """A model may name a field of its own that is never personal."""
    own = getattr(model, "trail_label", "")
    return (own, *LABELS) if own else LABELS


def _team_path(model: type[models.Model]) -> str:
    """How the database reads what `team_id` answers: a column, that of the row it hangs on, or the row itself."""
    if not hasattr(model, "team_id"):
        return ""
    if any(field.attname == "team_id" for field in model._meta.concrete_fields):
        return "team_id"
    parents = [field for field in model._meta.concrete_fields if field.is_relation]
    for field in parents:
        if any(column.attname == "team_id" for column in field.related_model._meta.concrete_fields):
            return f"{field.name}__team_id"
    return "pk"


def _person_path(model: type[models.Model]) -> str:
    person = get_user_model()
    if model is person:
        return "pk"
    return next(
        (
            field.attname
            for field in model._meta.concrete_fields
            if field.is_relation and field.related_model is person
        ),
        "",
    )
