"""What people are told: sign-ins from new places, stopped guesses, a new password; on the page and by mail."""

import smtplib
from datetime import timedelta

from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import notices
from accounts.models import Notice, Sighting
from accounts.tasks import mail_notices
from audit.models import Entry
from portal import keyring
from tests.accounts.test_sessions import signed_in
from tests.cast import PASSWORD

LOGIN = "/account/login/"


def kinds(user):
    return list(Notice.objects.filter(user=user).order_by("id").values_list("kind", flat=True))


def test_the_first_sign_in_is_nothing_unusual_and_one_from_elsewhere_is(cast):
    first = signed_in()
    assert kinds(cast.marco) == []
    signed_in(client=first)  # the same browser, at the same place
    assert kinds(cast.marco) == []
    signed_in(address="203.0.113.9", agent="curl/8.5")
    assert kinds(cast.marco) == ["new_sign_in"]
    assert Entry.objects.get(action="sign_in_unusual").target_id == str(cast.marco.pk)
    words = notices.words_of(Notice.objects.get())
    assert "203.0.113.9" in words
    assert "curl" in words


def test_a_known_browser_at_a_new_place_is_told_of_and_the_next_time_not(cast):
    browser = signed_in()
    browser.post("/account/logout/")
    for _ in range(2):
        data = {"login": "marco@example.com", "password": PASSWORD}
        browser.post(LOGIN, data, REMOTE_ADDR="198.51.100.20")
        browser.post("/account/logout/")
    assert kinds(cast.marco) == ["new_sign_in"]


def test_neighbours_in_a_network_are_one_place(cast):
    browser = signed_in(address="192.0.2.7")
    signed_in(client=browser, address="192.0.2.200")
    assert kinds(cast.marco) == []


def test_no_address_and_no_cookie_can_be_read_from_the_sightings(cast):
    client = signed_in(address="192.0.2.7")
    text = str(list(Sighting.objects.values()))
    assert "192.0.2" not in text
    assert client.cookies["gatehouse_device"].value not in text


def test_stopped_guesses_are_told_once_an_hour_to_who_exists(cast):
    for email in ("marco@example.com", "nobody@example.com"):
        for number in range(14):
            address = f"192.0.2.{number}"
            Client().post(LOGIN, {"login": email, "password": "wrong"}, REMOTE_ADDR=address)
    assert kinds(cast.marco) == ["guessing"]
    assert Notice.objects.count() == 1
    assert Entry.objects.filter(action="guessing_stopped").count() == 2


def test_the_page_shows_what_is_new_once_and_is_ones_own(cast):
    notices.tell(cast.marco.pk, "guessing", address="192.0.2.66")
    client = signed_in()
    assert "chip-warn" in client.get("/account/").content.decode()
    page = client.get("/account/notices/").content.decode()
    assert "Wrong passwords or codes" in page
    assert "192.0.2.66" in page
    assert ">new<" in page
    assert ">new<" not in client.get("/account/notices/").content.decode()
    assert (
        "192.0.2.66" not in signed_in("admin@example.com").get("/account/notices/").content.decode()
    )


def test_many_are_shown_in_pages(cast, django_assert_max_num_queries):
    for number in range(65):
        notices.tell(cast.marco.pk, "guessing", address=f"192.0.2.{number}")
    client = signed_in()
    with django_assert_max_num_queries(9):
        page = client.get("/account/notices/").content.decode()
    assert page.count("Wrong passwords or codes") == 30
    assert "192.0.2.64" in page
    assert "192.0.2.0." in client.get("/account/notices/?page=3").content.decode()


def test_details_are_under_the_persons_key_and_their_loss_breaks_no_page(cast):
    notices.tell(cast.marco.pk, "guessing", address="192.0.2.66")
    with connection.cursor() as cursor:
        cursor.execute("SELECT details FROM accounts_notice")
        assert "192.0.2.66" not in str(cursor.fetchall())
    client = signed_in()
    keyring.destroy(keyring.person(cast.marco.pk))
    page = client.get("/account/notices/").content.decode()
    assert "Wrong passwords or codes" in page
    assert "192.0.2.66" not in page


def test_a_notice_is_mailed_once_as_text_and_html(cast):
    notices.tell(cast.marco.pk, "guessing", address="192.0.2.66")
    mail_notices()
    mail_notices()
    (message,) = mail.outbox
    assert message.to == ["marco@example.com"]
    assert message.subject == "Wrong passwords or codes"
    assert "192.0.2.66" in message.body
    assert "/account/notices/" in message.body
    assert "192.0.2.66" in message.alternatives[0][0]


def test_a_dead_mail_server_loses_no_notice_and_is_asked_less_and_less(cast, monkeypatch):
    def dead(*args, **kwargs):
        raise smtplib.SMTPServerDisconnected("gone")

    notices.tell(cast.marco.pk, "guessing", address="192.0.2.66")
    monkeypatch.setattr("accounts.mails.send", dead)
    pauses = []
    for _ in range(3):
        mail_notices()
        row = Notice.objects.get()
        pauses.append(row.mail_due_at - timezone.now())
        Notice.objects.update(mail_due_at=timezone.now())
    assert pauses[0] < pauses[1] < pauses[2]
    monkeypatch.undo()
    mail_notices()
    assert len(mail.outbox) == 1
    assert Notice.objects.get().mail_due_at is None


def test_after_the_last_try_it_stays_on_the_page_alone(cast, monkeypatch):
    def dead(*args, **kwargs):
        raise OSError("gone")

    notices.tell(cast.marco.pk, "guessing", address="192.0.2.66")
    monkeypatch.setattr("accounts.mails.send", dead)
    for _ in range(notices.TRIES):
        Notice.objects.update(mail_due_at=timezone.now() - timedelta(seconds=1))
        mail_notices()
    row = Notice.objects.get()
    assert (row.mail_due_at, row.read_at) == (None, None)


def test_a_new_password_is_told_and_ends_everything_else(cast):
    client, other = signed_in(), signed_in()
    new = "another-long-passphrase-7"
    data = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    epoch = cast.marco.session_epoch
    assert client.post("/account/password/change/", data).status_code == 302
    assert "password_changed" in kinds(cast.marco)
    cast.marco.refresh_from_db()
    assert cast.marco.session_epoch == epoch + 1
    assert (client.get("/").status_code, other.get("/").status_code) == (200, 302)
