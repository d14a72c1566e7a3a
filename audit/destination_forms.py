"""The console's form of a destination. Stored secrets never reach the page; new ones are typed, or nothing changes."""

import ssl
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from audit.destination_fields import validate_private_key, validate_signing_secret
from audit.destinations import Destination
from audit.forwarding.tls import context_for
from portal.encryption import is_mask
from portal.keyring import Unreadable

OF_SYSLOG = (
    *("host", "port", "transport", "ca_certificate", "client_certificate", "new_client_key"),
    *("enterprise_number", "facility", "max_message_bytes"),
)
OF_WEBHOOK = ("url", "new_secret")
PEM = {"rows": 4, "spellcheck": "false", "autocomplete": "off", "class": "vLargeTextField code"}


class DestinationForm(forms.ModelForm):
    new_secret = forms.CharField(
        label=_("New secret"),
        required=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text=_(
            "Signs each request; the receiver knows it too. At least 32 characters made by chance, for example by "
            "“openssl rand -hex 32”. Leave empty to keep the stored one. A new URL needs it anew."
        ),
    )
    new_client_key = forms.CharField(
        label=_("New client key"),
        required=False,
        widget=forms.Textarea(attrs=PEM),
        validators=[validate_private_key],
        help_text=_(
            "The private key of the client certificate, PEM without a passphrase. Stored encrypted and not shown again. "
            "Leave empty to keep the stored one."
        ),
    )

    class Meta:
        model = Destination
        exclude = ["secret", "secret_last_four", "client_key"]
        widgets = {
            "ca_certificate": forms.Textarea(attrs=PEM),
            "client_certificate": forms.Textarea(attrs=PEM),
            # As wide as its numbers are long.
            "enterprise_number": forms.TextInput(
                attrs={"class": "vTextField", "inputmode": "numeric"}
            ),
            "actions": forms.TextInput(attrs={"class": "vTextField", "spellcheck": "false"}),
        }

    def clean_new_secret(self) -> str:
        value = self.cleaned_data["new_secret"].strip()
        if is_mask(value):
            return ""
        validate_signing_secret(value)
        return value

    def clean(self) -> dict[str, Any]:
        """Secrets go to the row first, so that the row's own check knows whether they are new."""
        cleaned = super().clean() or self.cleaned_data
        kind = cleaned.get("kind") or self.instance.kind
        if kind == Destination.Kind.WEBHOOK:
            self._take_secret(cleaned)
        elif kind == Destination.Kind.SYSLOG:
            self._take_client(cleaned)
        return cleaned

    def _take_secret(self, cleaned: dict[str, Any]) -> None:
        if new := cleaned.get("new_secret", ""):
            self.instance.set_secret(new)
        elif not self.instance.secret_last_four and "new_secret" not in self.errors:
            self.add_error("new_secret", _("A webhook needs a secret."))

    def _take_client(self, cleaned: dict[str, Any]) -> None:
        """Certificate and key belong together; a key without a certificate is none."""
        chain = cleaned.get("client_certificate", "").strip()
        new = cleaned.get("new_client_key", "").strip()
        if new:
            self.instance.client_key = new
        if not chain:
            self.instance.client_key = ""
            if new:
                self.add_error("client_certificate", _("A key needs its certificate."))
            return
        if "client_certificate" in self.errors or "new_client_key" in self.errors:
            return
        trial = Destination(client_certificate=chain)
        try:
            trial.client_key = self.instance.client_key
            context_for(trial)
        except Unreadable:
            words = _("The stored key cannot be read: its key is missing or wrong. Paste it anew.")
            self.add_error("new_client_key", words)
        except (ssl.SSLError, OSError):
            self.add_error("new_client_key", _("This is not the key of the certificate."))
