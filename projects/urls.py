"""Pages at the root: home and the playground."""

from django.urls import path

from projects import playground, views

app_name = "projects"
urlpatterns = [
    path("", views.home, name="home"),
    path("playground/<slug:slug>/", playground.playground, name="playground"),
    path("playground/<slug:slug>/use/", views.use, name="use"),
    path("playground/<slug:slug>/ask/", playground.ask, name="ask"),
    path("playground/<slug:slug>/temporary/", playground.temporary, name="temporary"),
    path("playground/<slug:slug>/<str:uid>/", playground.playground, name="conversation"),
    path("playground/<slug:slug>/<str:uid>/rename/", playground.rename, name="rename"),
    path("playground/<slug:slug>/<str:uid>/delete/", playground.delete, name="delete"),
]
