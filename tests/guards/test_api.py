"""`/api/guards/`, the check door, `/api/guard-events/` and the command, through the real doors."""

import json
import logging

import pytest
from django.core.management import CommandError, call_command

from audit.models import Entry
from guards.models import Guard, GuardEvent
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def _post(client, path: str, body, headers):
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


def _patch(client, path: str, body, headers):
    return client.patch(path, json.dumps(body), content_type="application/json", headers=headers)


@pytest.fixture
def ours(cast: Cast) -> Guard:
    return Guard.objects.create(
        slug="ours",
        name="Ours",
        kind="words",
        team=cast.research,
        options={"terms": ["atlas"], "patterns": ["PRJ-[0-9]+"]},
    )


def test_a_guard_is_read_with_all_its_fields(client, cast, ours):
    body = client.get("/api/guards/ours/", headers=cast.bearer(cast.olivia)).json()
    assert body == {
        "slug": "ours",
        "name": "Ours",
        "kind": "words",
        "options": {"terms": ["atlas"], "patterns": ["PRJ-[0-9]+"]},
        "mode": "block",
        "on_error": "block",
        "message": "A guard stopped this message.",
        "priority": 100,
        "timeout_ms": 1000,
        "team": "research",
        "is_active": True,
        "version": 1,
    }


@pytest.mark.parametrize(
    ("who", "status"),
    [("olivia", 200), ("adam", 200), ("auditor", 200), ("admin", 200), ("marco", 404)]
    + [("vera", 404), ("sam", 404)],
)
def test_who_reads_and_checks_a_guard_of_a_team(client, cast, ours, who, status):
    headers = cast.bearer(getattr(cast, who))
    assert client.get("/api/guards/ours/", headers=headers).status_code == status
    checked = _post(client, "/api/guards/ours/check/", {"text": "a", "stage": "input"}, headers)
    assert checked.status_code == status


def test_nobody_is_let_in_without_a_key(client, cast, ours):
    assert client.get("/api/guards/").status_code == 401
    body = {"text": "a", "stage": "input"}
    assert _post(client, "/api/guards/ours/check/", body, {}).status_code == 401


def test_a_team_admin_creates_guards_for_that_team_only(client, cast):
    headers = cast.bearer(cast.adam)
    body = {"slug": "new", "name": "New", "kind": "secrets", "team": "research"}
    assert _post(client, "/api/guards/", body, headers).status_code == 201
    for team, status in (("support", 422), (None, 403)):
        foreign = {**body, "slug": "other", "team": team}
        assert _post(client, "/api/guards/", foreign, headers).status_code == status
    assert not Guard.objects.filter(slug="other").exists()


def test_platform_guards_are_changed_by_platform_admins_only(client, cast):
    body, path = {"mode": "shadow"}, "/api/guards/secrets/"
    assert _patch(client, path, body, cast.bearer(cast.olivia)).status_code == 403
    assert _patch(client, path, body, cast.bearer(cast.auditor)).status_code == 403
    client.force_login(cast.admin)
    assert _patch(client, path, body, {}).json()["version"] == 2


def test_patching_one_option_leaves_the_others(client, cast, ours):
    body = {"options": {"terms": ["nimbus"]}}
    client.force_login(cast.olivia)
    answer = _patch(client, "/api/guards/ours/", body, {}).json()
    assert answer["options"] == {"terms": ["nimbus"], "patterns": ["PRJ-[0-9]+"]}
    assert answer["version"] == 2


@pytest.mark.parametrize(
    "body",
    [{"options": {"patterns": ["("]}}, {"options": {"x": 1}}, {"options": []}, {"mode": "off"}],
)
def test_what_a_kind_does_not_take_is_refused(client, cast, ours, body):
    answer = _patch(client, "/api/guards/ours/", body, cast.bearer(cast.olivia))
    assert answer.status_code == 422
    ours.refresh_from_db()
    assert ours.version == 1


def test_slug_kind_and_team_stay(client, cast, ours):
    body = {"slug": "moved", "kind": "secrets", "team": None}
    _patch(client, "/api/guards/ours/", body, cast.bearer(cast.admin))
    ours.refresh_from_db()
    assert (ours.slug, ours.kind, ours.team) == ("ours", "words", cast.research)


def test_a_guard_in_use_is_not_deleted(client, cast, ours):
    headers = cast.bearer(cast.admin)
    assert client.delete("/api/guards/secrets/", headers=headers).status_code == 409
    assert client.delete("/api/guards/ours/", headers=headers).status_code == 204


def test_keys_need_the_scopes(client, cast, ours):
    reader = cast.bearer(cast.olivia, scopes=["guards:read"])
    body = {"text": "a", "stage": "input"}
    assert client.get("/api/guards/ours/", headers=reader).status_code == 200
    assert _post(client, "/api/guards/ours/check/", body, reader).status_code == 200
    assert _patch(client, "/api/guards/ours/", {"mode": "warn"}, reader).status_code == 403
    chatter = cast.bearer(cast.olivia, scopes=["chat"])
    assert client.get("/api/guards/ours/", headers=chatter).status_code == 403
    assert _post(client, "/api/guards/ours/check/", body, chatter).status_code == 403


