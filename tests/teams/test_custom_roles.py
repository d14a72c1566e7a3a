"""Custom roles: never stronger than who makes or gives them, live at every door, and kept while somebody has them."""

import pytest
from django.contrib import admin
from django.test import Client

from portal.errors import Refusal
from teams.actions import TooStrong, add_member, change_role
from teams.models import CustomRole, Group, GroupMapping, Membership
from teams.role_actions import (
    RoleInUse,
    change_custom_role,
    create_custom_role,
    delete_custom_role,
)
from teams.roles import ADMIN, OF_THE_BASE, PERMISSIONS
from tests.accounts.test_sessions import signed_in
from tests.accounts.test_tokens_api import get_tokens, me
from tests.console.test_doors import rows

KEPT = ADMIN - OF_THE_BASE
SMALL = {"portal.use_console", "teams.view_membership", "teams.change_membership"}
SMALL |= {"teams.add_membership", "teams.delete_membership", "projects.view_exchange"}
SMALL |= {"teams.view_customrole", "teams.add_customrole", "teams.change_customrole"}
SMALL |= {
    "teams.delete_customrole",
    "projects.add_project",
    "accounts.view_user",
    "teams.view_team",
}


def custom(team, kept, base="admin", name="Less"):
    return CustomRole.objects.create(team=team, name=name, base=base, permissions=sorted(kept))


def narrowed(cast, kept):
    """Adam, whose role keeps these of an admin's permissions; as the next request would read him."""
    role = custom(cast.research, kept)
    Membership.objects.filter(user=cast.adam).update(custom_role=role)
    return type(cast.adam).objects.get(pk=cast.adam.pk)


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def membership(user):
    return Membership.objects.get(user=user)


# Who makes and changes roles.


def test_nobody_makes_a_role_with_what_they_do_not_hold(cast):
    adam = narrowed(cast, SMALL)
    made = create_custom_role(
        by=adam, team=cast.research, name="Small", base="admin", permissions=SMALL
    )
    assert set(made.permissions) == SMALL
    with pytest.raises(TooStrong):
        create_custom_role(
            by=adam,
            team=cast.research,
            name="Big",
            base="admin",
            permissions=SMALL | {"audit.view_entry"},
        )
    with pytest.raises(TooStrong):
        change_custom_role(by=adam, role=made, permissions=SMALL | {"audit.view_entry"})
    with pytest.raises(TooStrong):  # of another team he is nobody
        create_custom_role(by=adam, team=cast.support, name="x", base="viewer", permissions=[])


def test_nobody_touches_a_role_that_may_more_than_they(cast):
    adam = narrowed(cast, SMALL)
    big = custom(cast.research, SMALL | {"audit.view_entry"}, name="Big")
    with pytest.raises(TooStrong):
        change_custom_role(by=adam, role=big, permissions=[])
    with pytest.raises(TooStrong):
        delete_custom_role(by=adam, role=big)
    change_custom_role(by=cast.olivia, role=big, permissions=[])
    delete_custom_role(by=adam, role=big)


@pytest.mark.parametrize("person", ["rita", "marco", "vera", "sam", "auditor"])
def test_who_does_not_administer_the_team_makes_none(cast, person):
    client = browser(getattr(cast, person))
    body = {"team": "research", "name": "x", "base": "viewer", "permissions": []}
    assert client.post("/api/custom-roles/", body, "application/json").status_code in (403, 422)
    assert not CustomRole.objects.exists()


def test_a_role_in_use_stays(cast):
    role = custom(cast.research, SMALL)
    Membership.objects.filter(user=cast.adam).update(custom_role=role)
    with pytest.raises(RoleInUse):
        delete_custom_role(by=cast.olivia, role=role)
    path = f"/api/custom-roles/{role.pk}/"
    assert browser(cast.olivia).delete(path).status_code == 409
    Membership.objects.filter(user=cast.adam).update(custom_role=None)
    group = Group.objects.create(name="Chemists")
    mapping = GroupMapping.objects.create(
        group=group, team=cast.research, role="admin", custom_role=role
    )
    assert browser(cast.olivia).delete(path).status_code == 409
    mapping.delete()
    assert browser(cast.olivia).delete(path).status_code == 204


