"""All doors. The rooms are named as strings: the frame imports none of them."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from portal import api_docs, csp_reports, looks, views
from portal.route_classes import RouteClass, classed

handler400 = "portal.views.bad_request"
handler403 = "portal.views.permission_denied"
handler404 = "portal.views.not_found"
handler500 = "portal.views.server_error"

api = classed(
    RouteClass.MANAGEMENT,
    [
        *classed(
            RouteClass.CLIENT_API,
            [
                path("schema/", SpectacularAPIView.as_view(), name="schema"),
                path("docs/", api_docs.page, name="api_docs"),
            ],
        ),
        path("", include("portal.api_urls")),
        path("", include("accounts.api_urls")),
        path("", include("teams.api_urls")),
        path("", include("guards.api_urls")),
        path("", include("projects.api_urls")),
        path("", include("audit.api_urls")),
    ],
)

urlpatterns = [
    *classed(
        RouteClass.PUBLIC,
        [
            path("healthz", views.healthz, name="healthz"),
            path("readyz", views.readyz, name="readyz"),
            path("csp-report/", csp_reports.report, name="csp_report"),
            path("theme/", looks.choose_theme, name="theme"),
            path("account/teams/", include("teams.account_urls")),
            path("account/", include("accounts.urls")),
            path("widget/", include("widget.urls")),
        ],
    ),
    *classed(
        RouteClass.MANAGEMENT,
        [
            path("admin/", admin.site.urls),
            path("api/", include(api)),
            path("permissions/", include("projects.access.urls")),
        ],
    ),
    *classed(
        RouteClass.CLIENT_API,
        [
            path("branding/", include("teams.urls")),
            path("v1/", include("projects.v1_urls")),
            path("", include("projects.urls")),
        ],
    ),
]
