"""Events of OCSF hold what the schema requires.

The requirements are those of https://schema.ocsf.io/1.3.0, read in github.com/ocsf/ocsf-schema: `events/base_event.json`
with its includes (occurrence, classification), `events/iam/account_change.json`, `authentication.json`,
`entity_management.json`, `events/application/api_activity.json`, and `objects/{metadata,product,user,actor,api,
managed_entity,network_endpoint}.json`.
"""

import json

import pytest

from audit.export import shown
from audit.models import Entry
from audit.ocsf import ACCOUNT_CHANGE, API_ACTIVITY, AUTHENTICATION, ENTITY_MANAGEMENT, event

BASE = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
REQUIRED = {
    ACCOUNT_CHANGE: BASE | {"user"},
    AUTHENTICATION: BASE | {"user"},
    ENTITY_MANAGEMENT: BASE | {"entity"},
    API_ACTIVITY: BASE | {"actor", "api", "src_endpoint"},
}
ACTIVITIES = {
    ACCOUNT_CHANGE: {*range(12), 99},
    AUTHENTICATION: {*range(6), 99},
    ENTITY_MANAGEMENT: {*range(5), 99},
    API_ACTIVITY: {*range(5), 99},
}
OBJECTS = {  # (required, at least one of)
    "metadata": ({"product", "version"}, set()),
    "user": (set(), {"account", "name", "uid"}),
    "actor": (
        set(),
        {"process", "user", "invoked_by", "session", "app_name", "app_uid"},
    ),
    "api": ({"operation"}, set()),
    "entity": (set(), {"name", "uid"}),
    "src_endpoint": (
        set(),
        {"ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid"},
    ),
}
DEEDS = [
    ("sign_in", "accounts.User", "done", {}, AUTHENTICATION, 1),
    ("sign_in_failed", "accounts.User", "refused", {}, AUTHENTICATION, 1),
    ("sign_out", "accounts.User", "done", {}, AUTHENTICATION, 2),
    ("create", "accounts.User", "done", {}, ACCOUNT_CHANGE, 1),
    ("update", "accounts.User", "done", {"is_active": [False, True]}, ACCOUNT_CHANGE, 2),
    ("update", "accounts.User", "done", {"password": ["••••", "••••"]}, ACCOUNT_CHANGE, 3),
    ("password_link_sent", "accounts.User", "done", {}, ACCOUNT_CHANGE, 4),
    ("update", "accounts.User", "done", {"is_active": [True, False]}, ACCOUNT_CHANGE, 5),
    ("delete", "accounts.User", "done", {}, ACCOUNT_CHANGE, 6),
    ("update", "accounts.User", "done", {"name": ["a", "b"]}, ACCOUNT_CHANGE, 99),
    ("create", "accounts.TotpDevice", "done", {}, ACCOUNT_CHANGE, 10),
    ("delete", "accounts.TotpDevice", "done", {}, ACCOUNT_CHANGE, 11),
    ("create", "projects.Project", "done", {}, ENTITY_MANAGEMENT, 1),
    ("update", "teams.Team", "refused", {}, ENTITY_MANAGEMENT, 3),
    ("delete", "accounts.Key", "failed", {}, ENTITY_MANAGEMENT, 4),
    ("access_exported", "accounts.User", "done", {}, API_ACTIVITY, 2),
    ("key_rotated", "accounts.Key", "done", {}, API_ACTIVITY, 99),
    ("refused", "", "refused", {}, API_ACTIVITY, 99),
]


def made(action, target_type, outcome, changes, **more):
    fields = {"actor_kind": "user", "actor_id": "7", "actor_user_id": 7, "actor_sealed": "zoe"}
    fields |= {"target_id": "5", "target_label": "five", "address": "203.0.113.9"}
    fields |= {"request_id": "req_1", "method": "POST", "path": "/x/", "pk": 12} | more
    return Entry(action=action, target_type=target_type, outcome=outcome, changes=changes, **fields)


def said(entry, *, personal=True):
    return json.loads(
        json.dumps(event(entry, shown(entry, personal=personal), product_version="1"))
    )


def check(found):
    """The required attributes, the arithmetic of the ids, and the constraints of the objects."""
    wanted = REQUIRED[found["class_uid"]]
    assert wanted <= set(found)
    assert found["category_uid"] == found["class_uid"] // 1000
    assert found["type_uid"] == found["class_uid"] * 100 + found["activity_id"]
    assert found["activity_id"] in ACTIVITIES[found["class_uid"]]
    assert found["severity_id"] in (*range(7), 99)
    assert found["status_id"] in (0, 1, 2, 99)
    assert found["time"] > 1_600_000_000_000
    if found["class_uid"] == AUTHENTICATION:
        assert {"service", "dst_endpoint"} & set(found)
    for name, (required, one_of) in OBJECTS.items():
        if name in found:
            assert required <= set(found[name]), name
            assert not one_of or one_of & set(found[name]), name
            assert all(value not in (None, "") for value in found[name].values()), name
    assert {"name"} <= set(found["metadata"]["product"])


@pytest.mark.parametrize("personal", [True, False])
@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: f"{deed[0]}-{deed[1]}-{deed[5]}")
def test_each_deed_is_a_whole_event_of_its_class(deed, personal):
    *entry, class_uid, activity = deed
    found = said(made(*entry), personal=personal)
    check(found)
    assert (found["class_uid"], found["activity_id"]) == (class_uid, activity)
    assert found["status_id"] == (1 if deed[2] == "done" else 2)


@pytest.mark.parametrize("kind", ["system", "anonymous", "widget"])
def test_what_nobody_did_has_an_actor_too(kind):
    nobody = {"actor_kind": kind, "actor_id": "", "actor_user_id": None, "actor_sealed": kind}
    for deed in DEEDS:
        found = said(made(*deed[:4], **nobody, address="", method="", target_id=""))
        check(found)
        assert found["actor"]["app_name"] == "gatehouse"


def test_of_a_key_the_owner_acts_with_its_credential():
    found = said(made("update", "teams.Team", "done", {}, actor_kind="key", actor_id="k" * 12))
    assert found["actor"]["user"]["uid"] == "7"
    assert found["actor"]["user"]["credential_uid"] == "k" * 12


def test_what_the_schema_has_no_place_for_is_kept_as_unmapped():
    entry = made("update", "teams.Team", "done", {"name": ["a", "b"]}, team_id=3, reason="why")
    found = said(entry)
    assert found["unmapped"]["changes"] == {"name": ["a", "b"]}
    assert found["comment"] == "why"
    assert found["metadata"]["uid"] == "12"
    assert found["metadata"]["correlation_uid"] == "req_1"
    assert found["src_endpoint"] == {"ip": "203.0.113.9"}


def test_without_personal_data_there_is_no_address_and_no_name():
    text = json.dumps(said(made("sign_in", "accounts.User", "done", {}), personal=False))
    assert "203.0.113.9" not in text
    assert "zoe" not in text