def test_a_team_with_roles_in_use_can_be_deleted(cast):
    role = custom(cast.support, [], base="member")
    Membership.objects.create(team=cast.support, user=cast.marco, role="member", custom_role=role)
    cast.helpdesk.delete()
    cast.support.delete()
    assert not CustomRole.objects.exists()


@pytest.mark.parametrize(
    ("after", "stays"), [(SMALL, True), (SMALL - {"accounts.view_user"}, False)]
)
def test_what_is_taken_from_a_role_ends_its_holders_sessions(cast, after, stays):
    narrowed(cast, SMALL - {"projects.view_exchange"} if stays else SMALL)
    role = CustomRole.objects.get()
    here, token = signed_in("adam@example.com"), get_tokens("adam@example.com")["access"]
    other = signed_in("marco@example.com")
    change_custom_role(by=cast.olivia, role=role, permissions=after)
    assert (here.get("/").status_code == 200) is stays
    assert (me(token).status_code == 200) is stays
    assert other.get("/").status_code == 200


# Who gives them.


def test_nobody_gives_changes_or_takes_a_role_that_may_more_than_theirs(cast):
    adam = narrowed(cast, SMALL)
    client = browser(adam)
    big = custom(cast.research, SMALL | {"audit.view_entry"}, name="Big")
    marco = f"/api/memberships/{membership(cast.marco).pk}/"
    for body in ({"role": "admin"}, {"role": "owner"}, {"custom_role": "Big"}):
        assert client.patch(marco, body, "application/json").status_code == 403, body
    for role, own in (("admin", None), ("owner", None), ("admin", big)):
        with pytest.raises(TooStrong):
            add_member(by=adam, team=cast.research, user=cast.sam, role=role, custom_role=own)
    Membership.objects.filter(user=cast.vera).update(role="admin", custom_role=big)
    vera = f"/api/memberships/{membership(cast.vera).pk}/"
    for body in ({"role": "member"}, {"custom_role": "Less"}):
        assert client.patch(vera, body, "application/json").status_code == 403, body
    assert client.delete(vera).status_code == 403
    assert client.delete(f"/api/memberships/{membership(cast.olivia).pk}/").status_code == 403
    for person, role, status in (("marco", "Less", 200), ("marco", None, 403)):
        path = f"/api/memberships/{membership(getattr(cast, person)).pk}/"
        body = {"custom_role": role}
        assert client.patch(path, body, "application/json").status_code == status, body


def test_the_console_says_why_a_role_is_not_given(cast):
    client = browser(narrowed(cast, SMALL))
    path = f"/admin/teams/membership/{membership(cast.marco).pk}/change/"
    page = client.post(path, {"role": "admin", "custom_role": ""}).content.decode()
    assert "nobody gives or takes away what they do not hold" in page
    less = CustomRole.objects.get()
    assert (
        "It stands on admin"
        in client.post(path, {"role": "member", "custom_role": less.pk}).content.decode()
    )
    assert client.post(path, {"role": "admin", "custom_role": less.pk}).status_code == 302
    assert membership(cast.marco).custom_role == less


def test_an_admin_gives_and_takes_what_they_hold(cast):
    less = custom(cast.research, SMALL)
    nora = type(cast.marco).objects.create(email="nora@example.com")
    made = add_member(by=cast.adam, team=cast.research, user=nora, role="admin", custom_role=less)
    change_role(by=cast.adam, membership=made, role="admin")
    change_role(by=cast.adam, membership=made, role="viewer")


