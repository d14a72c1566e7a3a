"""The forms of the page of one's keys."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts.key_ties import ties
from accounts.scopes import SCOPES
from portal.address_lists import validate_networks

LIFETIMES = ((30, _("30 days")), (90, _("90 days")), (365, _("a year")), (0, _("no end")))
OVERLAPS = (
    (24, _("for 24 hours")),
    (0, _("not at all: it ends at once")),
    (1, _("for an hour")),
    (72, _("for 3 days")),
    (168, _("for 7 days")),
)


class KeyForm(forms.Form):
    """A new key: what it is for, what it may, from where, and until when."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("What the key is for."))
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=[
            (name, format_lazy("{} – {}", name, scope.words)) for name, scope in SCOPES.items()
        ],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: the key has all of your rights. It never makes keys."),
    )
    projects = forms.MultipleChoiceField(
        label=_("Projects"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: the key reaches all of your projects, later ones too."),
    )
    days = forms.TypedChoiceField(
        label=_("Valid for"), choices=LIFETIMES, coerce=int, initial=90, empty_value=90
    )
    allowed_addresses = forms.CharField(
        label=_("Allowed addresses"),
        max_length=1000,
        required=False,
        validators=[validate_networks],
        help_text=_(
            "Networks it may be used from, separated by commas: 203.0.113.0/24. Empty: all."
        ),
    )
    no_content_log = forms.BooleanField(
        label=_("Keep nothing of what is asked"),
        required=False,
        help_text=_("Questions and answers of this key are not kept, whatever the project says."),
    )

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = ties().choices(user)
        self.fields["projects"].choices = choices  # type: ignore[attr-defined]
        if not choices:
            del self.fields["projects"]

    def wanted(self) -> dict[str, Any]:
        """What `actions.create_key` takes."""
        names = ("name", "scopes", "allowed_addresses", "no_content_log")
        found = {name: self.cleaned_data[name] for name in names}
        return found | {
            "projects": self.cleaned_data.get("projects") or None,
            "expires_at": self._expires_at(),
        }

    def _expires_at(self) -> datetime | None:
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=days) if days else None


class RotationForm(forms.Form):
    """A new secret: how long the one before it goes on. `last_four` says which secret the page showed."""

    overlap = forms.TypedChoiceField(
        label=_("The secret of now still opens"), choices=OVERLAPS, coerce=int, initial=24
    )
    last_four = forms.CharField(max_length=4, required=False, widget=forms.HiddenInput)

    @property
    def span(self) -> timedelta:
        return timedelta(hours=self.cleaned_data["overlap"])
