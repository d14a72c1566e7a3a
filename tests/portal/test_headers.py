"""The headers of every answer, and the reports that browsers send."""

import json

import pytest
from django.core import mail
from django.test import Client

from portal import csp_reports
from portal.models import CspReport
from portal.tasks import clear_csp_reports

pytestmark = pytest.mark.django_db
EVERYWHERE = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@pytest.mark.parametrize(
    ("path", "person"),
    [
        ("/", "marco"),
        ("/account/login/", None),
        ("/nowhere/", None),
        ("/admin/", "admin"),
        ("/admin/", "marco"),
        ("/api/projects/", "marco"),
        ("/api/projects/", None),
        ("/v1/models", None),
        ("/v1/chat/completions", None),  # a method that is refused
        (f"/api/projects/?q={'x' * 9000}", None),  # refused before anything else
        ("/healthz", None),
        ("/?q=%ff", None),
        ("/static/css/tokens.css", None),
    ],
)
def test_every_answer_has_them(cast, path, person):
    client = Client()
    if person:
        client.force_login(getattr(cast, person))
    response = client.get(path)
    found = {name: response.headers.get(name) for name in EVERYWHERE}
    assert found == EVERYWHERE
    assert response.headers["X-Request-ID"].startswith("req_")
    assert "camera=()" in response.headers["Permissions-Policy"]
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    if response.headers["Content-Type"].startswith("application/json"):
        assert policy == "default-src 'none'; frame-ancestors 'none'"
    else:
        assert "default-src 'self'" in policy
        assert "report-uri /csp-report/" in policy


def test_the_widgets_script_is_for_other_sites(db):
    response = Client().get("/widget/loader.js")
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def send(said, **extra):
    body = json.dumps({"csp-report": said}) if isinstance(said, dict) else said
    return Client(**extra).post("/csp-report/", body, "application/csp-report")


REPORT = {
    "document-uri": "https://portal.example.com/account/password/reset/key/1-abc/?next=secret",
    "effective-directive": "script-src-elem",
    "blocked-uri": "https://evil.example/x.js?token=secret",
}


def test_a_report_keeps_no_link_to_a_new_password(cast):
    Client().post("/account/password/reset/", {"email": "marco@example.com"})
    link = next(line for line in mail.outbox[-1].body.split() if "/reset/" in line)
    token = link.rstrip("/").rpartition("-")[2]
    for place in (link, link.replace("://", ":"), link.partition("example.com")[2]):
        assert send({**REPORT, "document-uri": place, "blocked-uri": link}).status_code == 204
    assert CspReport.objects.exists()
    assert token not in str(list(CspReport.objects.values()))
    assert CspReport.objects.filter(page__startswith="/account/password/reset/").exists()


def test_a_report_is_counted_without_query_strings(db):
    assert send(REPORT).status_code == 204
    assert send(REPORT).status_code == 204
    row = CspReport.objects.get()
    assert (row.directive, row.blocked, row.count) == (
        "script-src-elem",
        "https://evil.example",
        2,
    )
    assert row.page == "/account/password/reset/key/1-abc/"
    assert "secret" not in str(CspReport.objects.values().get())


@pytest.mark.parametrize(
    "body", ["", "x", "[]", "{}", '{"csp-report": 5}', '{"csp-report": []}', "[" * 3000]
)
def test_what_is_no_report_is_dropped(db, body):
    assert send(body).status_code == 204
    assert not CspReport.objects.exists()


def test_odd_values_break_nothing(db):
    odd = {"document-uri": 5, "blocked-uri": "http://[bad", "effective-directive": "x\x00y " * 99}
    assert send(odd).status_code == 204
    assert CspReport.objects.count() == 1


def test_reports_fill_no_table(db, monkeypatch):
    monkeypatch.setattr(csp_reports, "MAX_ROWS", 3)
    for number in range(6):
        send({**REPORT, "blocked-uri": f"https://e{number}.example"})
    assert CspReport.objects.count() == 3
    assert send("x" * 9000).status_code == 413
    for _ in range(40):
        assert send(REPORT, REMOTE_ADDR="203.0.113.9").status_code == 204
    row = CspReport.objects.filter(blocked="https://evil.example")
    assert not row.exists()


def test_one_address_is_counted_so_often_a_minute_and_no_more(db):
    for _ in range(csp_reports.PER_MINUTE + 10):
        assert send(REPORT).status_code == 204
    assert csp_reports.PER_MINUTE <= CspReport.objects.get().count <= csp_reports.PER_MINUTE + 2


def test_old_reports_go(db):
    from datetime import timedelta

    from django.utils import timezone

    send(REPORT)
    send({**REPORT, "blocked-uri": "inline"})
    CspReport.objects.filter(blocked="inline").update(last_at=timezone.now() - timedelta(days=31))
    assert clear_csp_reports() == 1
    assert CspReport.objects.get().blocked == "https://evil.example"


def test_the_console_shows_them_to_who_watches(cast):
    send(REPORT)
    for person, status in (("admin", 200), ("auditor", 200), ("olivia", 403)):
        client = Client()
        client.force_login(getattr(cast, person))
        page = client.get("/admin/portal/cspreport/")
        assert page.status_code == status, person
        assert (b"evil.example" in page.content) is (status == 200)


EVERYTHING = {*EVERYWHERE, "Content-Security-Policy", "Permissions-Policy", "X-Request-ID"}


@pytest.mark.parametrize(
    ("path", "extra", "status"),
    [
        ("/account/login/", {}, 301),  # the way to https
        ("/account/login/", {"HTTP_HOST": "evil.example"}, 400),
        ("/v1/models", {"HTTP_HOST": "evil.example"}, 400),
        ("/account/login/", {"HTTP_HOST": "evil.example", "secure": True}, 400),
        ("/v1/models", {"HTTP_HOST": "evil.example", "secure": True}, 400),
        ("/v1/models", {"secure": True}, 401),
        ("/account/keys/", {"secure": True, "method": "POST"}, 405),
        ("/static/nothing.css", {"secure": True}, 404),
        ("/v1/" + "a" * 3000, {"secure": True}, 413),
    ],
)
def test_so_has_what_is_refused_before_anything_else(settings, cast, path, extra, status):
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 365 * 86400
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True
    client = Client(raise_request_exception=False)
    client.force_login(cast.marco)
    method = extra.pop("method", "GET")
    answer = client.generic(method, path, **extra)
    assert answer.status_code == status
    assert EVERYTHING - set(answer.headers) == set()
    if extra.get("secure"):
        wanted = "max-age=31536000; includeSubDomains; preload"
        assert answer.headers["Strict-Transport-Security"] == wanted
    else:
        assert "Strict-Transport-Security" not in answer.headers
    if path.startswith("/v1/") and status != 301:
        assert answer.headers["Content-Type"] == "application/json"