@pytest.mark.parametrize("door", ["api", "deed"])
def test_a_custom_role_in_place_of_the_whole_one_ends_sessions(cast, door):
    less = custom(cast.research, SMALL)
    here = signed_in("adam@example.com")
    row = membership(cast.adam)
    if door == "deed":
        change_role(by=cast.olivia, membership=row, role="admin", custom_role=less)
    else:
        path, body = f"/api/memberships/{row.pk}/", {"custom_role": less.pk}
        answer = browser(cast.olivia).patch(path, body, "application/json").json()
        assert (answer["role"], answer["custom_role"]) == ("admin", "Less")
    assert here.get("/").status_code == 302


def test_a_custom_role_of_another_team_does_not_exist(cast):
    theirs = custom(cast.support, [], name="Theirs")
    client = browser(cast.olivia)
    path = f"/api/memberships/{membership(cast.adam).pk}/"
    for named in ("Theirs", theirs.pk):
        answer = client.patch(path, {"custom_role": named}, "application/json")
        assert answer.status_code == 422
    with pytest.raises(Refusal):
        Membership.objects.create(
            team=cast.research, user=cast.sam, role="admin", custom_role=theirs
        )


def test_a_custom_role_goes_with_a_change_of_the_role_and_stays_without_one(cast):
    narrowed(cast, SMALL)
    client, path = browser(cast.olivia), f"/api/memberships/{membership(cast.adam).pk}/"
    stays = client.patch(path, {"role": "admin"}, "application/json").json()
    assert stays["custom_role"] == "Less"
    goes = client.patch(path, {"role": "member"}, "application/json").json()
    assert (goes["role"], goes["custom_role"]) == ("member", None)


# The doors of the role itself.


def test_the_api_makes_changes_and_deletes_roles(cast):
    client = browser(cast.adam)
    body = {
        "team": "research",
        "name": "Clerk",
        "base": "member",
        "permissions": ["projects.view_exchange"],
    }
    made = client.post("/api/custom-roles/", body, "application/json")
    assert made.status_code == 201, made.content
    path = f"/api/custom-roles/{made.json()['id']}/"
    assert client.post("/api/custom-roles/", body, "application/json").status_code == 409
    changed = client.patch(path, {"permissions": [], "name": "Scribe"}, "application/json")
    assert (changed.json()["name"], changed.json()["permissions"]) == ("Scribe", [])
    for wrong in (
        {"base": "admin"},
        {"permissions": ["audit.view_entry"]},
        {"permissions": ["x.y"]},
    ):
        assert client.patch(path, wrong, "application/json").status_code == 422, wrong
    assert browser(cast.sam).get(path).status_code == 404
    assert client.delete(path).status_code == 204


def test_the_console_offers_the_boxes_that_one_holds(cast):
    client = browser(narrowed(cast, SMALL))
    page = client.get("/admin/teams/customrole/add/").content.decode()
    for name in PERMISSIONS["owner"]:
        assert (f'value="{name}"' in page) is (name in SMALL), name
    form = {"team": cast.research.pk, "name": "Mine", "base": "admin"}
    boxes = {"keeps_0": ["projects.view_exchange"], "keeps_2": ["teams.view_membership"]}
    assert client.post("/admin/teams/customrole/add/", form | boxes).status_code == 302
    made = CustomRole.objects.get(name="Mine")
    assert made.permissions == ["projects.view_exchange", "teams.view_membership"]
    path = f"/admin/teams/customrole/{made.pk}/change/"
    page = client.get(path).content.decode()
    assert page.count("checked") == 2
    assert 'name="base"' not in page
    assert client.post(path, {"name": "Mine", "keeps_2": ["accounts.view_user"]}).status_code == 302
    made.refresh_from_db()
    assert made.permissions == ["accounts.view_user"]


def test_a_role_beyond_ones_own_is_looked_at_only(cast):
    client = browser(narrowed(cast, SMALL))
    big = custom(cast.research, KEPT, name="Big")
    path = f"/admin/teams/customrole/{big.pk}/"
    assert "the team&#x27;s audit trail" in client.get(f"{path}change/").content.decode()
    assert client.post(f"{path}change/", {"name": "x"}).status_code == 403
    assert client.post(f"{path}delete/", {"post": "yes"}).status_code == 403


