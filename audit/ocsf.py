"""Entries as events of the Open Cybersecurity Schema Framework (https://schema.ocsf.io), version 1.3.0.

Signing in and out is *Authentication*, what changes an account *Account Change*, what creates, changes or deletes anything
else *Entity Management*, and every other deed *API Activity*. What OCSF has no attribute for stands in `unmapped`.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model

from audit import words
from audit.models import Entry

VERSION = "1.3.0"
IAM, APPLICATION = 3, 6
ACCOUNT_CHANGE, AUTHENTICATION, ENTITY_MANAGEMENT, API_ACTIVITY = 3001, 3002, 3004, 6003
OTHER = 99
NAMES = {
    ACCOUNT_CHANGE: "Account Change",
    AUTHENTICATION: "Authentication",
    ENTITY_MANAGEMENT: "Entity Management",
    API_ACTIVITY: "API Activity",
}
STATUS = {"done": (1, "Success"), "refused": (2, "Failure"), "failed": (2, "Failure")}
SEVERITY = {"done": (1, "Informational"), "refused": (2, "Low"), "failed": (3, "Medium")}
LOGON, LOGOFF = (1, "Logon"), (2, "Logoff")
AUTHENTICATIONS = {
    "sign_in": LOGON,
    "sign_in_failed": LOGON,
    "sign_in_unusual": LOGON,
    "second_factor_failed": LOGON,
    "sign_out": LOGOFF,
    "session_ended": LOGOFF,
    "tokens_ended": LOGOFF,
    "tokens_issued": LOGON,
}
CRUD = {"create": (1, "Create"), "update": (3, "Update"), "delete": (4, "Delete")}
ACCOUNT = {"create": (1, "Create"), "delete": (6, "Delete")}
ACCOUNT_DEEDS = {
    "password_link_sent": (4, "Password Reset"),
    "guessing_stopped": (9, "Lock"),
}
FACTORS = ("accounts.TotpDevice", "accounts.RecoveryDevice")
FACTOR = {"create": (10, "MFA Factor Enable"), "delete": (11, "MFA Factor Disable")}
_READING = ("exported", "read", "viewed")


@dataclass(frozen=True, slots=True)
class Shown:
    """What an export may say of an entry; empty texts where a reader gets no personal data."""

    actor: str
    on_behalf_of: str
    address: str
    changes: dict[str, Any]


def event(entry: Entry, shown: Shown, *, product_version: str) -> dict[str, Any]:
    """One event with all that its class requires."""
    class_uid, (activity, activity_name) = _class_of(entry)
    status, severity = STATUS[entry.outcome], SEVERITY[entry.outcome]
    found: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": class_uid // 1000,
        "class_uid": class_uid,
        "class_name": NAMES[class_uid],
        "type_uid": class_uid * 100 + activity,
        "type_name": f"{NAMES[class_uid]}: {activity_name}",
        "severity_id": severity[0],
        "severity": severity[1],
        "status_id": status[0],
        "status": status[1],
        "time": int(entry.created_at.timestamp() * 1000),
        "message": words.sentence(entry),
        "metadata": _metadata(entry, product_version),
        "actor": _actor(entry, shown),
        "src_endpoint": {"ip": shown.address} if shown.address else {"name": "unknown"},
        "unmapped": _unmapped(entry, shown),
    }
    if entry.status is not None:
        found["status_code"] = str(entry.status)
    if entry.method:
        found["http_request"] = {
            "http_method": entry.method,
            "url": {"path": entry.path},
            "uid": entry.request_id,
        }
    return found | _of_class(class_uid, entry, shown)


def _class_of(entry: Entry) -> tuple[int, tuple[int, str]]:
    action, of = entry.action, entry.target_type
    if action in AUTHENTICATIONS:
        return AUTHENTICATION, AUTHENTICATIONS[action]
    if action in ACCOUNT_DEEDS:
        return ACCOUNT_CHANGE, ACCOUNT_DEEDS[action]
    if of in FACTORS and action in FACTOR:
        return ACCOUNT_CHANGE, FACTOR[action]
    if of == get_user_model()._meta.label and action in CRUD:
        return ACCOUNT_CHANGE, ACCOUNT.get(action) or _account_update(entry)
    if action in CRUD:
        return ENTITY_MANAGEMENT, CRUD[action]
    if action.endswith(_READING):
        return API_ACTIVITY, (2, "Read")
    return API_ACTIVITY, (OTHER, words.action(action))


def _account_update(entry: Entry) -> tuple[int, str]:
    """By what changed; changes that the class has no activity for are *other*, with the field's name."""
    changes = entry.changes
    active = changes.get("is_active")
    if isinstance(active, list) and len(active) == 2:
        return (2, "Enable") if active[1] else (5, "Disable")
    if "password" in changes:
        return 3, "Password Change"
    return OTHER, "Update"


