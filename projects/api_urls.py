"""Routes below `/api/`."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from portal.route_classes import RouteClass, classed
from projects import api, api_reviews

router = SimpleRouter()
router.register("projects", api.ProjectViewSet, basename="project")
router.register("usage", api.UsageViewSet, basename="usage")
router.register("access-reviews", api_reviews.AccessReviewViewSet, basename="access-review")

daily = SimpleRouter()
daily.register("conversations", api.ConversationViewSet, basename="conversation")

urlpatterns = [
    *classed(
        RouteClass.CLIENT_API,
        [
            path("projects/<slug:slug>/chat/", api.ChatView.as_view(), name="project-chat"),
            *daily.urls,
        ],
    ),
    path("permissions/", include("projects.access.api_urls")),
    *router.urls,
]
