"""What is sensitive, asked at every way the console saves or deletes: forms, their inlines, deletion, actions."""

from typing import Any

from django.db import models
from django.http import HttpRequest

from portal import sensitive


class SensitiveMixin:
    """Beside `ConsoleModelAdmin.save_form`: the other ways a row changes in the console."""

    opts: Any

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        sensitive.require_removal(request, [row.instance for row in formset.deleted_forms])
        for row in formset.forms:
            if row.has_changed() and row not in formset.deleted_forms:
                before = sensitive.stored(row.instance)
                sensitive.require(request, formset.model, before, row.instance)
        super().save_formset(request, form, formset, change)  # type: ignore[misc]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        sensitive.require_removal(request, [obj])
        super().delete_model(request, obj)  # type: ignore[misc]

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        if self.opts.label in sensitive.TABLE:
            sensitive.require_removal(request, queryset)
        super().delete_queryset(request, queryset)  # type: ignore[misc]
