"""The base of all pages of the console. The traps of the stock admin close here."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from portal import sensitive
from portal.classification import is_recorded
from portal.console_choices import searched
from portal.console_history import history
from portal.console_lists import CappedPaginator, ConsoleChangeList
from portal.console_navigation import Tool, registered_tools
from portal.console_pending import TwoPersonMixin, waiting_for
from portal.console_sensitive import SensitiveMixin


class ScopedMixin:
    """Rows by `visible_to`, rights by `has_perm` with the object, related fields scoped the same way."""

    model: type[models.Model]
    opts: Any
    # One labelled field of the browser's own in place of Django's two, which have one label between them.
    formfield_overrides = {
        models.DateTimeField: {
            "form_class": forms.DateTimeField,
            "widget": forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        }
    }

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).visible_to(request.user)  # type: ignore[misc]

    def _may(self, request: HttpRequest, verb: str, obj: Any = None) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.{verb}_{self.opts.model_name}", obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "view", obj) or self.has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "add", obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "delete", obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) or self.has_add_permission(request)  # type: ignore[call-arg]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Without the buttons that open related pages in windows of their own."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs = searched(self, db_field, request) | kwargs
        kwargs.setdefault("queryset", _visible(db_field, request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs.setdefault("queryset", _visible(db_field, request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


def _visible(db_field: Any, request: HttpRequest) -> models.QuerySet:
    manager = db_field.remote_field.model._default_manager
    if not hasattr(manager, "visible_to"):
        return manager.none()
    return manager.all().visible_to(request.user)


class ConsoleModelAdmin(TwoPersonMixin, SensitiveMixin, ScopedMixin, admin.ModelAdmin):
    """The base of all console pages. What one may not see is 404; every change is one transaction.

    `area` is where the navigation shows it (empty: reached from other pages), `place` its order there, `intro` the
    sentence that says what it is, `next_step` what to do while the list is empty.
    """

    area = ""
    place = 100
    intro: Any = ""
    next_step: Any = ""
    is_log = False
    history_rows: tuple[tuple[str, str], ...] = ()  # (model, field that points here) of its history
    deletes_in_bulk = True  # off where each deletion is a deed with rules, or a page, of its own
    paginator = CappedPaginator
    show_facets = admin.ShowFacets.ALWAYS
    show_full_result_count = False
    change_list_template = "admin/change_list.html"
    list_per_page = 50
    list_max_show_all = 200
    save_on_top = False
    actions_on_bottom = False

    @property
    def media(self) -> forms.Media:
        """Without what opened windows and spelt slugs: the regular expressions alone were a third of a page's weight."""
        kept = ("vendor/jquery/jquery.min.js", "jquery.init.js", "actions.js")
        return forms.Media(js=[f"admin/js/{name}" for name in kept])

    @property
    def list_name(self) -> str:
        return capfirst(str(self.opts.verbose_name_plural))

    def list_tools(self, request: HttpRequest) -> list[Tool]:
        """Beside adding."""
        return []

    def object_tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        """The first is the one that stands out."""
        return []

    def object_title(self, obj: Any) -> str:
        """The page's heading."""
        return str(obj)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ConsoleChangeList]:
        return ConsoleChangeList

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        words = {"title": self.list_name, "subtitle": None, "tools": self.list_tools(request)}
        return super().changelist_view(request, {**words, **(extra_context or {})})

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        new = _("Add %(name)s") % {"name": self.opts.verbose_name}
        context["adminform"].form.label_suffix = ""
        context |= {
            "title": new if obj is None else self.object_title(obj),
            "crumb": new if obj is None else "",
            "subtitle": None,
            "tools": self._tools(request, obj),
            "mistakes": _mistakes(context),
            "pending": waiting_for(request.user, obj),
        }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        """Those of the page itself, of higher rooms, and the trail's; of what is being added the rooms' alone."""
        added = registered_tools(self.opts.label, request, obj)
        if obj is None:
            return added
        found = [*self.object_tools(request, obj), *added]
        if is_recorded(self.model) and request.user.has_perm("audit.view_entry", obj):
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_history"
            found = [*found, Tool(_("History"), reverse(name, args=[obj.pk]), "clock")]
        return found

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        title = _("Delete this %(name)s?") % {"name": self.opts.verbose_name}
        words = {"title": title, "subtitle": None, "crumb": _("Delete")}
        return super().delete_view(request, object_id, {**words, **(extra_context or {})})

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """From the trail, which knows more than Django's own log; that one is not written here."""
        obj = self.get_object(request, unquote(object_id))
        if not is_recorded(self.model):
            raise Http404
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        return history(self, request, obj)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The trail records it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The trail records it."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """The trail records it."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404
        return found

    def response_action(self, request: HttpRequest, queryset: models.QuerySet) -> Any:
        with transaction.atomic():
            return super().response_action(request, queryset)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Only actions that name their permissions; Django would offer the others to everybody who may look."""
        found = super().get_actions(request)
        if not self.deletes_in_bulk:
            found.pop("delete_selected", None)
        return {name: item for name, item in found.items() if _names_permissions(item[0])}

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Asked again with the object as it would be saved: in *its* team, be it added or moved there.

        What is sensitive is done only by who proved lately who they are (`portal.sensitive`).
        """
        obj = super().save_form(request, form, change)
        if not self._may(request, "change" if change else "add", obj):
            raise PermissionDenied
        sensitive.require(request, self.model, sensitive.stored(obj), obj)
        return obj

    def has_field(self, name: str) -> bool:
        try:
            self.opts.get_field(name)
        except FieldDoesNotExist:
            return False
        return True


def _names_permissions(function: Any) -> bool:
    return bool(getattr(function, "allowed_permissions", None))


def _mistakes(context: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(id of the field, label, error) of a form and its inlines, for the summary that links to them."""
    forms = [context["adminform"].form]
    forms += [form for inline in context["inline_admin_formsets"] for form in inline.formset.forms]
    return [
        (bound.auto_id, str(bound.label), error)
        for form in forms
        if form.is_bound
        for bound in form
        for error in bound.errors
    ]


class RowText(forms.Widget):
    """What a row points at, in words: it is loaded already, and no field asks the database for it again."""

    def __init__(self, words: Any) -> None:
        super().__init__()
        self.words = words

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return format_html('<span id="{}">{}</span>', (attrs or {}).get("id", ""), self.words)


class RowsFormSet(forms.BaseInlineFormSet):
    """What a stored row points at stays; to point elsewhere, remove the row and add another."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if form.instance.pk is None:
            return
        for name, field in form.fields.items():
            if (
                isinstance(field, forms.ModelChoiceField)
                and name in form.instance._state.fields_cache
            ):
                field.disabled = True
                field.widget = RowText(getattr(form.instance, name))


class ConsoleTabularInline(ScopedMixin, admin.TabularInline):
    """For rows of which there are few; many have a list of their own."""

    extra = 0
    formset = RowsFormSet

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        related = [field.name for field in self.opts.concrete_fields if field.many_to_one]
        return super().get_queryset(request).select_related(*related)


class ReadOnlyMixin:
    """For logs and trails: nobody adds, changes or deletes through the console."""

    is_log = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
