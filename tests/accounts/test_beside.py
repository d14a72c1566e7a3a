"""Two deeds on one person or key at a time: what puts somebody out is never undone by what was read before it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import actions, forms
from accounts.key_admin import KeyAdmin
from accounts.models import Key, Session, User
from audit.models import Entry
from portal.errors import Refusal
from tests.accounts.codes import demand, forget
from tests.accounts.test_sessions import of, signed_in
from tests.cast import PASSWORD, build_cast

CHANGE = "/account/password/change/"
NEW = "another-long-passphrase-7"
PASSWORDS = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}


def at_this_moment(monkeypatch, owner, name, deed):
    """`deed` is done once, when this is called: after the row was read, before it is written."""
    original, done = getattr(owner, name), []

    def then(*args, **kwargs):
        if not done:
            done.append(1)
            deed()
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, then)


def put_out(user, **flags):
    """As another process does it: past what this request has read."""

    def deed():
        row = User.objects.get(pk=user.pk)
        for name, value in flags.items():
            setattr(row, name, value)
        actions.save_user(by=row, user=row)

    return deed


@pytest.mark.parametrize("flags", [{"is_active": False}, {"is_superuser": False}])
def test_a_new_password_undoes_no_suspension_and_no_demotion(cast, monkeypatch, flags):
    User.objects.filter(pk=cast.olivia.pk).update(is_superuser=True)
    client = signed_in("olivia@example.com")
    at_this_moment(monkeypatch, MD5PasswordHasher, "encode", put_out(cast.olivia, **flags))
    assert client.post(CHANGE, PASSWORDS).status_code in (302, 409)
    olivia = User.objects.get(pk=cast.olivia.pk)
    assert {name: getattr(olivia, name) for name in flags} == flags
    assert client.get("/admin/").status_code in (302, 403)
    assert client.get("/account/").status_code == 302


def test_a_new_password_is_not_set_by_who_was_signed_out_meanwhile(cast):
    marco = User.objects.get(pk=cast.marco.pk)
    actions.end_sessions(by=cast.admin, user=User.objects.get(pk=cast.marco.pk))
    with pytest.raises(Refusal, match="conflict"):
        actions.set_password(by=marco, user=marco, password=NEW)
    assert User.objects.get(pk=cast.marco.pk).check_password(PASSWORD)


def test_a_name_is_saved_and_nothing_that_was_read_with_it(cast, monkeypatch):
    client = signed_in()
    at_this_moment(monkeypatch, forms.ProfileForm, "is_valid", put_out(cast.marco, is_active=False))
    client.post("/account/", {"name": "Marco M."})
    marco = User.objects.get(pk=cast.marco.pk)
    assert (marco.is_active, marco.name) == (False, "Marco M.")


def test_an_administrators_change_brings_no_old_password_back(cast):
    stale = User.objects.get(pk=cast.marco.pk)
    marco = User.objects.get(pk=cast.marco.pk)
    actions.set_password(by=marco, user=marco, password=NEW)
    stale.name = "Marco M."
    actions.save_user(by=cast.admin, user=stale, fields=["name"])
    marco.refresh_from_db()
    assert (marco.check_password(NEW), marco.name) == (True, "Marco M.")


def test_an_administrators_change_of_one_field_undoes_no_other(cast):
    stale = User.objects.get(pk=cast.marco.pk)
    put_out(cast.marco, is_active=False)()
    stale.name = "Marco M."
    actions.save_user(by=cast.admin, user=stale, fields=["name"])
    assert User.objects.get(pk=cast.marco.pk).is_active is False


def test_the_console_revives_no_key_that_was_revoked_or_rotated_meanwhile(cast, monkeypatch):
    cast.key(cast.marco)
    key = Key.objects.get()

    def revoke():
        Key.objects.filter(pk=key.pk).update(revoked_at=timezone.now(), digest="f" * 64)

    at_this_moment(monkeypatch, KeyAdmin, "save_form", revoke)
    form = {"name": "renamed", "requests_per_second": "10", "allowed_addresses": ""}
    admin = signed_in("admin@example.com")
    assert admin.post(f"/admin/accounts/key/{key.pk}/change/", form).status_code == 302
    after = Key.objects.get()
    assert (after.name, after.digest) == ("renamed", "f" * 64)
    assert after.revoked_at is not None


# The absolute end of a session.


def others(client):
    return client.post("/account/sessions/others/end/")


def password(client):
    return client.post(CHANGE, PASSWORDS)


@pytest.mark.parametrize("deed", [others, password])
def test_nothing_but_a_sign_in_moves_the_end_of_a_session(cast, deed):
    client = signed_in()
    end = timezone.now() + timedelta(minutes=5)
    before = of(client)
    Session.objects.filter(pk=before.pk).update(ends_at=end)
    assert deed(client).status_code == 302
    after = of(client)
    assert after.pk != before.pk
    assert (after.ends_at, after.created_at, after.address) == (
        end,
        before.created_at,
        before.address,
    )
    assert client.get("/").status_code == 200
    Session.objects.filter(pk=after.pk).update(ends_at=timezone.now())
    assert client.get("/").status_code == 302
    signed_in(client=client, **({} if deed is others else {"password": NEW}))
    assert of(client).ends_at > end + timedelta(hours=11)


def test_a_new_password_asks_who_one_is_before_its_form(cast):
    client = signed_in()
    session = client.session
    session["fresh_at"] -= 3600
    session.save()
    for answer in (client.get(CHANGE), client.post(CHANGE, PASSWORDS)):
        assert unquote(answer["Location"]) == f"/account/confirm/?next={CHANGE}"
    assert User.objects.get(pk=cast.marco.pk).check_password(PASSWORD)
    client.post("/account/confirm/", {"password": PASSWORD, "next": CHANGE})
    assert client.post(CHANGE, PASSWORDS).status_code == 302


# Resets, and those who know their passwords.


def test_many_resets_close_no_door_to_the_neighbours(cast):
    for number in range(12):
        Client().post("/account/password/reset/", {"email": f"nobody{number}@example.com"})
    assert signed_in(address="127.0.0.1").get("/").status_code == 200


def test_strangers_do_not_keep_an_owner_from_their_reset(cast):
    mine = signed_in()
    mine.post("/account/logout/")
    for number in range(15):
        address = f"198.51.{number}.7"
        last = Client(REMOTE_ADDR=address).post(
            "/account/password/reset/", {"email": "marco@example.com"}
        )
    assert last.status_code == 429
    assert mine.post("/account/password/reset/", {"email": "marco@example.com"}).status_code == 302
    assert not cast.marco.notices.filter(kind="guessing").exists()


def test_an_ended_key_is_given_more_time_by_who_proves_who_they_are(cast):
    cast.key(cast.marco)
    Key.objects.update(expires_at=timezone.now() - timedelta(days=1))
    key = Key.objects.get()
    admin = signed_in("admin@example.com")
    session = admin.session
    session["fresh_at"] -= 3600
    session.save()
    form = {
        "name": key.name,
        "requests_per_second": "10",
        "allowed_addresses": "",
        "expires_at": "",
    }
    assert admin.post(f"/admin/accounts/key/{key.pk}/change/", form).status_code == 403
    assert Key.objects.get().expires_at is not None


@pytest.mark.django_db(transaction=True)
def test_six_sign_ins_at_a_time_of_somebody_who_must_enrol(transactional_db):
    cast = build_cast()
    demand(cast.research)
    forget()
    barrier = threading.Barrier(6)

    def sign_in(_number):
        barrier.wait()
        try:
            data = {"login": "marco@example.com", "password": PASSWORD}
            return Client().post("/account/login/", data).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(sign_in, range(6))) == [302] * 6
    assert Entry.objects.filter(action="sign_in").count() == 0
    assert cast.marco.totpdevice_set.filter(confirmed=False).count() == 1
