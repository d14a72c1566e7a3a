"""The console's own ways to change something: forms, rows within forms, actions on lists, in one's own name or another's.

What its forms leave is in `doors.txt`; here every registered page, inline and action has its line, or fails.
"""

import pytest
from django.contrib import admin
from django.test import RequestFactory

from accounts.models import Key, User
from audit.models import Destination
from guards.models import Guard
from portal.models import Provider, Setting
from projects.models import Project
from teams.models import Grant, Team
from tests.accounts.codes import with_factor
from tests.audit.deeds import PREPARED
from tests.audit.test_doors import DEEDS, LEAVES, NOTHING, body_for
from tests.audit.walk import Deed, by
from tests.doors import table
from tests.doors.bodies import _as_shown, body_of
from tests.doors.house import RESEARCH
from tests.doors.test_every_route import address

pytestmark = pytest.mark.django_db
PAGES = {model._meta.label: page for model, page in admin.site._registry.items()}


def path_of(label):
    return f"/admin/{label.lower().replace('.', '/')}/"


@pytest.mark.parametrize("label", PAGES)
def test_forms_that_are_open_leave_their_rows_change(label):
    for verb, action in (("add", "create"), ("change", "update"), ("delete", "delete")):
        place = path_of(label).strip("/")
        route = f"{place}/add/" if verb == "add" else f"{place}/{{object_id}}/{verb}/"
        assert ("POST", route) in DEEDS
        left = LEAVES.get(f"POST {route}", NOTHING)
        assert left.startswith(NOTHING) or f"{action} {label}" in left.split("; ")


# Actions on lists: what is made ready, and what is left; `{}` where the row is good as it is.


def _idle_provider(walker):
    return Provider.objects.create(slug="idle", name="Idle", kind="offline")


def _switched_off(model):
    def prepare(walker):
        row = walker.house.row(model, RESEARCH)
        model.objects.filter(pk=row.pk).update(is_active=False)
        return row

    return prepare


def _paused(*, on):
    def prepare(walker):
        row = walker.house.row(Destination, RESEARCH)
        Destination.objects.filter(pk=row.pk).update(is_paused=on)
        return row

    return prepare


def _member_with_factor(walker):
    user = User.objects.get(pk=walker.house.cast.marco.pk)
    with_factor(user)
    return user


def _row(model):
    return lambda walker: walker.house.row(model, RESEARCH)


def _spare(walker):
    return walker.house.spare


def _deleting(label):
    return f"{label} delete_selected", (None, f"delete {label}")


Models = admin.site._registry
MODEL = next(model for model in Models if model._meta.label == "portal.Model")
ACTIONS = dict(
    map(
        _deleting,
        (
            *("portal.AddressRule", "teams.Branding", "teams.Grant", "guards.Guard"),
            *("guards.GuardAttachment", "projects.ProjectMember", "projects.ProjectGuard"),
            *("projects.KeyProject", "widget.Widget", "audit.Destination", "teams.LegalHold"),
        ),
    )
) | {
    "portal.Provider delete_selected": (_idle_provider, "delete portal.Provider"),
    "portal.Provider switch_off": (None, "update portal.Provider"),
    "portal.Provider switch_on": (_switched_off(Provider), "update portal.Provider"),
    "portal.Model delete_selected": (_spare, "delete portal.Model"),
    "portal.Model switch_off": (None, "update portal.Model"),
    "portal.Model switch_on": (_switched_off(MODEL), "update portal.Model"),
    "audit.Destination pause": (_paused(on=False), "update audit.Destination"),
    "audit.Destination resume": (_paused(on=True), "update audit.Destination"),
    "accounts.Key revoke": (_row(Key), "update accounts.Key"),
    "accounts.User deactivate": (_row(User), "update accounts.User"),
    "accounts.User end_sessions": (_row(User), "update accounts.User"),
    "accounts.User send_password_link": (_row(User), "password_link_sent"),
    "accounts.User reset_second_factor": (
        _member_with_factor,
        "delete accounts.RecoveryDevice; delete accounts.TotpDevice; second_factor_reset; "
        "update accounts.User",
    ),
    "projects.Project switch_off": (None, "update projects.Project"),
    "projects.Project switch_on": (_switched_off(Project), "update projects.Project"),
}


def offered(user):
    request = RequestFactory().get("/")
    request.user = user
    return {
        f"{label} {name}" for label, page in PAGES.items() for name in page.get_actions(request)
    }


def test_every_action_that_is_offered_has_its_line(walker):
    assert offered(walker.house.cast.admin) == set(ACTIONS)


def action_of(walker, name, person):
    label, action = name.split()
    prepare = ACTIONS[name][0]
    model = next(one for one in Models if one._meta.label == label)
    row = prepare(walker) if prepare else walker.house.row(model, RESEARCH)
    body = {"action": action, "_selected_action": [row.pk], "index": 0, "post": "yes"}
    return Deed(person, path_of(label), body)


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_leaves_what_its_line_says(walker, name):
    with walker.prepared():
        done = walker.do(action_of(walker, name, walker.people["admin"]))
    assert "; ".join(done.page.words()) == ACTIONS[name][1]
    assert by(done.page.entries) == {(walker.house.cast.admin.pk, None)}


# Rows within the form of another.