def test_the_base_cannot_be_kept_out_and_a_box_of_another_base_is_a_mistake(cast):
    form = {
        "team": cast.research.pk,
        "name": "x",
        "base": "viewer",
        "keeps_2": ["accounts.view_user"],
    }
    page = browser(cast.adam).post("/admin/teams/customrole/add/", form)
    assert page.status_code == 200
    assert "The base has no such permission" in page.content.decode()


# Every permission at its doors.

VERBS = {"view": "get", "add": "post", "change": "patch", "delete": "delete"}
RESOURCES = {
    "accounts.user": "users",
    "accounts.key": "keys",
    "teams.membership": "memberships",
    "teams.customrole": "custom-roles",
    "teams.groupmapping": "group-mappings",
    "teams.grant": "grants",
    "guards.guard": "guards",
    "guards.guardevent": "guard-events",
    "projects.exchange": "usage",
    "audit.entry": "audit-entries",
}
PAGED = sorted(
    name
    for name in KEPT
    if name.partition(".")[2].partition("_")[0] in VERBS
    and any(
        model._meta.label_lower == _model
        for _model in [f"{name.partition('.')[0]}.{name.rpartition('_')[2]}"]
        for model in admin.site._registry
    )
)


def split(permission):
    """(verb, label of the model)."""
    app, _dot, deed = permission.partition(".")
    verb, _line, model = deed.partition("_")
    return verb, f"{app}.{model}"


def page_of(label):
    return next(page for page in admin.site._registry if page._meta.label_lower == label)


def knocks(client, permission, row):
    """The status of the console's page of this permission, by somebody for whom it is the only way in."""
    verb, label = split(permission)
    base = f"/admin/{label.replace('.', '/')}/"
    if verb == "add":
        return client.get(f"{base}add/").status_code
    if verb == "delete":
        return client.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code
    if verb == "change":
        return client.post(f"{base}{row.pk}/change/", {}).status_code
    return client.get(base).status_code


def test_each_permission_of_an_admin_has_a_page_or_a_door_of_its_own():
    others = {"portal.use_console", "projects.view_access", "projects.view_keyspend"}
    others |= {"accounts.revoke_key"}  # tests/teams/test_key_revocation.py
    waiting = {name for name in KEPT if "pendingchange" in name or "accessreview" in name}
    assert KEPT - others - set(PAGED) <= waiting
    assert len(PAGED) >= 45


@pytest.mark.parametrize("permission", PAGED)
def test_a_role_without_a_permission_is_refused_at_its_page(cast, permission):
    row = {model._meta.label_lower: row for model, row in rows(cast).items()}[split(permission)[1]]
    verb = split(permission)[0]
    # Whoever may change may look, so for looking both are taken away.
    taken = {permission} | ({permission.replace("view_", "change_")} if verb == "view" else set())
    client = browser(narrowed(cast, KEPT - taken))
    refused = knocks(client, permission, row)
    assert refused in (403, 404), permission
    CustomRole.objects.update(permissions=sorted(KEPT))
    browser_again = browser(type(cast.adam).objects.get(pk=cast.adam.pk))
    assert knocks(browser_again, permission, row) in (200, 302, 403), permission


@pytest.mark.parametrize("label", sorted(RESOURCES))
def test_a_role_that_does_not_view_them_sees_none_at_any_door(cast, label):
    """A list of the API, the console's list, its pages and its search: what a role lost is nowhere."""
    model = page_of(label)
    row = rows(cast)[model]
    if label == "guards.guard":
        row = model.objects.create(slug="own", kind="limits", team=cast.research)
    app, name = label.split(".")
    taken = {f"{app}.view_{name}", f"{app}.change_{name}"}
    client = browser(narrowed(cast, KEPT))
    path = f"/api/{RESOURCES[label]}/"

    def seen():
        answer = client.get(path)
        assert answer.status_code == 200
        mine = {"accounts.user": 1}.get(label, 0)  # oneself
        return len(answer.json()["results"]) > mine, model.objects.all().visible_to(
            type(cast.adam).objects.get(pk=cast.adam.pk)
        ).filter(pk=row.pk).exists()

    assert seen() == (True, True)
    CustomRole.objects.filter(name="Less").update(permissions=sorted(KEPT - taken))
    assert seen() == (False, False)
    # Nor where another team gives what this one took.
    Membership.objects.create(team=cast.support, user=cast.adam, role="admin")
    assert not seen()[1] or label in ("accounts.user", "accounts.key")
    assert client.get(f"/admin/{app}/{name}/").status_code == 200
    assert client.get(f"/admin/{app}/{name}/{row.pk}/change/").status_code in (403, 404)


