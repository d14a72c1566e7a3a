"""What the portal mails: text and HTML that say the same, lead to the portal only, and load nothing."""

import re

import pytest
from django.core import mail
from django.test import Client

from accounts.actions import send_password_link
from accounts.models import User
from accounts.tasks import mail_notices

pytestmark = pytest.mark.django_db(transaction=True)
BASE = "https://portal.example.com"


@pytest.fixture(autouse=True)
def address(settings):
    settings.BASE_URL = BASE


def invite(cast):
    send_password_link(by=cast.admin, user=cast.marco)
    mail_notices()


def reset(cast):
    Client().post("/account/password/reset/", {"email": "marco@example.com"})


def reset_of_nobody(cast):
    Client().post("/account/password/reset/", {"email": "marco2@example.com"})


@pytest.fixture
def cast(transactional_db):
    from tests.cast import build_cast

    return build_cast()


@pytest.fixture(params=[invite, reset, reset_of_nobody])
def message(request, cast):
    request.param(cast)
    (sent,) = mail.outbox
    return sent


def parts(sent):
    ((html, kind),) = sent.alternatives
    assert kind == "text/html"
    return sent.body, html


def test_each_mail_has_both_parts_and_they_lead_to_the_same_place(message):
    text, html = parts(message)
    assert "\n" not in message.subject
    assert message.subject in html
    linked = set(re.findall(r'href="([^"]+)"', html))
    assert linked == set(re.findall(r"https?://\S+", text))
    assert all(link.startswith(BASE) for link in linked)


def test_nothing_is_loaded_and_nothing_is_tracked(message):
    _text, html = parts(message)
    assert not re.search(r"<(img|script|link|iframe|form)|url\(|@import|\ssrc=", html)


def test_text_and_html_say_the_same(message):
    text, html = parts(message)
    shown = re.sub(r"<style>.*?</style>", "", html, flags=re.S)
    words = set(re.findall(r"[a-z]{4,}", re.sub(r"<[^>]+>", " ", shown).lower()))
    said = set(re.findall(r"[a-z]{4,}", re.sub(r"https?://\S+", "", text).lower()))
    assert said - words <= {"hello", "here"}


def test_the_link_of_the_html_part_sets_a_password(cast):
    invite(cast)
    _text, html = parts(mail.outbox[0])
    link = re.search(r'class="deed" href="([^"]+)"', html)[1]
    client = Client()
    page = client.get(link.removeprefix(BASE), follow=True)
    form = page.redirect_chain[-1][0]
    new = "a-new-and-long-password-7"
    assert client.post(form, {"password1": new, "password2": new}).status_code == 302
    assert User.objects.get(pk=cast.marco.pk).check_password(new)
