"""The forms of the account pages."""

from typing import Any

from allauth.account.forms import (
    ChangePasswordForm,
    LoginForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
)
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User

LABELS = {
    "login": _("E-mail"),
    "email": _("E-mail"),
    "password": _("Password"),
    "oldpassword": _("Current password"),
    "password1": _("New password"),
    "password2": _("New password again"),
}


class PlainMixin:
    """allauth's forms in our words; no label stands inside its field, where the first letter would hide it."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = LABELS.get(name, field.label)


class SignInForm(PlainMixin, LoginForm):
    pass


class PasswordForm(PlainMixin, ChangePasswordForm):
    pass


class NewPasswordForm(PlainMixin, ResetPasswordKeyForm):
    pass


class ResetForm(PlainMixin, ResetPasswordForm):
    """Finds people by their account's address alone; allauth would also take former ones."""

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].strip().lower()
        self.users = list(User.objects.filter(email=email, is_active=True))
        return email


class CodeField(forms.CharField):
    """A code of an authenticator app, or a recovery code; spaces and dashes do not matter."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {
            "autocomplete": "one-time-code",
            "autocapitalize": "characters",
            "spellcheck": "false",
        }
        options: dict[str, Any] = {
            "label": _("Code"),
            "max_length": 40,
            "widget": forms.TextInput(attrs=attrs),
            "help_text": _(
                "The six digits that your app shows now, or one of your recovery codes."
            ),
        }
        super().__init__(**options | kwargs)


class CodeForm(forms.Form):
    """The second step of signing in."""

    code = CodeField()


class FirstCodeForm(forms.Form):
    """What shows that an app was set up as meant."""

    code = CodeField(help_text=_("The six digits that your app shows for Gatehouse now."))


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("name",)
