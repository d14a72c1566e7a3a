"""Filters of the trail's list that cost the same however long the trail is."""

from typing import Any

from django.contrib import admin
from django.db import connections
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from audit.models import Entry


def distinct_values(column: str) -> list[str]:
    """The values that occur in an indexed text column, by one jump in its index for each: no scan of the table."""
    table = Entry._meta.db_table
    connection = connections[Entry.objects.db]
    name = connection.ops.quote_name(Entry._meta.get_field(column).column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH RECURSIVE found(value) AS (
                SELECT min({name}) FROM {table}
                UNION ALL
                SELECT (SELECT min({name}) FROM {table} WHERE {name} > found.value)
                FROM found WHERE found.value IS NOT NULL)
            SELECT value FROM found WHERE value <> ''"""  # noqa: S608 - names of our own columns
        )
        return [value for (value,) in cursor.fetchall()]


class ExactFilter(admin.SimpleListFilter):
    """One of the values that occur. Their names say nothing of any team, so all readers see all of them."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, value) for value in distinct_values(str(self.parameter_name))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return (
            queryset.filter(**{str(self.parameter_name): self.value()})
            if self.value()
            else queryset
        )


class ActionFilter(ExactFilter):
    title = _("action")
    parameter_name = "action"


class TypeFilter(ExactFilter):
    title = _("type")
    parameter_name = "target_type"