def test_a_key_strengthens_a_guard_and_does_not_weaken_it(client, cast, ours):
    """Weakening asks who one is, and a key is never fresh."""
    headers = cast.bearer(cast.olivia, scopes=["guards:read", "guards:write"])
    Guard.objects.filter(pk=ours.pk).update(mode="redact", on_error="allow")
    for body in ({"mode": "block"}, {"on_error": "block"}, {"name": "Ours, better"}):
        assert _patch(client, "/api/guards/ours/", body, headers).status_code == 200, body
    for body in (
        {"mode": "warn"},
        {"on_error": "allow"},
        {"is_active": False},
        {"options": {"terms": []}},
    ):
        answer = _patch(client, "/api/guards/ours/", body, headers)
        assert answer.status_code == 403, body
        assert answer.json()["error"]["code"] == "fresh_authentication_required"
    ours.refresh_from_db()
    assert (ours.mode, ours.on_error, ours.is_active) == ("block", "block", True)
    assert ours.options == {"terms": ["atlas"], "patterns": ["PRJ-[0-9]+"]}


@pytest.mark.parametrize(
    ("text", "mode", "action", "shown"),
    [
        ("project atlas", "block", "block", "A guard stopped this message."),
        ("project atlas", "redact", "redact", "project [REDACTED]"),
        ("project atlas", "warn", "warn", "project atlas"),
        ("project atlas", "shadow", "pass", "project atlas"),
        ("nothing", "block", "pass", "nothing"),
        ("", "block", "pass", ""),
        ("  two  spaces ", "block", "pass", "  two  spaces "),
    ],
)
def test_a_check_says_what_the_guard_would_do(client, cast, ours, text, mode, action, shown):
    ours.mode = mode
    ours.save()
    body = {"text": text, "stage": "output"}
    answer = _post(client, "/api/guards/ours/check/", body, cast.bearer(cast.olivia))
    assert answer.status_code == 200
    found = answer.json()
    assert set(found) == {"action", "text", "findings", "version"}
    assert (found["action"], found["text"], found["version"]) == (action, shown, ours.version)
    assert bool(found["findings"]) is ("atlas" in text)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": "a"},
        {"stage": "input"},
        {"text": "a", "stage": "both"},
        {"text": 1.5, "stage": ["input"]},
        {"text": ["a"], "stage": "input"},
        {"text": None, "stage": "input"},
        {"text": "é" * 16_385, "stage": "input"},
    ],
)
def test_a_check_of_bad_input_is_refused(client, cast, ours, body):
    answer = _post(client, "/api/guards/ours/check/", body, cast.bearer(cast.olivia))
    assert answer.status_code == 422


def test_a_check_leaves_no_trace_of_the_text(client, cast, ours, caplog):
    headers = cast.bearer(cast.olivia)
    entries = Entry.objects.count()
    caplog.set_level(logging.DEBUG)
    body = {"text": "project atlas and pangolins", "stage": "input"}
    _post(client, "/api/guards/ours/check/", body, headers)
    assert not GuardEvent.objects.exists()
    assert Entry.objects.count() == entries
    assert "pangolins" not in caplog.text


def test_a_guard_that_cannot_check_says_so(client, cast, ours):
    Guard.objects.filter(pk=ours.pk).update(options={"patterns": ["("]})
    body = {"text": "a", "stage": "input"}
    answer = _post(client, "/api/guards/ours/check/", body, cast.bearer(cast.olivia))
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "guard_unavailable"


def test_events_are_seen_by_those_who_administer_the_team(client, cast):
    for team in (cast.research, cast.support):
        GuardEvent.objects.create(
            guard_slug="secrets", guard_version=1, kind="secrets", stage="input", mode="block",
            action="block", team=team,
        )  # fmt: skip
    for who, count in (("olivia", 1), ("sam", 1), ("marco", 0), ("auditor", 2), ("admin", 2)):
        headers = cast.bearer(getattr(cast, who))
        found = client.get("/api/guard-events/", headers=headers).json()
        assert len(found["results"]) == count
    headers = cast.bearer(cast.admin)
    assert _post(client, "/api/guard-events/", {}, headers).status_code == 405


def test_evaluate_guard_writes_a_line_for_each_in_order(cast, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    texts = ["to jane@example.com", "nothing", "ação 415-555-2671\u2028", "half a \ud83d"]
    source.write_text("".join(json.dumps({"id": 1, "text": text}) + "\n" for text in texts))
    call_command("evaluate_guard", "personal-data", "--input", str(source), "--output", str(target))
    lines = [json.loads(line) for line in target.open(encoding="utf-8")]
    assert [line["text"] for line in lines] == [
        "to [EMAIL_REDACTED]",
        "nothing",
        "ação [PHONE_REDACTED]\u2028",
        "half a \ud83d",
    ]
    assert [line["action"] for line in lines] == ["redact", "pass", "redact", "pass"]
    assert lines[0]["findings"] == [
        {"kind": "personal_data", "category": "email", "severity": "medium", "start": 3, "end": 19}
    ]
    assert all(isinstance(line["microseconds"], int) for line in lines)
    assert set(lines[0]) == {"action", "findings", "text", "microseconds"}


@pytest.mark.parametrize(("slug", "line"), [("none", "{}"), ("words", "{}"), ("words", "x")])
def test_evaluate_guard_says_what_is_wrong(cast, tmp_path, slug, line):
    source = tmp_path / "in.jsonl"
    source.write_text(line + "\n")
    with pytest.raises(CommandError):
        call_command(
            "evaluate_guard", slug, "--input", str(source), "--output", str(tmp_path / "o")
        )


def test_evaluate_guard_goes_on_where_the_guard_fails(cast, tmp_path, capsys):
    Guard.objects.filter(slug="words").update(options={"patterns": ["("]})
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "a"}\n' * 2)
    call_command("evaluate_guard", "words", "--input", str(source), "--output", str(target))
    assert [json.loads(line)["action"] for line in target.open()] == ["block", "block"]
    assert "failed on 2 texts" in capsys.readouterr().err
