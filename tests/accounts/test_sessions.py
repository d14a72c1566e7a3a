"""Sessions: where one is signed in, until when, and how one is put out."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Session, TokenFamily
from accounts.tasks import clear_sessions
from audit.models import Entry
from tests.cast import PASSWORD

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def signed_in(
    email="marco@example.com", agent=FIREFOX, address="192.0.2.7", client=None, password=PASSWORD
):
    client = client or Client(headers={"user-agent": agent}, REMOTE_ADDR=address)
    response = client.post("/account/login/", {"login": email, "password": password})
    assert response.status_code == 302
    return client


def of(client):
    return Session.objects.get(user__isnull=False, session_key=_stored(client))


def _stored(client):
    from accounts.sessions import stored_key

    return stored_key(client.cookies["gatehouse_session"].value)


def move(client, **fields):
    """As if the session were older."""
    Session.objects.filter(session_key=_stored(client)).update(**fields)


def test_the_page_lists_ones_own_live_sessions_and_nobody_elses(cast):
    here, there = signed_in(), signed_in(agent="curl/8.5", address="198.51.100.4")
    signed_in("olivia@example.com", address="203.0.113.77")
    page = here.get("/account/sessions/").content.decode()
    assert "Firefox on Linux" in page
    assert "192.0.2.7" in page
    assert "198.51.100.4" in page
    assert "203.0.113.77" not in page
    assert page.count("this one") == 1
    assert f"/account/sessions/{of(there).uid}/end/" in page
    assert f"/account/sessions/{of(here).uid}/end/" not in page


def test_ending_one_puts_that_browser_out_and_no_other(cast):
    here, there, third = signed_in(), signed_in(), signed_in()
    assert here.post(f"/account/sessions/{of(there).uid}/end/").status_code == 302
    assert there.get("/").status_code == 302
    assert here.get("/").status_code == third.get("/").status_code == 200
    assert Entry.objects.filter(action="session_ended").count() == 1


def test_ending_all_others_keeps_this_one_only(cast):
    here, there = signed_in(), signed_in()
    assert here.post("/account/sessions/others/end/").status_code == 302
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    page = here.get("/account/sessions/").content.decode()
    assert page.count("rows-item") == 1


def test_nobody_ends_anothers_session(cast):
    mine, theirs = signed_in("olivia@example.com"), signed_in()
    assert mine.post(f"/account/sessions/{of(theirs).uid}/end/").status_code == 404
    assert (
        signed_in("admin@example.com").post(f"/account/sessions/{of(theirs).uid}/end/").status_code
        == 404
    )
    assert theirs.get("/").status_code == 200


def test_a_session_ends_after_an_hour_without_a_request(cast, settings):
    client = signed_in()
    row = of(client)
    assert row.expire_date - row.created_at <= timedelta(seconds=settings.SESSION_IDLE_S + 1)
    move(client, expire_date=timezone.now() - timedelta(seconds=1))
    assert client.get("/").status_code == 302


def test_each_request_moves_the_idle_end_once_a_minute_and_never_past_the_last(cast):
    client = signed_in()
    soon = timezone.now() + timedelta(minutes=5)
    move(client, expire_date=soon, last_seen_at=timezone.now() - timedelta(minutes=55))
    client.get("/")
    assert of(client).expire_date > soon + timedelta(minutes=50)
    seen = of(client).last_seen_at
    client.get("/")
    assert of(client).last_seen_at == seen
    end = timezone.now() + timedelta(minutes=2)
    move(client, ends_at=end, last_seen_at=timezone.now() - timedelta(minutes=5))
    client.get("/")
    assert of(client).expire_date == end


def test_a_session_ends_after_twelve_hours_however_busy(cast):
    client = signed_in()
    move(client, ends_at=timezone.now() - timedelta(seconds=1))
    assert client.get("/").status_code == 302


def test_saving_a_session_moves_its_absolute_end_not(cast):
    client = signed_in()
    before = of(client)
    session = client.session
    session["something"] = "new"
    session.save()
    after = of(client)
    assert after.session_data != before.session_data
    assert (after.ends_at, after.created_at, after.uid) == (
        before.ends_at,
        before.created_at,
        before.uid,
    )


def test_a_later_epoch_takes_a_session_off_the_list(cast):
    client = signed_in()
    assert Session.objects.live().filter(user=cast.marco).count() == 1
    cast.marco.session_epoch += 1
    cast.marco.save()
    assert Session.objects.live().filter(user=cast.marco).count() == 0
    assert client.get("/").status_code == 302


def test_what_has_ended_is_cleared_away(cast):
    gone, stays = signed_in(), signed_in()
    move(gone, expire_date=timezone.now() - timedelta(seconds=1))
    clear_sessions()
    assert Session.objects.filter(user=cast.marco).count() == 1
    assert stays.get("/").status_code == 200


def test_the_table_shows_neither_the_cookie_nor_what_is_in_it(cast):
    client = signed_in()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_session")
        text = str(cursor.fetchall())
    assert client.cookies["gatehouse_session"].value not in text
    assert "_auth_user_hash" not in text


@pytest.mark.parametrize("path", ["/account/sessions/", "/account/notices/", "/account/confirm/"])
def test_strangers_are_sent_to_sign_in(db, path):
    response = Client().get(path)
    assert (response.status_code, response["Location"]) == (302, f"/account/login/?next={path}")


def test_the_page_costs_the_same_for_many_sessions(cast, django_assert_max_num_queries):
    client = signed_in()
    for _ in range(12):
        signed_in()
    with django_assert_max_num_queries(8):
        assert client.get("/account/sessions/").status_code == 200


def program(email="marco@example.com", **more):
    body = {"email": email, "password": PASSWORD, **more}
    return Client().post("/api/auth/token/", body, "application/json").json()


def test_programs_with_tokens_are_listed_and_ended_one_by_one(cast):
    nightly, other = program(name="nightly job", scopes=["chat"]), program(name="notebook")
    program("olivia@example.com", name="olivias own")
    client = signed_in()
    page = client.get("/account/sessions/").content.decode()
    assert "nightly job" in page
    assert "notebook" in page
    assert "olivias own" not in page
    for got in (nightly, other):
        assert got["access"] not in page
        assert got["refresh"] not in page
    family = TokenFamily.objects.get(name="nightly job")
    assert client.post(f"/account/programs/{family.uid}/end/").status_code == 302

    def opens(got):
        headers = {"authorization": f"Bearer {got['access']}"}
        return Client().get("/v1/models", headers=headers).status_code == 200

    assert not opens(nightly)
    assert opens(other)
    assert Entry.objects.filter(action="tokens_ended").count() == 1


def test_nobody_ends_anothers_program(cast):
    program(name="notebook")
    uid = TokenFamily.objects.get().uid
    for email in ("olivia@example.com", "admin@example.com"):
        assert signed_in(email).post(f"/account/programs/{uid}/end/").status_code == 404
    assert TokenFamily.objects.count() == 1
