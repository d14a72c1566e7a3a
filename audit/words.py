"""The trail in words: what was done, to what kind of thing, by whom."""

from typing import Any

from django.apps import apps
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from audit.events import EVENTS

BAD = ("_failed", "refused", "blocked", "crashed")
WARNING = ("delete", "revoke", "deactivat", "remov", "destroy")


def action(name: str) -> str:
    """ "changed", "sign-in failed": a deed in words; names that are not known are read as they stand."""
    known = {
        "create": _("created"),
        "update": _("changed"),
        "delete": _("deleted"),
        "sign_in": _("signed in"),
        "sign_out": _("signed out"),
        "sign_in_failed": _("sign-in failed"),
        "sign_in_unusual": _("unusual sign-in"),
    }
    return known.get(name) or name.replace("_", " ")


def meaning(name: str) -> str:
    """What the deed is, in a sentence; empty for names that are not known."""
    return str(EVENTS.get(name, ""))


def kind(label: str) -> str:
    """ "teams.Team" as people call it; what is no model stays as it is."""
    try:
        return str(apps.get_model(label)._meta.verbose_name) if label.count(".") == 1 else label
    except LookupError:
        return label


def tone(entry: Any) -> str:
    """Failures and refusals stand out; what takes away warns."""
    if entry.outcome != "done" or entry.action.endswith(BAD) or entry.action.startswith(BAD):
        return "bad"
    return "warn" if entry.action.startswith(WARNING) else ""


def target(entry: Any) -> str:
    """ "team research": the kind and the name of what it was done to; the kind with its id where it has no name."""
    if not entry.target_type:
        return str(entry.target_label)
    what = kind(entry.target_type)
    name = getattr(entry, "known_as", "") or entry.target_label or entry.target_id
    plain = entry.target_type.rpartition(".")[
        2
    ].lower()  # rows without a name are called by it and their id
    return f"{what} {name.removeprefix(f'{plain} ')}".strip()


def sentence(entry: Any) -> str:
    """The heading of an entry's page."""
    return capfirst(f"{action(entry.action)}: {target(entry)}".removesuffix(": "))
