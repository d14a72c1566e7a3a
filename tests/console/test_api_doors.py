"""Every route of the interfaces × every kind of person. A route without its line here fails."""

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver

KINDS = ("admin", "auditor", "olivia", "adam", "marco", "vera", "rita", "sam")


def routes(patterns=None, prefix=""):
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(entry.pattern).lstrip("^").rstrip("$").replace("\\Z", "")
        if isinstance(entry, URLPattern):
            yield path
        else:
            yield from routes(entry.url_patterns, path)


# Lists: what GET answers to (admin, auditor, owner, team admin, member, viewer, restricted, another team's owner).
# What one may not see is not in the list, so most answer 200 to everybody; keys are not for restricted people.
OPEN = (200,) * 8
LISTS = {
    "api/providers/": OPEN,
    "api/models/": OPEN,
    "api/users/": OPEN,
    "api/users/me/": OPEN,
    "api/keys/": (200, 200, 200, 200, 200, 200, 403, 200),
    "api/teams/": OPEN,
    "api/memberships/": OPEN,
    "api/custom-roles/": OPEN,
    "api/groups/": OPEN,
    "api/group-mappings/": OPEN,
    "api/grants/": OPEN,
    "api/guards/": OPEN,
    "api/guard-events/": OPEN,
    "api/pending-changes/": OPEN,
    "api/settings/": (200, 200, 403, 403, 403, 403, 403, 403),
    "api/projects/": OPEN,
    "api/conversations/": OPEN,
    "api/usage/": OPEN,
    "api/audit-entries/": OPEN,
    "api/access-reviews/": (200, 200, 200, 200, 403, 403, 403, 200),
    "api/permissions/matrix": (200, 200, 200, 200, 403, 403, 403, 200),
    "api/permissions/matrix/": (200, 200, 200, 200, 403, 403, 403, 200),
}
# Details and deeds: walked by the tests of their rooms.
OTHERS = {"api/schema/", "api/docs/", "v1/chat/completions", "v1/models"}
OTHERS |= {"api/permissions/changes", "api/permissions/changes/"}
OTHERS |= {f"api/permissions/{deed}" for deed in ("explain", "explain/", "simulate", "simulate/")}
OTHERS |= {f"api/auth/{door}/" for door in ("token", "token/refresh", "logout", "fresh")}
# Whoever has no account yet in this program: what these answer is walked in tests/accounts/test_tokens_api.py.
FOR_STRANGERS = ("api/schema/", "api/docs/", "api/auth/token/", "api/auth/token/refresh/")


def client_of(cast, name):
    client = Client()
    client.force_login(getattr(cast, name))
    return client


def test_every_list_has_its_line():
    found = {path for path in routes() if path.startswith(("api/", "v1/"))}
    lists = {path for path in found if "<" not in path and "(" not in path}
    assert lists - OTHERS == set(LISTS)


@pytest.mark.parametrize("path", LISTS)
def test_a_list_answers_as_its_line_says(cast, path):
    for name, status in zip(KINDS, LISTS[path], strict=True):
        response = client_of(cast, name).get(f"/{path}")
        assert response.status_code == status, (name, path)
        text = response.content.decode()
        if name == "sam" and path not in ("api/models/",):
            assert "research" not in text, path
            assert "marco@example.com" not in text, path


def test_nothing_answers_strangers(db):
    for path in routes():
        if not path.startswith(("api/", "v1/")) or path in FOR_STRANGERS:
            continue
        url = "/" + path.split("<")[0].split("(")[0]
        for method in ("get", "post"):
            response = getattr(Client(), method)(url)
            assert response.status_code in (401, 404, 405), (method, url)


def test_the_documentation_is_a_page_for_everybody_with_an_account(cast):
    answer = Client().get("/api/docs/")
    assert (answer.status_code, answer["Location"]) == (302, "/account/login/?next=/api/docs/")
    for name in KINDS:
        assert client_of(cast, name).get("/api/docs/").status_code == 200, name


def test_members_restricted_people_and_auditors_write_nothing(cast):
    bodies = {
        "api/teams/": {"slug": "new", "name": "New"},
        "api/memberships/": {"team": "research", "user": "marco@example.com", "role": "owner"},
        "api/grants/": {"team": "research", "model": cast.model.pk},
        "api/providers/": {"slug": "x", "name": "X", "kind": "offline"},
        "api/models/": {"provider": "offline", "name": "x", "kind": "chat"},
        "api/guards/": {"slug": "x", "name": "X", "kind": "words", "team": "research"},
    }
    for name in ("auditor", "marco", "vera", "rita"):
        for path, body in bodies.items():
            response = client_of(cast, name).post(f"/{path}", body, "application/json")
            assert response.status_code in (403, 422), (name, path, response.status_code)
        response = client_of(cast, name).patch(
            "/api/projects/assistant/", {"name": "Mine"}, "application/json"
        )
        assert response.status_code == 403, name
    cast.assistant.refresh_from_db()
    assert cast.assistant.name == "Assistant"


def test_team_admins_write_in_their_team_only_and_not_what_limits_it(cast):
    olivia = client_of(cast, "olivia")
    patch = {"name": "Better", "rate_limit_per_minute": 30}
    assert olivia.patch("/api/projects/assistant/", patch, "application/json").status_code == 200
    for budget in ({"monthly_budget": "1000"},):
        response = olivia.patch("/api/projects/assistant/", budget, "application/json")
        assert response.status_code == 403
    assert olivia.patch("/api/projects/helpdesk/", patch, "application/json").status_code == 404
    assert olivia.post("/api/grants/", {"team": "research", "model": 1}).status_code == 403
    assert olivia.delete("/api/teams/support/").status_code == 404
    added = {"team": "support", "user": "olivia@example.com", "role": "owner"}
    assert olivia.post("/api/memberships/", added, "application/json").status_code == 422


def test_patch_merges_and_keeps_the_rest(cast):
    cast.assistant.system_prompt = "Be brief."
    cast.assistant.save()
    response = client_of(cast, "olivia").patch(
        "/api/projects/assistant/", {"log_content": False}, "application/json"
    )
    assert (response.json()["log_content"], response.json()["system_prompt"]) == (
        False,
        "Be brief.",
    )
    seen = client_of(cast, "marco").get("/api/projects/assistant/").json()
    assert "system_prompt" not in seen
