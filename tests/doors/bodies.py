"""What is sent to each door, so that only rights can be the reason of a refusal."""

from collections.abc import Callable
from typing import Any

from django.forms import MultipleChoiceField
from django.test import Client

from accounts.models import Key, User
from guards.models import Guard
from projects.models import AccessReview, Project
from teams.models import Team
from tests.cast import PASSWORD
from tests.doors.house import House, _console_model

Body = Callable[[House, str], dict[str, Any]]


def _team(house: House, whose: str) -> Team:
    return house.row(Team, whose)


def _project(house: House, whose: str) -> Project:
    return house.row(Project, whose)


def _json(**fields: Any) -> Body:
    """The same whoever's row it is."""
    return lambda house, whose: fields


def _of_team(**fields: Any) -> Body:
    return lambda house, whose: {**fields, "team": _team(house, whose).slug}


def _nothing(house: House, whose: str) -> dict[str, Any]:
    return {}


def _member(house: House, whose: str) -> dict[str, Any]:
    """Into the second team: its owner sees them."""
    user = house.second_person[whose]
    return {"team": house.second_team[whose].slug, "user": user.email, "role": "viewer"}


def _new_project(house: House, whose: str) -> dict[str, Any]:
    return {
        "slug": "new",
        "name": "New",
        "team": _team(house, whose).slug,
        "model": house.cast.model.pk,
    }


def _new_grant(house: House, whose: str) -> dict[str, Any]:
    return {"team": _team(house, whose).slug, "model": house.spare.pk}


def _new_mapping(house: House, whose: str) -> dict[str, Any]:
    return {"group": house.spare_group.pk, "team": _team(house, whose).slug, "role": "viewer"}


def _change(house: House, whose: str) -> dict[str, Any]:
    change = {
        "op": "set_visibility",
        "project": _project(house, whose).slug,
        "visibility": "private",
    }
    return {"changes": [change]}


PROVIDER = {"slug": "new", "name": "New", "kind": "offline"}
GUARD = {"slug": "new", "name": "New", "kind": "words", "options": {"terms": ["x"]}}
ASKED = _json(message="say: hello")
NEW_PASSWORD = "another-horse-battery-7"

