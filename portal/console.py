"""The console: one admin site with our own gate, and the base of all its pages. The traps of the stock admin close here."""

from functools import update_wrapper
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.core.paginator import Paginator
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

MOST_PAGES = 100  # of a list; counting further would slow it down with its table


class ConsoleSite(admin.AdminSite):
    """Open to whoever has `portal.use_console`; its password form is the portal's own sign-in."""

    site_header = _("Gatehouse console")
    site_title = _("Gatehouse")
    index_title = _("Console")
    site_url = "/"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.has_perm("portal.use_console")

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Who is signed in and may not be here is told so, instead of being sent round to sign in again."""
        inner = super().admin_view(view, cacheable)

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            return inner(request, *args, **kwargs)

        return update_wrapper(guarded, inner)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(
            request.GET.get("next") or reverse("admin:index"), reverse("account_login")
        )

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("account_logout"))

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("account_change_password"))


class ScopedMixin:
    """Rows by `visible_to`, rights by `has_perm` with the object, related fields scoped the same way."""

    model: type[models.Model]
    opts: Any

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

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
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


class CappedPaginator(Paginator):
    """Counts up to a bound instead of the whole table; older rows are found by filter and search."""

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[: MOST_PAGES * self.per_page].count()


class ConsoleModelAdmin(ScopedMixin, admin.ModelAdmin):
    """The base of all console pages. What one may not see is 404; every change is one transaction."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200
    save_on_top = False
    actions_on_bottom = False

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
        return {name: item for name, item in found.items() if _names_permissions(item[0])}

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Asked again with the object as it would be saved: in *its* team, be it added or moved there."""
        obj = super().save_form(request, form, change)
        if not self._may(request, "change" if change else "add", obj):
            raise PermissionDenied
        return obj

    def has_field(self, name: str) -> bool:
        try:
            self.opts.get_field(name)
        except FieldDoesNotExist:
            return False
        return True


def _names_permissions(function: Any) -> bool:
    return bool(getattr(function, "allowed_permissions", None))


class ConsoleTabularInline(ScopedMixin, admin.TabularInline):
    extra = 0
    show_change_link = True


class ReadOnlyMixin:
    """For logs and trails: nobody adds, changes or deletes through the console."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
