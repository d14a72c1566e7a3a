"""Who loses a role or a team loses their sessions and tokens, whatever door it happens at; a promotion ends nothing."""

import pytest
from django.test import Client

from accounts.models import Session
from teams.actions import change_role, remove_member
from teams.models import Membership
from tests.accounts.test_sessions import signed_in
from tests.accounts.test_tokens_api import get_tokens, me, refreshed

RANKS = ("viewer", "member", "admin", "owner")


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def by_deed(cast, membership, role):
    if role is None:
        remove_member(by=cast.olivia, membership=membership)
    else:
        change_role(by=cast.olivia, membership=membership, role=role)


def by_api(cast, membership, role):
    path = f"/api/memberships/{membership.pk}/"
    client = browser(cast.olivia)
    if role is None:
        assert client.delete(path).status_code == 204
    else:
        assert client.patch(path, {"role": role}, "application/json").status_code == 200


def by_console(cast, membership, role):
    path = f"/admin/teams/membership/{membership.pk}/"
    client = browser(cast.olivia)
    if role is None:
        response = client.post(f"{path}delete/", {"post": "yes"})
    else:
        response = client.post(f"{path}change/", {"role": role})
    assert response.status_code == 302


@pytest.mark.parametrize("door", [by_deed, by_api, by_console])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("admin", "member"),
        ("admin", "viewer"),
        ("member", "viewer"),
        ("owner", "admin"),
        ("member", None),
        ("viewer", None),
    ],
)
def test_a_loss_ends_everything_at_once(cast, door, before, after):
    Membership.objects.filter(user=cast.adam).update(role=before)
    membership = Membership.objects.get(user=cast.adam)
    here, got = signed_in("adam@example.com"), get_tokens("adam@example.com")
    key = cast.bearer(cast.adam)
    assert here.get("/").status_code == me(got["access"]).status_code == 200
    door(cast, membership, after)
    assert here.get("/").status_code == 302
    assert me(got["access"]).status_code == refreshed(got["refresh"]).status_code == 401
    assert Client().get("/api/users/me/", headers=key).status_code == 200  # keys have their own end
    kept = Membership.objects.filter(user=cast.adam).values_list("role", flat=True)
    assert list(kept) == ([after] if after else [])


@pytest.mark.parametrize("door", [by_deed, by_api, by_console])
@pytest.mark.parametrize(
    ("before", "after"),
    [("viewer", "member"), ("member", "admin"), ("admin", "owner"), ("member", "member")],
)
def test_a_promotion_or_no_change_ends_nothing(cast, door, before, after):
    Membership.objects.filter(user=cast.adam).update(role=before)
    membership = Membership.objects.get(user=cast.adam)
    here, got = signed_in("adam@example.com"), get_tokens("adam@example.com")
    door(cast, membership, after)
    assert here.get("/").status_code == me(got["access"]).status_code == 200
    assert Session.objects.live().filter(user=cast.adam).count() == 1


def test_a_refused_change_ends_nothing(cast):
    got = get_tokens("olivia@example.com")
    membership = Membership.objects.get(user=cast.olivia)
    client = browser(cast.adam)
    path = f"/api/memberships/{membership.pk}/"
    assert client.patch(path, {"role": "viewer"}, "application/json").status_code == 403
    assert client.delete(path).status_code == 403
    assert me(got["access"]).status_code == 200
