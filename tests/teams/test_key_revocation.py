"""Who administers a team revokes the keys that open nothing outside of it, and no others."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Key
from audit.models import Entry
from teams.models import CustomRole, Membership


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def key_of(cast, user, **options):
    cast.key(user, **options)
    return Key.objects.latest("pk")


def by_api(user, key):
    status = browser(user).delete(f"/api/keys/{key.public_id}/").status_code
    key.refresh_from_db()
    return status, key.revoked_at is not None


def by_console(user, key):
    chosen = {"action": "revoke", "_selected_action": [key.pk]}
    browser(user).post(reverse("admin:accounts_key_changelist"), chosen)
    key.refresh_from_db()
    return key.revoked_at is not None


def in_both_teams(cast, role="member"):
    Membership.objects.create(team=cast.support, user=cast.marco, role=role)


def test_a_members_key_is_revoked_by_those_who_administer_their_only_team(cast):
    for name in ("adam", "olivia"):
        assert by_api(getattr(cast, name), key_of(cast, cast.marco)) == (204, True)
        assert by_console(getattr(cast, name), key_of(cast, cast.marco))


def test_what_was_revoked_is_refused_at_once_and_in_the_trail_of_who_did_it(cast):
    header = cast.bearer(cast.marco)
    key = Key.objects.latest("pk")
    assert Client().get("/v1/models", headers=header).status_code == 200
    by_api(cast.adam, key)
    assert Client().get("/v1/models", headers=header).status_code == 401
    entry = Entry.objects.filter(target_type="accounts.Key", target_id=key.pk).latest("id")
    assert (entry.actor_id, "revoked_at" in entry.changes) == (str(cast.adam.pk), True)


def test_a_key_that_opens_another_team_too_stays(cast):
    in_both_teams(cast)
    key = key_of(cast, cast.marco)
    assert by_api(cast.adam, key) == (403, False)
    assert not by_console(cast.adam, key)


def test_confined_to_projects_of_the_team_it_may_go_whatever_else_its_owner_is_in(cast):
    in_both_teams(cast)
    assert by_api(cast.adam, key_of(cast, cast.marco, projects=["drafts"])) == (204, True)
    both = key_of(cast, cast.marco, projects=["drafts", "helpdesk"])
    assert by_api(cast.adam, both) == (403, False)
    there = key_of(cast, cast.marco, projects=["helpdesk"])
    assert by_api(cast.adam, there) == (403, False)


def test_nobody_revokes_the_key_of_somebody_stronger(cast):
    assert by_api(cast.adam, key_of(cast, cast.olivia)) == (403, False)
    assert by_api(cast.olivia, key_of(cast, cast.adam)) == (204, True)
    Membership.objects.create(team=cast.research, user=cast.admin, role="member")
    assert by_api(cast.olivia, key_of(cast, cast.admin)) == (403, False)


@pytest.mark.parametrize("name", ["vera", "sam", "auditor"])
def test_others_revoke_nobodys(cast, name):
    status, revoked = by_api(getattr(cast, name), key_of(cast, cast.marco))
    assert (status in (403, 404), revoked) == (True, False)


def test_a_custom_role_without_it_revokes_nothing(cast):
    role = CustomRole.objects.create(
        team=cast.research, name="Looks", base="admin", permissions=["accounts.view_key"]
    )
    Membership.objects.filter(team=cast.research, user=cast.adam).update(custom_role=role)
    assert by_api(cast.adam, key_of(cast, cast.marco)) == (403, False)


def test_one_that_is_confined_to_what_is_deleted_is_nobodys_but_its_owners(cast):
    key = key_of(cast, cast.marco, projects=["drafts"])
    key.confinements.update(project=None)
    assert by_api(cast.adam, key) == (403, False)
    assert by_api(cast.marco, key) == (204, True)
