"""Signing in, staying in, and being put out; guessing is stopped the same way for existing and unknown accounts."""

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client

from accounts.actions import end_sessions
from accounts.models import User
from audit.models import Entry
from tests.cast import PASSWORD

LOGIN = "/account/login/"


def sign_in(email, password=PASSWORD, client=None, **extra):
    client = client or Client()
    return client, client.post(LOGIN, {"login": email, "password": password}, **extra)


def test_the_right_password_opens_and_is_in_the_trail(cast):
    client, response = sign_in("Marco@Example.com")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/").status_code == 200
    entry = Entry.objects.get(action="sign_in")
    assert (entry.actor_label, entry.target_type) == ("marco@example.com", "accounts.User")


def test_passwords_are_argon2id(settings, db):
    from portal import settings as original

    settings.PASSWORD_HASHERS = original.PASSWORD_HASHERS
    user = User(email="new@example.com")
    user.set_password(PASSWORD)
    assert user.password.startswith("argon2$argon2id$")


@pytest.mark.parametrize("inactive", [True, False])
def test_wrong_passwords_unknown_and_deactivated_accounts_look_the_same(cast, inactive):
    if inactive:
        User.objects.filter(pk=cast.marco.pk).update(is_active=False)
        _, known = sign_in("marco@example.com")
    else:
        _, known = sign_in("marco@example.com", "wrong")
    _, unknown = sign_in("nobody@example.com", "wrong")
    assert known.status_code == unknown.status_code == 200
    clean = [
        page.content.decode().replace(name, "").split("csrfmiddlewaretoken")[0]
        for page, name in ((known, "marco@example.com"), (unknown, "nobody@example.com"))
    ]
    assert clean[0] == clean[1]
    failed = Entry.objects.filter(action="sign_in_failed")
    assert failed.count() == 2
    assert "wrong" not in str(list(failed.values()))


def test_the_eleventh_guess_is_refused_for_an_account_wherever_it_comes_from(cast):
    for number in range(10):
        _, response = sign_in("marco@example.com", "wrong", REMOTE_ADDR=f"192.0.2.{number}")
        assert response.status_code == 200
    _, response = sign_in("marco@example.com", PASSWORD, REMOTE_ADDR="192.0.2.99")
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0


def test_the_eleventh_guess_is_refused_for_an_address_whatever_it_tries(cast):
    for number in range(10):
        sign_in(f"nobody{number}@example.com", "wrong")
    _, response = sign_in("marco@example.com")
    assert response.status_code == 429
    _, elsewhere = sign_in("marco@example.com", REMOTE_ADDR="198.51.100.1")
    assert elsewhere.status_code == 302


def test_people_who_know_their_password_are_never_counted(cast):
    for _ in range(15):
        _, response = sign_in("marco@example.com")
        assert response.status_code == 302


def test_next_leads_nowhere_else(cast):
    client = Client()
    response = client.post(
        LOGIN + "?next=https://evil.example/",
        {"login": "marco@example.com", "password": PASSWORD, "next": "https://evil.example/"},
    )
    assert response["Location"] == "/"


def test_a_new_password_ends_all_other_sessions(cast):
    here, _ = sign_in("marco@example.com")
    there, _ = sign_in("marco@example.com")
    new = "another-long-passphrase-7"
    response = here.post(
        "/account/password/change/",
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )
    assert response.status_code == 302
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302


def test_deactivation_and_ending_sessions_put_people_out_at_once(cast):
    client, _ = sign_in("marco@example.com")
    end_sessions(by=cast.admin, user=User.objects.get(pk=cast.marco.pk))
    assert client.get("/").status_code == 302
    client, _ = sign_in("marco@example.com")
    User.objects.filter(pk=cast.marco.pk).update(is_active=False)
    assert client.get("/").status_code == 302


def test_signing_out_needs_a_post_and_ends_the_session(cast):
    client, _ = sign_in("marco@example.com")
    client.get("/account/logout/")
    assert client.get("/").status_code == 200
    client.post("/account/logout/")
    assert client.get("/").status_code == 302
    assert Entry.objects.filter(action="sign_out").count() == 1


def test_a_reset_answers_the_same_and_mails_only_those_who_exist(cast):
    pages = []
    for email in ("marco@example.com", "nobody@example.com"):
        response = Client().post("/account/password/reset/", {"email": email}, follow=True)
        pages.append((response.status_code, response.redirect_chain))
    assert pages[0] == pages[1]
    assert [m.to for m in mail.outbox if "marco@example.com" in m.to]
    assert not any(
        "/account/password/reset/key/" in m.body
        for m in mail.outbox
        if "nobody@example.com" in m.to
    )


@pytest.mark.parametrize("name", ["signup", "inactive", "email", "reauthenticate"])
def test_what_is_not_offered_does_not_exist(cast, name):
    client, _ = sign_in("marco@example.com")
    assert client.get(f"/account/{name}/").status_code == 404
    assert client.get(f"/account/closed/{name}/").status_code == 404


def test_the_admins_own_password_form_is_the_portals_sign_in(db):
    response = Client().get("/admin/login/?next=/admin/")
    assert (response.status_code, response["Location"]) == (302, "/account/login/?next=/admin/")


def test_create_admin_prints_a_link_that_works_once(db, capsys, settings):
    settings.ADMIN_PASSWORD = ""
    call_command("create_admin", email="first@example.com")
    link = capsys.readouterr().out.split()[-1]
    client = Client()
    path = link.split("8000", 1)[1]
    page = client.get(path, follow=True)
    assert page.status_code == 200
    new = "another-long-passphrase-7"
    done = client.post(page.redirect_chain[-1][0], {"password1": new, "password2": new})
    assert done.status_code == 302
    _, response = sign_in("first@example.com", new)
    assert response.status_code == 302
    call_command("create_admin", email="first@example.com")
    assert "exists already" in capsys.readouterr().out


def test_create_admin_takes_the_password_from_the_environment_and_refuses_a_weak_one(db, settings):
    from django.core.management.base import CommandError

    settings.ADMIN_PASSWORD = "password"
    with pytest.raises(CommandError):
        call_command("create_admin", email="first@example.com")
    settings.ADMIN_PASSWORD = PASSWORD
    call_command("create_admin", email="first@example.com")
    _, response = sign_in("first@example.com")
    assert response.status_code == 302


def test_a_restricted_person_is_neither_admin_nor_auditor(db):
    from django.db import IntegrityError, transaction

    for flag in ("is_superuser", "is_auditor"):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.create(email=f"{flag}@example.com", is_restricted=True, **{flag: True})
