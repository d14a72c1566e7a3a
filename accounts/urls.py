"""The account pages. allauth's are named one by one: what is not listed does not exist."""

from allauth.account import views as allauth
from django.urls import path, re_path

from accounts.pages import (
    confirm,
    impersonation,
    keys,
    notices,
    profile,
    second_factor,
    second_step,
    sessions,
    sign_in,
)

urlpatterns = [
    path("", profile.profile, name="account_profile"),
    path("keys/", keys.keys, name="account_keys"),
    path("keys/create/", keys.create_key, name="account_create_key"),
    path("keys/<str:public_id>/rotate/", keys.rotate_key, name="account_rotate_key"),
    path("keys/<str:public_id>/revoke/", keys.revoke_key, name="account_revoke_key"),
    path("sessions/", sessions.sessions, name="account_sessions"),
    path("sessions/others/end/", sessions.end_other_sessions, name="account_end_others"),
    path("sessions/<str:uid>/end/", sessions.end_session, name="account_end_session"),
    path("programs/<str:uid>/end/", sessions.end_program, name="account_end_program"),
    path("notices/", notices.notices, name="account_notices"),
    path("second-factor/", second_factor.second_factor, name="account_second_factor"),
    path("second-factor/begin/", second_factor.begin, name="account_factor_begin"),
    path("second-factor/set-up/", second_factor.set_up, name="account_factor_set_up"),
    path("second-factor/codes/", second_factor.new_codes, name="account_factor_codes"),
    path("second-factor/remove/", second_factor.remove, name="account_factor_remove"),
    path("second-factor/verify/", second_step.verify, name="account_second_factor_verify"),
    path("second-factor/enrol/", second_step.enrol, name="account_second_factor_enrol"),
    path("impersonation/end/", impersonation.end, name="account_end_impersonation"),
    path("confirm/", confirm.confirm, name="account_confirm"),
    path("login/", sign_in.SignInView.as_view(), name="account_login"),
    path("logout/", allauth.logout, name="account_logout"),
    # allauth builds links to these; here they lead nowhere.
    *(
        path(f"closed/{name}/", sign_in.closed, name=f"account_{name}")
        for name in ("signup", "inactive", "email", "reauthenticate", "set_password")
    ),
    path("password/change/", sign_in.ChangePasswordView.as_view(), name="account_change_password"),
    path("password/reset/", sign_in.ResetView.as_view(), name="account_reset_password"),
    path("password/reset/done/", allauth.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        sign_in.NewPasswordView.as_view(),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        allauth.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
