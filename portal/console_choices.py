"""Rows that a form lets one search for instead of listing them all."""

from typing import Any

from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.http import HttpRequest


class SearchedRow(AutocompleteSelect):
    """Names what is chosen. What is no key names nothing: Django would ask the database for it, and fail."""

    def optgroups(self, name: str, value: list[Any], attr: Any = None) -> list[Any]:
        return super().optgroups(name, [one for one in value if self._is_key(one)], attr)

    def _is_key(self, value: Any) -> bool:
        try:
            self.field.target_field.clean(value, None)
        except ValidationError:
            return not value
        return True


def searched(console: Any, db_field: Any, request: HttpRequest) -> dict[str, Any]:
    """How the form shows a foreign key that the console's page wants searched."""
    if db_field.name not in console.get_autocomplete_fields(request):
        return {}
    return {"widget": SearchedRow(db_field, console.admin_site)}