def _of_class(class_uid: int, entry: Entry, shown: Shown) -> dict[str, Any]:
    resource = {
        "uid": entry.target_id or entry.target_label or "none",
        "name": entry.target_label or entry.target_id or "none",
        "type": entry.target_type or "none",
    }
    if class_uid == AUTHENTICATION:
        return {
            "user": _subject(entry, shown),
            "service": {"name": "Gatehouse", "uid": "gatehouse"},
        }
    if class_uid == ACCOUNT_CHANGE:
        return {"user": _subject(entry, shown)}
    if class_uid == ENTITY_MANAGEMENT:
        managed = {"entity": resource}
        return managed | ({"comment": entry.reason} if entry.reason else {})  # type: ignore[dict-item]
    return {
        "api": {"operation": entry.action, "service": {"name": "Gatehouse", "uid": "gatehouse"}},
        "resources": [resource] if entry.target_type else [],
    }


def _metadata(entry: Entry, product_version: str) -> dict[str, Any]:
    found = {
        "version": VERSION,
        "product": {
            "name": "Gatehouse",
            "vendor_name": "Gatehouse",
            "version": product_version,
            "feature": {"name": "audit"},
        },
        "uid": str(entry.pk),
        "log_name": "audit",
        "event_code": entry.action,
    }
    return found | ({"correlation_uid": entry.request_id} if entry.request_id else {})


def _actor(entry: Entry, shown: Shown) -> dict[str, Any]:
    if entry.actor_user_id is None:
        return {"app_name": "gatehouse", "user": _nobody(entry.actor_kind)}
    user = _user(entry.actor_user_id, shown.actor)
    if entry.actor_kind == "key":
        user["credential_uid"] = entry.actor_id
    return {"user": user}


def _nobody(kind: str) -> dict[str, Any]:
    """Type 3 is the system, 0 is unknown."""
    return {"name": kind, "uid": kind, "type_id": 3 if kind == "system" else 0}


def _user(user_id: int | None, label: str) -> dict[str, Any]:
    found: dict[str, Any] = {"uid": str(user_id), "type_id": 1, "type": "User"}
    if "@" in label:
        found |= {"name": label, "email_addr": label}
    return found


def _subject(entry: Entry, shown: Shown) -> dict[str, Any]:
    """Whose account it is: the person whom it is about, else who acted."""
    if entry.subject_id is not None:
        is_actor = entry.subject_id == entry.actor_user_id
        return _user(entry.subject_id, shown.actor if is_actor else "")
    if entry.actor_user_id is not None:
        return _user(entry.actor_user_id, shown.actor)
    return _nobody("unknown")


def _unmapped(entry: Entry, shown: Shown) -> dict[str, Any]:
    said = {
        "outcome": entry.outcome,
        "actor_kind": entry.actor_kind,
        "on_behalf_of_id": entry.on_behalf_of_id,
        "on_behalf_of": shown.on_behalf_of,
        "target_type": entry.target_type,
        "target_id": entry.target_id,
        "target_label": entry.target_label,
        "team_id": entry.team_id,
        "reason": entry.reason,
        "changes": shown.changes,
    }
    return {name: value for name, value in said.items() if value not in (None, "", {})}