def test_the_start_page_counts_nothing_that_one_may_not_view(cast):
    from projects.models import Exchange

    Exchange.objects.create(
        project=cast.assistant, team=cast.research, project_slug="assistant", door="api"
    )
    client = browser(narrowed(cast, KEPT))
    assert "Exchanges" in client.get("/admin/").content.decode()
    CustomRole.objects.update(permissions=sorted(KEPT - {"projects.view_exchange"}))
    assert 'class="card figure"' not in client.get("/admin/?team=research").content.decode()
    assert 'class="card figure"' not in client.get("/admin/").content.decode()


def test_what_guards_found_is_not_shown_on_an_exchange_to_who_may_not_see_it(cast):
    from guards.models import GuardEvent
    from projects.models import Exchange

    row = Exchange.objects.create(
        project=cast.assistant, team=cast.research, project_slug="assistant", door="api"
    )
    GuardEvent.objects.create(
        guard_slug="words", guard_version=1, exchange=row.uid, team=cast.research
    )
    client = browser(narrowed(cast, KEPT))
    path = f"/admin/projects/exchange/{row.pk}/change/"
    assert "/admin/guards/guardevent/" in client.get(path).content.decode()
    CustomRole.objects.update(permissions=sorted(KEPT - {"guards.view_guardevent"}))
    page = client.get(path).content.decode()
    assert "guardevent/" not in page


def test_the_prompt_is_read_by_who_may_change_the_project_at_both_doors(cast):
    cast.assistant.system_prompt = "Words of the house"
    cast.assistant.save()
    Membership.objects.create(team=cast.research, user=cast.sam, role="member")

    def reads(user):
        page = browser(user).get(f"/admin/projects/project/{cast.assistant.pk}/change/")
        assert page.status_code == 200
        shown = browser(user).get("/api/projects/assistant/").json()
        return "Words of the house" in page.content.decode(), "system_prompt" in shown

    assert reads(cast.adam) == reads(cast.admin) == (True, True)
    # Sam runs a team, and is a mere member of this one.
    assert reads(cast.sam) == reads(cast.auditor) == (False, False)
    assert reads(narrowed(cast, KEPT - {"projects.change_project"})) == (False, False)


def test_the_way_to_the_history_is_shown_where_the_role_reads_the_trail(cast):
    adam = narrowed(cast, KEPT - {"audit.view_entry"})
    Membership.objects.create(team=cast.support, user=adam, role="admin")
    client = browser(adam)
    for project, is_shown in ((cast.assistant, False), (cast.helpdesk, True)):
        page = client.get(f"/admin/projects/project/{project.pk}/change/").content.decode()
        assert ("/history/" in page) is is_shown


def test_a_role_without_the_console_does_not_get_in(cast):
    client = browser(narrowed(cast, KEPT - {"portal.use_console"}))
    for path in ("/admin/", "/admin/roles/", "/admin/teams/membership/"):
        assert client.get(path).status_code == 403, path


def test_in_an_archived_team_a_role_gives_nothing(cast):
    from teams.models import TeamArchive

    assert cast.adam.has_perm("audit.view_entry")
    TeamArchive.objects.create(team=cast.research)
    adam = type(cast.adam).objects.get(pk=cast.adam.pk)
    assert not any(adam.has_perm(name) for name in PERMISSIONS["owner"])
    assert browser(adam).get("/admin/").status_code == 403
