"""The console's site: one gate of our own, the start page, and no page of Django's that we do not want."""

from functools import update_wrapper
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from portal import start_page
from portal.console_navigation import registered_pages


class ConsoleSite(admin.AdminSite):
    """Open to whoever has `portal.use_console`; its password form is the portal's own sign-in."""

    site_header = _("Gatehouse console")
    site_title = _("Gatehouse")
    index_title = _("Start")
    site_url = "/"
    enable_nav_sidebar = False  # ours: portal/console_navigation.py

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

    def get_urls(self) -> list[Any]:
        """The models' pages, and those that rooms registered beside them."""
        own = [
            path(page.path, self.admin_view(page.view), name=page.name)
            for page in registered_pages()
        ]
        return [*own, *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().index(request, {**start_page.context(request), **(extra_context or {})})

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:index"))

    def get_app_list(self, request: HttpRequest, app_label: Any = None) -> list[Any]:
        """The pages are grouped by areas of people's work, not by Django's apps."""
        return []

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
