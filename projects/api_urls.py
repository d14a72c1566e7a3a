"""Routes below `/api/`."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from projects import api

router = SimpleRouter()
router.register("projects", api.ProjectViewSet, basename="project")
router.register("conversations", api.ConversationViewSet, basename="conversation")
router.register("usage", api.UsageViewSet, basename="usage")

urlpatterns = [
    path("projects/<slug:slug>/chat/", api.ChatView.as_view(), name="project-chat"),
    *router.urls,
]
