"""Routes below `/v1/`."""

from django.urls import path

from projects import v1

urlpatterns = [
    path("chat/completions", v1.chat_completions, name="v1-chat-completions"),
    path("models", v1.models, name="v1-models"),
]
