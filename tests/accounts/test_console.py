"""People and keys in the console: who changes whom, what ends with a lost right, and what is never shown."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.actions import rotate_key, save_user
from accounts.models import Key, User
from accounts.tasks import mail_notices
from audit.models import Entry
from portal.errors import Refusal
from tests.cast import PASSWORD

USERS = "/admin/accounts/user/"
KEYS = "/admin/accounts/key/"


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def form(user, **changes):
    fields = {"email": user.email, "name": user.name}
    flags = ("is_active", "is_superuser", "is_auditor", "is_restricted")
    fields |= {name: "on" for name in flags if getattr(user, name)}
    return {name: value for name, value in (fields | changes).items() if value is not None}


def test_a_new_person_is_mailed_a_link_and_sets_their_own_password(cast):
    response = browser(cast.admin).post(
        f"{USERS}add/", {"email": "Nora@Example.com", "name": "Nora", "is_active": "on"}
    )
    assert response.status_code == 302
    mail_notices()
    nora = User.objects.get(email="nora@example.com")
    assert not nora.has_usable_password()
    (message,) = mail.outbox
    assert message.to == ["nora@example.com"]
    path = next(line for line in message.body.split() if "/password/reset/key/" in line)
    client = Client()
    page = client.get(path.partition("8000")[2], follow=True)
    done = client.post(page.redirect_chain[-1][0], {"password1": PASSWORD, "password2": PASSWORD})
    assert done.status_code == 302
    nora.refresh_from_db()
    assert nora.check_password(PASSWORD)
    again = Client().get(path.partition("8000")[2], follow=True)
    assert "does not work any more" in again.content.decode()


def test_an_address_is_taken_whatever_its_case(cast):
    response = browser(cast.admin).post(f"{USERS}add/", {"email": "MARCO@example.com"})
    assert response.status_code == 200
    assert User.objects.filter(email__iexact="marco@example.com").count() == 1


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("marco", {"is_active": None}),
        ("auditor", {"is_auditor": None}),
        ("marco", {"is_restricted": "on"}),
    ],
)
def test_who_loses_a_right_is_signed_out_everywhere_and_stays_so(cast, name, changes):
    user = getattr(cast, name)
    there = browser(user)
    assert there.get("/account/").status_code == 200
    response = browser(cast.admin).post(f"{USERS}{user.pk}/change/", form(user, **changes))
    assert response.status_code == 302
    assert there.get("/account/").status_code == 302
    User.objects.filter(pk=user.pk).update(is_active=True)
    assert there.get("/account/").status_code == 302


def test_a_change_of_name_leaves_sessions_alone(cast):
    there = browser(cast.marco)
    browser(cast.admin).post(f"{USERS}{cast.marco.pk}/change/", form(cast.marco, name="M."))
    assert User.objects.get(pk=cast.marco.pk).name == "M."
    assert there.get("/account/").status_code == 200


def test_nobody_changes_their_own_rights_and_one_admin_always_stays(cast):
    browser(cast.admin).post(
        f"{USERS}{cast.admin.pk}/change/", form(cast.admin, is_superuser=None, is_active=None)
    )
    admin = User.objects.get(pk=cast.admin.pk)
    assert admin.is_superuser
    assert admin.is_active
    admin.is_superuser = False
    with pytest.raises(Refusal, match="conflict"):
        save_user(by=cast.admin, user=admin)


def test_people_are_not_deleted_and_passwords_of_others_are_not_shown(cast):
    client = browser(cast.admin)
    assert client.get(f"{USERS}{cast.marco.pk}/delete/").status_code == 403
    page = client.get(f"{USERS}{cast.marco.pk}/change/").content.decode()
    assert cast.marco.password not in page


def test_actions_deactivate_end_sessions_and_mail_links(cast):
    admin = browser(cast.admin)
    there = browser(cast.marco)
    chosen = {"_selected_action": [cast.marco.pk, cast.admin.pk]}
    admin.post(USERS, {"action": "end_sessions", **chosen})
    assert there.get("/account/").status_code == 302
    admin = browser(User.objects.get(pk=cast.admin.pk))
    admin.post(USERS, {"action": "send_password_link", "_selected_action": [cast.marco.pk]})
    mail_notices()
    links = [message.to for message in mail.outbox if "/password/reset/key/" in message.body]
    assert links == [["marco@example.com"]]
    assert Entry.objects.filter(action="password_link_sent").count() == 1
    admin.post(USERS, {"action": "deactivate", **chosen})
    assert not User.objects.get(pk=cast.marco.pk).is_active
    assert User.objects.get(pk=cast.admin.pk).is_active


@pytest.mark.parametrize("name", ["auditor", "olivia", "adam"])
def test_those_who_only_look_change_nobody(cast, name):
    client = browser(getattr(cast, name))
    assert client.get(f"{USERS}{cast.marco.pk}/change/").status_code == 200
    response = client.post(f"{USERS}{cast.marco.pk}/change/", form(cast.marco, is_superuser="on"))
    assert response.status_code == 403
    assert client.get(f"{USERS}add/").status_code == 403
    client.post(USERS, {"action": "deactivate", "_selected_action": [cast.marco.pk]})
    marco = User.objects.get(pk=cast.marco.pk)
    assert marco.is_active
    assert not marco.is_superuser


def test_team_admins_see_the_people_of_their_team_only(cast):
    client = browser(cast.olivia)
    page = client.get(USERS).content.decode()
    assert "marco@example.com" in page
    assert "sam@example.com" not in page
    assert client.get(f"{USERS}{cast.sam.pk}/change/").status_code == 404


def test_keys_are_masked_not_added_not_deleted(cast):
    plaintext = cast.key(cast.marco)
    key = Key.objects.get()
    client = browser(cast.admin)
    for path in (KEYS, f"{KEYS}{key.pk}/change/", f"{KEYS}{key.pk}/history/"):
        page = client.get(path).content.decode()
        assert plaintext not in page
        assert key.digest not in page
    assert f"••••{plaintext[-4:]}" in client.get(KEYS).content.decode()
    assert client.get(f"{KEYS}add/").status_code == 403
    assert client.get(f"{KEYS}{key.pk}/delete/").status_code == 403


def test_revoking_in_the_console_needs_the_right_and_ends_the_key(cast):
    headers = cast.bearer(cast.marco)
    revoke = {"action": "revoke", "_selected_action": [Key.objects.get().pk]}
    browser(cast.auditor).post(KEYS, revoke)
    assert Client().get("/api/users/me/", headers=headers).status_code == 200
    browser(cast.admin).post(KEYS, revoke)
    assert Client().get("/api/users/me/", headers=headers).status_code == 401
    assert Entry.objects.filter(target_type="accounts.Key", action="update").count() == 1


def test_a_posted_form_changes_neither_digest_nor_owner_nor_scopes(cast):
    cast.key(cast.marco, scopes=["chat"])
    before = Key.objects.values("digest", "user_id", "scopes", "revoked_at").get()
    key = Key.objects.get()
    response = browser(cast.admin).post(
        reverse("admin:accounts_key_change", args=[key.pk]),
        {
            "name": "renamed",
            "requests_per_second": 5,
            "digest": "0" * 64,
            "user": cast.admin.pk,
            "scopes": "[]",
        },
    )
    assert response.status_code == 302
    assert Key.objects.values("digest", "user_id", "scopes", "revoked_at").get() == before
    assert Key.objects.get().name == "renamed"


def test_platform_admins_limit_a_key_and_its_owner_does_not(cast):
    cast.key(cast.marco)
    key = Key.objects.get()
    path = f"{KEYS}{key.pk}/change/"
    form = {
        "name": key.name,
        "requests_per_second": "3",
        "monthly_budget": "12.5",
        "allowed_addresses": "203.0.113.0/24",
        "no_content_log": "on",
        "expires_at": "2030-01-01T00:00",
    }
    for looks_only in (cast.auditor, cast.olivia):
        assert browser(looks_only).post(path, form).status_code == 403
    assert browser(cast.marco).post(path, form).status_code in (302, 403)
    assert Key.objects.get().monthly_budget is None
    assert browser(cast.admin).post(path, form).status_code == 302
    key.refresh_from_db()
    assert (key.requests_per_second, str(key.monthly_budget)) == (3, "12.500000")
    assert (key.allowed_addresses, key.no_content_log) == ("203.0.113.0/24", True)
    assert key.expires_at.year == 2030
    for wrong in (
        {"monthly_budget": "-1"},
        {"requests_per_second": "0"},
        {"allowed_addresses": "x"},
    ):
        assert browser(cast.admin).post(path, form | wrong).status_code == 200
    key.refresh_from_db()
    assert key.requests_per_second == 3
    made = browser(cast.marco).post(
        "/api/keys/",
        {"name": "x", "requests_per_second": 9000, "monthly_budget": "9000"},
        "application/json",
    )
    assert (made.json()["requests_per_second"], made.json()["monthly_budget"]) == (10, None)
    sent = {"name": "y", "days": "30", "requests_per_second": "9000", "monthly_budget": "9000"}
    browser(cast.marco).post("/account/keys/create/", sent)
    assert Key.objects.latest("id").requests_per_second == 10
    assert browser(cast.marco).patch(
        f"/api/keys/{key.public_id}/", {"monthly_budget": "9000"}, "application/json"
    ).status_code in (403, 405)


def test_neither_secret_of_a_rotated_key_is_shown_in_the_console(cast):
    cast.key(cast.marco)
    key, plaintext = rotate_key(by=cast.marco, key=Key.objects.get())
    client = browser(cast.admin)
    for path in (KEYS, f"{KEYS}{key.pk}/change/", f"{KEYS}{key.pk}/history/"):
        page = client.get(path, follow=True).content.decode()
        for secret in (plaintext, key.digest, key.previous_digest):
            assert secret not in page


@pytest.mark.parametrize("path", ["auth/group/", "account/emailaddress/", "auth/user/"])
def test_pages_of_libraries_that_know_no_roles_are_not_there(cast, path):
    assert browser(cast.admin).get(f"/admin/{path}").status_code == 404
