"""Routes below `/account/teams/`: what somebody does with their own membership."""

from django.urls import path

from teams import leaving

urlpatterns = [path("<slug:slug>/leave/", leaving.leave, name="account_leave_team")]
