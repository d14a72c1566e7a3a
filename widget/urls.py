"""Routes below `/widget/`."""

from django.urls import path, re_path

from widget import views

app_name = "widget"
urlpatterns = [
    path("loader.js", views.loader, name="loader"),
    re_path(r"^loader\.(?P<version>[0-9a-f]{12})\.js$", views.script, name="script"),
    path("v1/session", views.session, name="session"),
    path("v1/chat", views.chat, name="chat"),
    path("v1/logo/<slug:public_id>/<slug:version>.<slug:kind>", views.logo, name="logo"),
]
