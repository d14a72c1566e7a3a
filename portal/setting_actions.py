"""Changing what is set for the whole platform."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal import platform_settings
from portal.errors import Refusal
from portal.models import Setting
from portal.platform_settings import SETTINGS


@transaction.atomic
def change_setting(*, by: Any, name: str, value: bool | int | None) -> None:
    """Sets it, or with None goes back to the default. What is so already is not written.

    Raises `Refusal`: `not_found`, `permission_denied`, `conflict` where the environment fixes it, `validation_failed`.
    """
    if name not in SETTINGS:
        raise Refusal("not_found")
    if not by.has_perm("portal.change_setting"):
        raise Refusal("permission_denied")
    if platform_settings.fixed_value(name) is not None:
        words = _("%(variable)s fixes this in the environment, which wins.")
        raise Refusal("conflict", words % {"variable": SETTINGS[name].variable})
    row = Setting.objects.select_for_update().filter(name=name).first()
    if value is None:
        if row is not None:
            row.delete()
        return
    if row is not None and row.value == value:
        return
    row = row or Setting(name=name)
    row.value, row.changed_at = value, timezone.now()
    try:
        row.save()
    except ValidationError as error:
        raise Refusal("validation_failed", fields=error.message_dict) from None


def rows_after(changes: dict[str, bool | int | None]) -> list[tuple[Any, Any]]:
    """(row as stored, row as it would be) of each change, to ask whether it is sensitive."""
    stored = {row.name: row for row in Setting.objects.filter(name__in=changes)}
    return [
        (
            stored.get(name) or Setting(name=name, value=SETTINGS[name].default),
            Setting(name=name, value=SETTINGS[name].default if given is None else given),
        )
        for name, given in changes.items()
    ]
