"""What can be set for the whole platform: one definition a setting, and `value(name)`, which everybody reads.

A variable of the environment that is set wins, and the page says so; then comes what is stored, then the default. What
is stored is believed for 2 seconds in a process, and dropped when it changes here.
"""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.utils.translation import gettext_lazy as _

from portal.remembered import Remembered

# Seconds; what hangs on it is believed for 3 more, and the promise is 5 s across processes.
LIFETIME = 2.0
MODEL = "portal.Setting"

GROUPS: dict[str, Any] = {
    "sign-in": _("Signing in"),
    "programs": _("Keys and programs"),
    "changes": _("Who agrees to changes"),
    "retention": _("How long things are kept"),
}


@dataclass(frozen=True, slots=True)
class Definition:
    """One setting. `variable` fixes it where the environment sets it; `fixed` is where Django's settings keep that.

    A number has bounds. `weaker` is the direction that takes something from the platform's watch, for the two-person
    rule: a switch that goes "off", a number that goes "down". `is_security` asks for fresh authentication.
    """

    group: str
    title: Any
    about: Any
    default: bool | int
    variable: str
    least: int = 0
    most: int = 0
    unit: Any = ""
    weaker: str = ""
    is_security: bool = False

    @property
    def fixed(self) -> str:
        return self.variable.removeprefix("PORTAL_")

    @property
    def is_switch(self) -> bool:
        return isinstance(self.default, bool)

    def is_weaker(self, before: Any, after: Any) -> bool:
        if self.weaker == "off":
            return bool(before) and not after
        return self.weaker == "down" and after < before


SETTINGS: dict[str, Definition] = {
    "second_factor_required": Definition(
        "sign-in",
        _("Second factor for everybody"),
        _(
            "Everybody signs in with a code of their app as well. Who has none is led through setting one up, "
            "administrators included; nobody is locked out."
        ),
        default=False,
        variable="PORTAL_SECOND_FACTOR_REQUIRED",
        is_security=True,
    ),
    "failed_sign_ins": Definition(
        "sign-in",
        _("Failed sign-ins"),
        _(
            "So many wrong passwords or codes within five minutes, for an account or from an address; then further "
            "tries have to wait."
        ),
        default=10,
        variable="PORTAL_FAILED_SIGN_INS",
        least=1,
        most=1000,
        unit=_("in five minutes"),
        is_security=True,
    ),
    "basic_auth": Definition(
        "programs",
        _("HTTP Basic"),
        _(
            "Programs may send e-mail and password with each request. Never for people with a second factor. "
            "Keys are safer."
        ),
        default=False,
        variable="PORTAL_BASIC_AUTH",
        is_security=True,
    ),
    "key_rotation_days": Definition(
        "programs",
        _("Age of a key's secret"),
        _("Older secrets are marked as due for a new one. They keep working."),
        default=90,
        variable="PORTAL_KEY_ROTATION_DAYS",
        least=1,
        most=3650,
        unit=_("days"),
    ),
    "two_person_rule": Definition(
        "changes",
        _("Two-person rule"),
        _(
            "What weakens a guard, turns logging off, shortens retention, raises a budget or opens a widget's origins "
            "waits until another administrator approves it. What strengthens goes through at once. Switching the rule "
            "off again waits in the same way."
        ),
        default=False,
        variable="PORTAL_TWO_PERSON_RULE",
        weaker="off",
        is_security=True,
    ),
    "content_hours": Definition(
        "retention",
        _("Logged content"),
        _("Question and answer in the usage log. A team may have its own."),
        default=24,
        variable="PORTAL_CONTENT_HOURS",
        least=1,
        most=24 * 366 * 10,
        unit=_("hours"),
        weaker="down",
        is_security=True,
    ),
    "conversation_days": Definition(
        "retention",
        _("Conversations"),
        _("After the last message in them. A team may have its own."),
        default=90,
        variable="PORTAL_CONVERSATION_DAYS",
        least=1,
        most=366 * 10,
        unit=_("days"),
        weaker="down",
        is_security=True,
    ),
    "usage_days": Definition(
        "retention",
        _("Usage details"),
        _(
            "Lines of the usage log. Then they are added up by day, and go: what was spent stays spent. "
            "A team may have its own."
        ),
        default=400,
        variable="PORTAL_USAGE_DAYS",
        least=31,
        most=366 * 10,
        unit=_("days"),
        weaker="down",
        is_security=True,
    ),
    "event_days": Definition(
        "retention",
        _("Guard events"),
        _("What guards found, without any text. A team may have its own."),
        default=400,
        variable="PORTAL_EVENT_DAYS",
        least=31,
        most=366 * 10,
        unit=_("days"),
        weaker="down",
        is_security=True,
    ),
    "audit_days": Definition(
        "retention",
        _("Audit trail"),
        _(
            "Whole checkpoints of the trail, once all of their entries are older; archived before, where an archive "
            "is set up. The same for all teams."
        ),
        default=366 * 7,
        variable="PORTAL_AUDIT_DAYS",
        least=31,
        most=366 * 30,
        unit=_("days"),
        weaker="down",
        is_security=True,
    ),
}


def _all_stored() -> dict[str, Any]:
    return dict(apps.get_model(MODEL).objects.values_list("name", "value"))


stored = Remembered(MODEL, _all_stored, lifetime=LIFETIME)


def value(name: str) -> Any:
    """What holds now: of the environment, of the console, or the default."""
    fixed = fixed_value(name)
    if fixed is not None:
        return fixed
    definition = SETTINGS[name]
    found = stored().get(name, definition.default)
    return found if type(found) is type(definition.default) else definition.default


def fixed_value(name: str) -> Any:
    """What the environment says; None where it says nothing."""
    return getattr(settings, SETTINGS[name].fixed)


def require_possible() -> None:
    """Raises `ImproperlyConfigured` where the environment fixes what the console would refuse."""
    for name, definition in SETTINGS.items():
        fixed = fixed_value(name)
        if fixed is None or definition.is_switch:
            continue
        if not definition.least <= fixed <= definition.most:
            bounds = f"between {definition.least} and {definition.most}"
            raise ImproperlyConfigured(f"{definition.variable} has to be {bounds}.")


def source_of(name: str) -> str:
    """Where its value comes from: *environment*, *console* or *default*."""
    if fixed_value(name) is not None:
        return "environment"
    return "console" if name in stored() else "default"


def validated(name: str, given: Any) -> bool | int:
    """The value as it is stored; raises `ValidationError` for what this setting does not take."""
    definition = SETTINGS[name]
    if definition.is_switch:
        if not isinstance(given, bool):
            raise ValidationError({"value": _("Either true or false.")})
        return given
    if isinstance(given, bool) or not isinstance(given, int):
        raise ValidationError({"value": _("A whole number.")})
    if not definition.least <= given <= definition.most:
        words = _("Between %(least)d and %(most)d.")
        raise ValidationError(
            {"value": words % {"least": definition.least, "most": definition.most}}
        )
    return given
