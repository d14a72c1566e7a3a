"""All doors. The rooms are named as strings: the frame imports none of them."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from portal import api_docs, looks, views

handler400 = "portal.views.bad_request"
handler403 = "portal.views.permission_denied"
handler404 = "portal.views.not_found"
handler500 = "portal.views.server_error"

api = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", api_docs.page, name="api_docs"),
    path("", include("portal.api_urls")),
    path("", include("accounts.api_urls")),
    path("", include("teams.api_urls")),
    path("", include("guards.api_urls")),
    path("", include("projects.api_urls")),
    path("", include("audit.api_urls")),
]

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("theme/", looks.choose_theme, name="theme"),
    path("admin/", admin.site.urls),
    path("branding/", include("teams.urls")),
    path("account/", include("accounts.urls")),
    path("api/", include(api)),
    path("v1/", include("projects.v1_urls")),
    path("widget/", include("widget.urls")),
    path("", include("projects.urls")),
]