INLINES = {
    "portal.Provider portal.Model": (
        lambda walker: {"name": "newest", "kind": "chat"},
        lambda walker: {"label": "Newer"},
        lambda walker: walker.house.cast.model.provider,
        lambda walker: walker.house.spare,
    ),
    "teams.Team teams.Grant": (
        lambda walker: {"model": walker.house.spare.pk},
        None,  # what is granted to whom does not change
        lambda walker: walker.house.cast.research,
        lambda walker: walker.house.row(Grant, RESEARCH),
    ),
    "projects.Project projects.ProjectGuard": (
        lambda walker: {"guard": walker.house.row(Guard, RESEARCH).pk, "stage": "output"},
        lambda walker: {"mode": "warn"},
        lambda walker: walker.house.cast.assistant,
        lambda walker: walker.house.cast.assistant.guards.first(),
    ),
}


def test_every_inline_has_its_line():
    found = {
        f"{label} {one.model._meta.label}" for label, page in PAGES.items() for one in page.inlines
    }
    assert found == set(INLINES)
    assert not any(page.list_editable for page in PAGES.values())


def inline_deed(walker, name, way, person):
    """The parent's form as it is shown, with one row of the inline added, changed or marked to go."""
    parent, _child = name.split()
    new, newer, owner, row = (part(walker) if part else None for part in INLINES[name])
    path = f"{path_of(parent)}{owner.pk}/change/"
    page = walker.people["admin"].client.get(path)
    formset = page.context["inline_admin_formsets"][0].formset
    body, prefix = _as_shown(walker.house, path), formset.prefix
    forms = formset.initial_forms
    body |= {f"{prefix}-TOTAL_FORMS": len(forms), f"{prefix}-INITIAL_FORMS": len(forms)}
    for form in forms:
        shown = {form.add_prefix(field): form[field].value() for field in form.fields}
        body |= {field: value for field, value in shown.items() if value is not False}
        if way != "add" and form.instance.pk == row.pk:
            sent = {"DELETE": "on"} if way == "delete" else newer
            body |= {form.add_prefix(field): value for field, value in sent.items()}
    if way == "add":
        body |= {f"{prefix}-TOTAL_FORMS": len(forms) + 1}
        body |= {f"{prefix}-{len(forms)}-{field}": value for field, value in new.items()}
    return Deed(person, path, {key: value for key, value in body.items() if value is not None})


WAYS = [
    (name, way, action)
    for name in INLINES
    for way, action in (("add", "create"), ("change", "update"), ("delete", "delete"))
    if way != "change" or INLINES[name][1]
]


@pytest.mark.parametrize(("name", "way", "action"), WAYS)
def test_a_row_within_a_form_leaves_an_entry_of_its_own(walker, name, way, action):
    with walker.prepared():
        done = walker.do(inline_deed(walker, name, way, walker.people["admin"]))
    assert done.page.words() == [f"{action} {name.split()[1]}"], [
        e.changes for e in done.page.entries
    ]


def test_settings_are_changed_on_their_list(walker):
    path = path_of("portal.Setting")
    client = walker.people["admin"].client
    form = client.get(path).context["form"]
    body = {name: form[name].value() for name in form.fields}
    body |= {f"initial-{name}": value for name, value in body.items()}
    body = {name: value for name, value in body.items() if value is not False}
    with walker.prepared():
        done = walker.do(Deed(walker.people["admin"], path, body | {"key_rotation_days": 45}))
    assert done.page.words() == ["update portal.Setting"]
    assert done.page.entries[0].changes["value"] == [60, 45]
    assert Setting.objects.get().value == 60


# The same in somebody's name: a platform admin acts as the owner, and may write.

NOTED = "acted_while_impersonating"


def acted(walker, done):
    """Both people are on every entry. What is closed leaves one entry, and nothing else."""
    entries = done.page.entries
    assert by(entries) == {(walker.stand_in.pk, walker.house.cast.olivia.pk)}
    words = done.page.words()
    if done.answer.status_code >= 400:
        assert len([entry for entry in entries if entry.outcome != "done"]) == 1
        assert set(words) <= {NOTED, "refused_while_impersonating", "request_refused"}
        return None
    assert NOTED in words
    return "; ".join(word for word in words if word != NOTED)


OWNERS = [
    (method, route)
    for method, route in DEEDS
    if f"{method} {route}" not in PREPARED
    and route.startswith(("admin/", "api/", "playground/"))
    and (
        table.EXPECTED[route].get((method, RESEARCH)) or table.EXPECTED[route].get((method, ""), {})
    ).get("owner", 999)
    < 400
    and f"{method} {route}" in LEAVES
]


@pytest.mark.parametrize(("method", "route"), OWNERS)
def test_a_deed_in_anothers_name_leaves_the_same_with_both_people(walker, method, route):
    path = address(walker.house, route, RESEARCH)
    body = body_for(walker.house, route, body_of(walker.house, method, route, RESEARCH))
    with walker.prepared():
        deed = Deed(walker.acting(walker.house.cast.olivia), path, body, method)
        left = acted(walker, walker.do(deed))
    said = LEAVES[f"{method} {route}"]
    if left is not None:
        assert left == ("" if said.startswith(NOTHING) else said)


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_an_action_in_anothers_name_leaves_the_same_with_both_people(walker, name):
    if name not in offered(walker.house.cast.olivia):
        return
    with walker.prepared():
        deed = action_of(walker, name, walker.acting(walker.house.cast.olivia))
        left = acted(walker, walker.do(deed))
    assert left in (None, ACTIONS[name][1])


def test_a_row_within_a_form_in_anothers_name_has_both_people(walker):
    name = "projects.Project projects.ProjectGuard"
    with walker.prepared():
        acting = walker.acting(walker.house.cast.olivia)
        done = walker.do(inline_deed(walker, name, "add", acting))
        assert acted(walker, done) == "create projects.ProjectGuard"
    assert Team.objects.filter(slug="research").exists()