# By method and route; whose row it is decides also where only the body names it.
BODIES: dict[str, Body] = {
    "POST api/providers/": _json(**PROVIDER),
    "PUT api/providers/{slug}/": _json(**PROVIDER | {"slug": "offline"}),
    "PATCH api/providers/{slug}/": _json(name="New"),
    "POST api/models/": _json(provider="offline", name="new", kind="chat"),
    "PUT api/models/{pk}/": _json(provider="offline", name="new", kind="chat"),
    "PATCH api/models/{pk}/": _json(label="New"),
    "POST api/keys/": _json(name="new"),
    "POST api/auth/token/": _json(email="marco@example.com", password=PASSWORD),
    "POST api/auth/fresh/": _json(password=PASSWORD),
    "POST api/teams/": _json(slug="new", name="New"),
    "PUT api/teams/{slug}/": lambda house, whose: {"slug": _team(house, whose).slug, "name": "New"},
    "PATCH api/teams/{slug}/": _json(name="New"),
    "PUT api/teams/{slug}/branding/": _json(app_name="New"),
    "PATCH api/teams/{slug}/branding/": _json(app_name="New"),
    "POST api/memberships/": _member,
    "PATCH api/memberships/{pk}/": _json(role="viewer"),
    "POST api/grants/": _new_grant,
    "POST api/guards/": _of_team(**GUARD),
    "PUT api/guards/{slug}/": _json(name="New", options={"terms": ["x"]}),
    "PATCH api/guards/{slug}/": _json(name="New"),
    "POST api/guards/{slug}/check/": _json(text="hello", stage="input"),
    "POST api/projects/{slug}/chat/": ASKED,
    "POST api/projects/": _new_project,
    "PATCH api/projects/{slug}/": _json(name="New"),
    "POST api/custom-roles/": _of_team(name="New", base="viewer", permissions=[]),
    "PATCH api/custom-roles/{pk}/": _json(name="New"),
    "POST api/groups/": _json(name="new"),
    "PATCH api/groups/{pk}/": _json(name="new"),
    "POST api/group-mappings/": _new_mapping,
    "PATCH api/group-mappings/{pk}/": _json(role="viewer"),
    "PATCH api/settings/{name}/": _json(value=30),
    "POST api/access-reviews/": _of_team(due_on="2030-01-01"),
    "POST api/permissions/simulate": _change,
    "POST api/permissions/simulate/": _change,
    "POST admin/projects/accessreview/{pk}/attest/": lambda house, whose: {
        "one": house.row(AccessReview, whose).lines.first().pk
    },
    "POST admin/projects/accessreview/{pk}/lines/{line}/": _json(deed="attest", note="Right"),
    "POST admin/access/simulate/": lambda house, whose: {
        "do": "add",
        "op": "set_visibility",
        "project": _project(house, whose).slug,
        "visibility": "private",
    },
    "POST v1/chat/completions": lambda house, whose: {
        "model": _project(house, whose).slug,
        "messages": [{"role": "user", "content": "say: hello"}],
    },
    "POST widget/v1/session": lambda house, whose: {"key": house.widget.public_id},
    "POST widget/v1/chat": ASKED,
    "POST playground/{slug}/ask/": ASKED,
    "POST playground/{slug}/{uid}/rename/": _json(title="New"),
    "POST admin/accounts/user/{object_id}/impersonate/": _json(reason="Ticket 4711", minutes="15"),
    "POST admin/guards/guard/{object_id}/try/": _json(stage="input", text="hello"),
    "POST theme/": _json(theme="dark"),
    "POST account/": _json(name="New"),
    "POST account/keys/create/": _json(name="new", days="30"),
    "POST account/keys/{public_id}/rotate/": _json(overlap="24"),
    "POST account/confirm/": _json(password=PASSWORD, next="/"),
    "POST account/login/": _json(login="marco@example.com", password=PASSWORD),
    "POST account/password/change/": _json(
        oldpassword=PASSWORD, password1=NEW_PASSWORD, password2=NEW_PASSWORD
    ),
    "POST account/password/reset/": _json(email="marco@example.com"),
}
# What a new row of the console needs beside what its form brings; whose it is to be is said there too.
NEW: dict[str, Body] = {
    "portal.AddressRule": _json(place="console", verdict="block", network="203.0.113.9"),
    "portal.Provider": _json(**PROVIDER),
    "portal.Model": lambda house, whose: {
        "provider": house.cast.model.provider_id,
        "name": "new",
        "kind": "chat",
    },
    "audit.Destination": _json(name="New", kind="syslog", host="logs.example.com"),
    "accounts.User": _json(email="new@example.com"),
    "teams.Branding": lambda house, whose: {
        "team": house.second_team[whose].pk,
        "app_name": "New",
    },
    "teams.Membership": lambda house, whose: {
        "team": house.second_team[whose].pk,
        "user": house.second_person[whose].pk,
        "role": "viewer",
    },
    "teams.Team": _json(slug="new", name="New"),
    "teams.Grant": lambda house, whose: {"team": _team(house, whose).pk, "model": house.spare.pk},
    "guards.Guard": lambda house, whose: {
        **GUARD,
        "options": '{"terms": ["x"]}',
        "team": _team(house, whose).pk,
        "mode": "block",
        "message": "No.",
    },
    "guards.GuardAttachment": lambda house, whose: {
        "guard": house.row(Guard, whose).pk,
        "team": _team(house, whose).pk,
        "stage": "output",
    },
    "projects.Project": lambda house, whose: (
        _new_project(house, whose)
        | {"team": _team(house, whose).pk, "visibility": "private", "rate_limit_per_minute": 60}
    ),
    "projects.ProjectMember": lambda house, whose: {
        "project": house.second[whose].pk,
        "user": house.row(User, whose).pk,
    },
    "projects.ProjectGuard": lambda house, whose: {
        "project": _project(house, whose).pk,
        "guard": house.row(Guard, whose).pk,
        "stage": "output",
    },
    "projects.KeyProject": lambda house, whose: {
        "project": house.second[whose].pk,
        "key": house.row(Key, whose).pk,
    },
    "teams.CustomRole": lambda house, whose: {
        "team": _team(house, whose).pk,
        "name": "New",
        "base": "viewer",
    },
    "teams.Group": _json(name="new"),
    "teams.GroupMember": lambda house, whose: {
        "group": house.spare_group.pk,
        "user": house.row(User, whose).pk,
    },
    "teams.GroupMapping": lambda house, whose: {
        "group": house.spare_group.pk,
        "team": _team(house, whose).pk,
        "role": "viewer",
    },
    "projects.AccessReview": lambda house, whose: {
        "team": _team(house, whose).pk,
        "due_on": "2030-01-01",
    },
    "widget.Widget": lambda house, whose: {"name": "New", "project": _project(house, whose).pk},
}
# Addresses that need a question.
QUERIES: dict[str, Body] = {
    "admin/autocomplete/": _json(
        app_label="projects", model_name="projectmember", field_name="project"
    ),
    **dict.fromkeys(
        ("admin/access/explain/", "api/permissions/explain", "api/permissions/explain/"),
        lambda house, whose: {
            "user": house.row(User, whose).email,
            "project": _project(house, whose).slug,
        },
    ),
    **dict.fromkeys(
        ("admin/access/changes/", "api/permissions/changes", "api/permissions/changes/"),
        lambda house, whose: {"from": house.day, "to": house.day, "team": _team(house, whose).slug},
    ),
    **dict.fromkeys(
        (
            *("admin/access/", "admin/access/export/", "api/permissions/matrix"),
            *("api/permissions/matrix/", "permissions/matrix", "permissions/matrix/"),
        ),
        lambda house, whose: {"team": _team(house, whose).slug},
    ),
}


