"""Pages at the root: home and the playground."""

from django.urls import path

from projects import views

app_name = "projects"
urlpatterns = [
    path("", views.home, name="home"),
    path("playground/<slug:slug>/", views.playground, name="playground"),
    path("playground/<slug:slug>/ask/", views.ask, name="ask"),
    path("playground/<slug:slug>/<str:uid>/", views.playground, name="conversation"),
    path("playground/<slug:slug>/<str:uid>/rename/", views.rename, name="rename"),
    path("playground/<slug:slug>/<str:uid>/delete/", views.delete, name="delete"),
]
