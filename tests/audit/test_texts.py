"""What people can put into the trail's columns of text: one line, no credential, no trick with characters, no end."""

import pytest
from django.test import Client

from audit import trail
from audit.models import Entry
from portal.context import ANONYMOUS, RequestContext, entered

pytestmark = pytest.mark.django_db


def written(**texts):
    """The entry of an event in a request with these texts."""
    reason, label = texts.pop("reason", ""), texts.pop("target_label", "")
    with entered(RequestContext(actor=ANONYMOUS, **texts)):
        trail.record(action="looked", target_type="x", target_label=label, reason=reason)
    return Entry.objects.order_by("-id").first()


@pytest.mark.parametrize("name", ["path", "reason", "target_label", "method", "address"])
@pytest.mark.parametrize(
    "hostile",
    ["a\nb", "a\r\nb", "a\x1b[31mb", "a\u2028b", "a\u202eb", "a\x00b", "a\x85b", "a\u200bb"],
)
def test_a_text_is_one_line_that_shows_as_it_is(name, hostile):
    found = getattr(written(**{name: hostile}), name)
    assert found.startswith("a")
    assert found.endswith("b")
    assert found.isprintable()


def test_a_text_in_a_script_that_joins_its_letters_stays():
    for text in ("می\u200cخواهم", "👩\u200d💻", "Grüße, 東京"):
        assert written(reason=text).reason == text


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        (
            "/account/password/reset/key/1-c9abcd-0123456789abcdef0123456789abcdef/",
            "0123456789abcdef",
        ),
        ("/nowhere/account/password/reset/key/1-c9abcd-0123456789abcdef/", "0123456789abcdef"),
        ("/api/keys/gh_AbCdEfGhIjKl_" + "x1Y2z3" * 8 + "a/", "x1Y2z3"),
        ("/api/x/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefghijk/", "eyJzdWIiOiIxIn0"),
        ("/v1/models/sk-live-0123456789abcdef", "0123456789abcdef"),
    ],
)
def test_a_path_or_a_reason_holds_no_credential(path, gone):
    assert gone not in written(path=path).path
    assert gone not in written(reason=f"see {path}").reason
    assert gone not in written(target_label=path[:150]).target_label


def test_an_ordinary_path_stays_as_it_is():
    for path in (
        "/admin/accounts/user/12/change/",
        "/api/auth/token/refresh/",
        "/account/password/reset/key/done/",
    ):
        assert written(path=path).path == path


def test_what_is_too_long_is_cut_and_never_lost():
    found = written(path="/" + "x" * 100_000, reason="y" * 100_000, target_label="z" * 9000)
    assert (len(found.path), len(found.reason), len(found.target_label)) == (2000, 2000, 200)


def test_neither_query_nor_a_request_id_of_the_client_gets_in(cast):
    sent = {"email": "marco@example.com", "password": "wrong"}
    Client().post(
        "/api/auth/token/?token=canary-in-the-query", sent, "application/json",
        headers={"X-Request-ID": "canary-of-the-client\n{}", "X-Request-Id": "canary"},
    )  # fmt: skip
    found = Entry.objects.order_by("-id").first()
    assert found.action == "sign_in_failed"
    assert found.path == "/api/auth/token/"
    assert found.request_id.startswith("req_")


@pytest.mark.parametrize("typed", ["correct-horse-battery-9", "secret!9@x", "p@ss w0rd", "@@@"])
def test_a_password_in_the_field_of_the_address_is_not_kept(cast, typed):
    answer = Client().post(
        "/api/auth/token/", {"email": typed, "password": "x"}, "application/json"
    )
    assert answer.status_code == 401
    found = Entry.objects.order_by("-id").first()
    assert (found.action, found.changes) == ("sign_in_failed", {"email": [None, "••••"]})