def body_of(house: House, method: str, route: str, whose: str) -> dict[str, Any]:
    made = BODIES.get(f"{method} {route}")
    if made is not None:
        return made(house, whose)
    words = route.split("/")
    if words[0] == "admin" and len(words) > 3:
        return _console_body(house, route, whose)
    return {}


def _console_body(house: House, route: str, whose: str) -> dict[str, Any]:
    _admin, app, name, *rest = route.split("/")
    model = _console_model(app, name)
    if model is None or "delete" in rest:
        return {"post": "yes", **_typed(house, model, whose)}
    if "change" in rest:
        return _as_shown(house, f"/admin/{app}/{name}/{house.row(model, whose).pk}/change/")
    if "add" in rest:
        fill = NEW.get(model._meta.label, _nothing)
        return _as_shown(house, f"/admin/{app}/{name}/add/") | fill(house, whose)
    return {}


def _typed(house: House, model: Any, whose: str) -> dict[str, Any]:
    """What is typed before something great is deleted."""
    return {"name": house.row(Team, whose).name} if model is Team else {}


def _as_shown(house: House, path: str) -> dict[str, Any]:
    """The form as the platform admin sees it, sent back as it is."""
    client = Client()
    client.force_login(house.cast.admin)
    page = client.get(path)
    if "adminform" not in (page.context or {}):
        return {}
    form = page.context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    for name, field in form.fields.items():
        if isinstance(field, MultipleChoiceField):  # a box that is not shown is not sent
            data[name] = [one for one in data[name] or () if field.valid_value(one)]
    for inline in page.context["inline_admin_formsets"]:
        prefix = inline.formset.prefix
        data |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    data = {name: "{}" if value == {} else value for name, value in data.items()}
    return {
        name: value
        for name, value in data.items()
        if value is not False and value not in (None, [])
    }
