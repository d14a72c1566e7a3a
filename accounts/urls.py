"""The account pages. allauth's are named one by one: what is not listed does not exist."""

from allauth.account import views as allauth
from django.urls import path, re_path

from accounts import views

urlpatterns = [
    path("", views.profile, name="account_profile"),
    path("keys/", views.keys, name="account_keys"),
    path("keys/create/", views.create_key, name="account_create_key"),
    path("keys/<str:public_id>/revoke/", views.revoke_key, name="account_revoke_key"),
    path("login/", views.SignInView.as_view(), name="account_login"),
    path("logout/", allauth.logout, name="account_logout"),
    # allauth builds links to these; here they lead nowhere.
    *(
        path(f"closed/{name}/", views.closed, name=f"account_{name}")
        for name in ("signup", "inactive", "email", "reauthenticate", "set_password")
    ),
    path("password/change/", views.ChangePasswordView.as_view(), name="account_change_password"),
    path("password/reset/", views.ResetView.as_view(), name="account_reset_password"),
    path("password/reset/done/", allauth.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.NewPasswordView.as_view(),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        allauth.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
