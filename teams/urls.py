"""What a team's pages load: its colours and its logo."""

from django.urls import path

from teams import branding

urlpatterns = [
    path("<slug:slug>/<slug:version>.css", branding.stylesheet, name="branding_css"),
    path("<slug:slug>/<slug:version>.<slug:kind>", branding.logo, name="branding_logo"),
]
