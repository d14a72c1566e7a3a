"""The forms of the account pages."""

from datetime import timedelta
from typing import Any

from allauth.account.forms import ResetPasswordForm
from django import forms
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.scopes import SCOPES

LIFETIMES = ((30, _("30 days")), (90, _("90 days")), (365, _("a year")), (0, _("no end")))


class ResetForm(ResetPasswordForm):
    """Finds people by their account's address alone; allauth would also take former ones."""

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].strip().lower()
        self.users = list(User.objects.filter(email=email, is_active=True))
        return email


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("name",)


class KeyForm(forms.Form):
    """A new key: what it is for, what it may, and until when."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("What the key is for."))
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=[(name, format_lazy("{} – {}", name, words)) for name, words in SCOPES.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: the key has all of your rights."),
    )
    days = forms.TypedChoiceField(
        label=_("Valid for"), choices=LIFETIMES, coerce=int, initial=90, empty_value=90
    )

    def expires_at(self) -> Any:
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=days) if days else None
