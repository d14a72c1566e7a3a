"""The table of roles: every permission has its words, the console's page reads them aloud, the base keeps its part."""

import re
from itertools import pairwise

import pytest
from django.apps import apps
from django.test import Client

from teams.models import CustomRole, Membership
from teams.role_words import AREAS, words_of
from teams.roles import OF_THE_BASE, PERMISSIONS, RANKS, Rights

ALL = PERMISSIONS["owner"]
# Rights that are no model's: each is asked by name somewhere.
OF_NO_MODEL = {
    "portal.use_console",
    "teams.manage_owners",
    "teams.archive_team",
    "projects.view_access",
    "accounts.revoke_key",
}


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def test_every_permission_has_its_words_and_nothing_else_has():
    described = [name for area in AREAS for name in area.words]
    assert sorted(described) == sorted(ALL)
    words = [str(words_of(name)) for name in described]
    assert len(set(words)) == len(words)
    assert all(re.fullmatch(r"[A-Z][^_{}]{5,60}", text) for text in words)


def test_each_role_may_all_that_the_one_before_it_may():
    for weaker, stronger in pairwise(RANKS):
        assert Rights.of(stronger).cover(Rights.of(weaker))
        assert not Rights.of(weaker).cover(Rights.of(stronger))


def test_every_permission_is_of_a_model_that_there_is():
    for name in ALL - OF_NO_MODEL:
        app, _dot, deed = name.partition(".")
        verb, _line, model = deed.partition("_")
        assert verb in ("view", "add", "change", "delete"), name
        assert apps.get_model(app, model) is not None, name


def test_a_custom_role_gives_nothing_that_its_base_has_not():
    for base in ("viewer", "member", "admin"):
        rights = Rights.of(base, ALL | {"teams.delete_everything"})
        assert rights == Rights.of(base)
        assert Rights.of(base, []).permissions == OF_THE_BASE & PERMISSIONS[base]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("admin", 200),
        ("auditor", 200),
        ("olivia", 200),
        ("marco", 403),
        ("vera", 403),
        ("rita", 403),
    ],
)
def test_the_page_is_open_to_who_may_use_the_console(cast, name, status):
    client = browser(getattr(cast, name))
    assert client.get("/admin/roles/").status_code == status
    assert (b'href="/admin/roles/"' in client.get("/admin/").content) is (status == 200)


def test_the_page_says_yes_and_no_in_words_as_the_table_does(cast):
    page = browser(cast.adam).get("/admin/roles/").content.decode()
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', page)
    assert len(rows) == len(ALL)
    said = {label: re.findall(r"(yes|no)</span></td>", cells) for label, cells in rows}
    for name in ALL:
        answers = ["yes" if name in PERMISSIONS[role] else "no" for role in reversed(RANKS)]
        assert said[str(words_of(name)).replace("'", "&#x27;")] == answers, name
    for who in ("Restricted people", "Auditors", "Platform admins"):
        assert f"<dt>{who}</dt>" in page


def test_the_page_has_a_column_for_the_custom_roles_that_one_sees(cast):
    own = CustomRole.objects.create(
        team=cast.research, name="Helper", base="admin", permissions=["audit.view_entry"]
    )
    CustomRole.objects.create(team=cast.support, name="Clerk", base="member")
    page = browser(cast.adam).get("/admin/roles/").content.decode()
    assert "Helper" in page
    assert "Clerk" not in page
    row = re.search(rf"{words_of('audit.view_entry')}</th>(.*?)</tr>".replace("'", "&#x27;"), page)
    assert re.findall(r"(yes|no)</span></td>", row[1]) == ["yes", "yes", "no", "no", "yes"]
    assert own.name in browser(cast.admin).get("/admin/roles/").content.decode()


def test_the_page_costs_the_same_however_many_roles_there_are(cast, django_assert_max_num_queries):
    for number in range(40):
        CustomRole.objects.create(team=cast.research, name=f"r{number}", base="viewer")
    client = browser(cast.adam)
    client.get("/admin/")
    with django_assert_max_num_queries(12):
        page = client.get("/admin/roles/").content.decode()
    assert "28 custom roles are not shown here." in page


def test_roles_are_read_in_one_query_for_each_person(cast, django_assert_num_queries):
    own = CustomRole.objects.create(team=cast.research, name="Helper", base="admin")
    Membership.objects.filter(user=cast.adam).update(custom_role=own)
    Membership.objects.create(team=cast.support, user=cast.adam, role="viewer")
    adam = type(cast.adam).objects.get(pk=cast.adam.pk)
    with django_assert_num_queries(1):
        for name in ALL:
            adam.has_perm(name)
            adam.has_perm(name, cast.assistant)
            adam.has_perm(name, cast.helpdesk)
