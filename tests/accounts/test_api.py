"""`/api/users/` and `/api/keys/`: who sees whom, and whose keys."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Key


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def emails(client, query=""):
    return {
        row["email"].split("@")[0] for row in client.get(f"/api/users/{query}").json()["results"]
    }


RESEARCH = {"olivia", "adam", "marco", "vera", "rita"}


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("admin", RESEARCH | {"sam", "admin", "auditor"}),
        ("auditor", RESEARCH | {"sam", "admin", "auditor"}),
        ("olivia", RESEARCH),
        ("adam", RESEARCH),
        ("marco", {"marco"}),
        ("vera", {"vera"}),
        ("rita", {"rita"}),
        ("sam", {"sam"}),
    ],
)
def test_one_sees_oneself_and_the_people_of_the_teams_one_administers(cast, name, seen):
    assert emails(browser(getattr(cast, name))) == seen


def test_users_are_read_only_filtered_and_without_secrets(cast):
    client = browser(cast.admin)
    assert emails(client, "?email=Marco@example.com") == {"marco"}
    assert emails(client, "?is_active=false") == set()
    row = client.get(f"/api/users/{cast.marco.pk}/").json()
    assert set(row) == {
        "id", "email", "name", "is_active", "is_admin", "is_auditor", "is_restricted",
        "date_joined", "last_login",
    }  # fmt: skip
    for method in (client.post, client.patch, client.delete):
        assert method(f"/api/users/{cast.marco.pk}/").status_code in (403, 405)
    assert browser(cast.sam).get(f"/api/users/{cast.marco.pk}/").status_code == 404


def test_strangers_get_the_contracts_401(db):
    for path in ("/api/users/", "/api/users/me/", "/api/keys/"):
        response = Client().get(path)
        assert response.status_code == 401
        error = response.json()["error"]
        assert error["code"] == "not_authenticated"
        assert error["request_id"] == response["X-Request-ID"]


def test_a_key_without_the_scope_reads_no_people_but_knows_itself(cast):
    headers = cast.bearer(cast.admin, scopes=["chat"])
    assert Client().get("/api/users/", headers=headers).status_code == 403
    assert Client().get("/api/users/me/", headers=headers).json()["email"] == "admin@example.com"


def test_the_lists_cost_the_same_however_long(cast, django_assert_max_num_queries):
    for user in (cast.olivia, cast.marco, cast.vera):
        for _ in range(5):
            cast.key(user)
    client = browser(cast.admin)
    with django_assert_max_num_queries(
        5
    ):  # one of them whether a second factor is owed, which is then believed
        client.get("/api/users/")
    with django_assert_max_num_queries(6):
        assert len(client.get("/api/keys/").json()["results"]) == 15


def test_keys_of_others_are_seen_by_those_who_see_them_and_revoked_by_those_who_may(cast):
    cast.key(cast.marco)
    path = f"/api/keys/{Key.objects.get().public_id}/"
    assert browser(cast.vera).get(path).status_code == 404
    assert browser(cast.sam).delete(path).status_code == 404
    assert browser(cast.olivia).get(path).status_code == 200
    assert browser(cast.auditor).get(path).status_code == 200
    assert browser(cast.auditor).delete(path).status_code == 403
    assert Key.objects.get().revoked_at is None
    assert browser(cast.admin).delete(path).status_code == 204
    shown = browser(cast.marco).get(path).json()
    assert shown["revoked_at"] is not None
    assert shown["key"].startswith("••••")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "x", "scopes": ["everything"]}, "scopes"),
        ({"name": "x", "scopes": "chat"}, "scopes"),
        ({"name": "x", "expires_at": "soon"}, "expires_at"),
        (
            {"name": "x", "expires_at": (timezone.now() - timedelta(days=1)).isoformat()},
            "expires_at",
        ),
    ],
)
def test_what_is_wrong_with_a_key_is_named(cast, body, field):
    response = browser(cast.marco).post("/api/keys/", body, "application/json")
    assert response.status_code == 422
    assert field in response.json()["error"]["fields"]
    assert not Key.objects.exists()


def test_an_owner_does_not_set_their_own_keys_quota(cast):
    made = browser(cast.marco).post(
        "/api/keys/", {"name": "x", "requests_per_second": 10_000}, "application/json"
    )
    assert made.json()["requests_per_second"] == 10
    assert "no-store" in made["Cache-Control"]


def test_a_key_of_somebody_restricted_later_is_dead(cast):
    headers = cast.bearer(cast.marco)
    assert Client().get("/api/users/me/", headers=headers).status_code == 200
    cast.marco.is_restricted = True
    cast.marco.save()
    assert Client().get("/api/users/me/", headers=headers).status_code == 401
