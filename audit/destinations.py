"""Where the trail is forwarded to."""

from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.destination_fields import (
    may_be_private,
    validate_certificates,
    validate_host,
    validate_patterns,
    validate_private_key,
    validate_signing_secret,
    validate_url,
)
from audit.forwarding_rows import LARGEST_BATCH, Forwarding
from portal.encryption import EncryptedTextField, Sealed, SealedModel, mask, new_uid
from portal.keyring import PLATFORM
from portal.recording import RecordedQuerySet

__all__ = ["LARGEST_BATCH", "Destination", "Forwarding"]
EXAMPLE_NUMBER = 32473  # the private enterprise number that RFC 5612 keeps for documentation
LOG_AUDIT = 13  # the facility of RFC 5424
SMALLEST_MESSAGE, USUAL_MESSAGE, LARGEST_MESSAGE = 4096, 8192, 65536  # bytes


class DestinationQuerySet(RecordedQuerySet):
    def update(self, **values: Any) -> int:
        if "url" in values and "secret" not in values:
            raise ValueError("A new URL needs the secret anew.")
        return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]


class Destination(SealedModel):
    """One receiver of the trail. Its signing secret never serves an address that it was not entered for."""

    class Kind(models.TextChoices):
        SYSLOG = "syslog", _("syslog")
        WEBHOOK = "webhook", _("webhook")

    class Transport(models.TextChoices):
        TLS = "tls", _("TLS")
        TCP = "tcp", _("TCP without encryption")

    class Format(models.TextChoices):
        JSON = "json", _("JSON, as the trail has it")
        OCSF = "ocsf", _("OCSF, the schema of security events")

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    name = models.CharField(_("name"), max_length=100, help_text=_("As administrators read it."))
    kind = models.CharField(
        _("kind"),
        max_length=10,
        choices=Kind.choices,
        help_text=_("Syslog: RFC 5424 over a connection. Webhook: signed requests over HTTPS."),
    )
    is_paused = models.BooleanField(
        _("paused"),
        default=False,
        help_text=_("Nothing is sent meanwhile, and nothing is lost: it goes on where it stopped."),
    )
    format = models.CharField(
        _("format"),
        max_length=10,
        choices=Format.choices,
        default=Format.JSON,
        help_text=_("OCSF is what most SIEMs understand without a parser of their own."),
    )

    sends_entries = models.BooleanField(
        _("entries"), default=True, help_text=_("Those that are ticked below.")
    )
    sends_checkpoints = models.BooleanField(
        _("checkpoints"),
        default=True,
        help_text=_("The signed seals: with them the receiver can prove that nothing was changed."),
    )
    sends_done = models.BooleanField(
        _("entries of what was done"), default=True, help_text=_("Changes, sign-ins, exports.")
    )
    sends_refused = models.BooleanField(
        _("entries of what was refused"), default=True, help_text=_("Failed sign-ins, blocks.")
    )
    sends_failed = models.BooleanField(
        _("entries of what failed"), default=True, help_text=_("What broke in the portal.")
    )
    actions = models.CharField(
        _("only these actions"),
        max_length=1000,
        blank=True,
        default="",
        validators=[validate_patterns],
        help_text=_(
            "Names separated by commas, a * for any ending: sign_in*, update, *_exported. Empty means all."
        ),
    )
    includes_personal = models.BooleanField(
        _("personal values"),
        default=False,
        help_text=_(
            "Names, e-mail and network addresses as they are. Off: masked. What was sent to a receiver stays there when "
            "a person is erased here."
        ),
    )
    holds_retention = models.BooleanField(
        _("retention waits for it"),
        default=True,
        help_text=_(
            "Off: entries may be pruned here before they were forwarded, and are lost to it."
        ),
    )
    from_beginning = models.BooleanField(
        _("from the beginning of the trail"),
        default=False,
        help_text=_("Off: from now on. Cannot be changed later."),
    )

    host = models.CharField(
        _("host"),
        max_length=253,
        blank=True,
        default="",
        validators=[validate_host],
        help_text=_("A name or an address. Its certificate has to be for it."),
    )
    port = models.PositiveIntegerField(
        _("port"),
        default=6514,
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
        help_text=_("6514 is the one of syslog over TLS."),
    )
    transport = models.CharField(
        _("transport"),
        max_length=5,
        choices=Transport.choices,
        default=Transport.TLS,
        help_text=_(
            "Without encryption only to the networks of PORTAL_PRIVATE_NETWORKS: whoever listens there reads the trail."
        ),
    )
    client_certificate = models.TextField(
        _("client certificate"),
        blank=True,
        default="",
        validators=[validate_certificates],
        help_text=_("PEM, if the receiver asks for one, with its chain."),
    )
    client_key: Any = EncryptedTextField(
        _("client key"), blank=True, default="", validators=[validate_private_key]
    )
    enterprise_number = models.PositiveIntegerField(
        _("private enterprise number"),
        default=EXAMPLE_NUMBER,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Stands in the structured data as gatehouse@number. 32473 is the example of RFC 5612; an organisation with "
            "a number of its own writes that."
        ),
    )
    facility = models.PositiveSmallIntegerField(
        _("facility"),
        default=LOG_AUDIT,
        validators=[MaxValueValidator(23)],
        help_text=_("13 is “log audit”."),
    )
    max_message_bytes = models.PositiveIntegerField(
        _("longest message (bytes)"),
        default=USUAL_MESSAGE,
        validators=[MinValueValidator(SMALLEST_MESSAGE), MaxValueValidator(LARGEST_MESSAGE)],
        help_text=_(
            "Longer ones lose their longest values, and say which. Checkpoints are cut into numbered parts."
        ),
    )

    url = models.CharField(
        _("URL"),
        max_length=500,
        blank=True,
        default="",
        validators=[validate_url],
        help_text=_("https:// only. It is sent POST requests."),
    )
    secret: Any = EncryptedTextField(
        _("secret"), blank=True, default="", validators=[validate_signing_secret]
    )
    secret_last_four = models.CharField(max_length=4, blank=True, editable=False)

    ca_certificate = models.TextField(
        _("CA certificate"),
        blank=True,
        default="",
        validators=[validate_certificates],
        help_text=_(
            "PEM of your own authority. Empty: the public ones are trusted. Given: it alone."
        ),
    )

    objects = DestinationQuerySet.as_manager()

    trail_label = "name"
    _stored_url = ""  # what the row says; the secret was entered for this address
    _saved_secret: Any = None  # entered before, and saved with that

    class Meta:
        verbose_name = _("destination")
        verbose_name_plural = _("destinations")
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="syslog") & ~Q(host="")) | (Q(kind="webhook") & ~Q(url="")),
                name="destination_has_an_address",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any) -> Self:
        loaded = super().from_db(db, field_names, values)
        loaded._stored_url = loaded.__dict__.get("url", "")
        return loaded

    def refresh_from_db(self, using: Any = None, fields: Any = None, **kwargs: Any) -> None:
        super().refresh_from_db(using, fields, **kwargs)
        if fields is None or "url" in fields:
            self._stored_url = self.url

    def save(self, **kwargs: Any) -> None:
        if self._would_leak_the_secret():
            raise ValueError("A new URL needs the secret anew.")
        if not isinstance(self.__dict__.get("secret", Sealed(b"")), Sealed):
            self.secret_last_four = self.secret[-4:]
        super().save(**kwargs)
        self._stored_url = self.__dict__.get("url", self._stored_url)
        self._saved_secret = self.__dict__.get("secret")

    def clean(self) -> None:
        syslog = self.kind == self.Kind.SYSLOG
        if syslog and not self.host:
            raise ValidationError({"host": _("Syslog needs a host.")})
        if self.kind == self.Kind.WEBHOOK and not self.url:
            raise ValidationError({"url": _("A webhook needs a URL.")})
        if self._would_leak_the_secret():
            raise ValidationError({"url": _("A new URL needs the secret anew.")})
        if not self.sends_entries and not self.sends_checkpoints:
            raise ValidationError({"sends_entries": _("Entries, checkpoints, or both.")})
        if syslog and self.transport == self.Transport.TCP and not may_be_private(self.host):
            words = _("Without encryption only to the networks of PORTAL_PRIVATE_NETWORKS.")
            raise ValidationError({"transport": words})

    @property
    def encryption_owner(self) -> str:
        return PLATFORM

    @property
    def masked_secret(self) -> str:
        """`••••1234`, or empty where no secret is stored. Needs no decryption."""
        return mask(self.secret_last_four)

    @property
    def address(self) -> str:
        """Where it sends to, as administrators read it."""
        if self.kind == self.Kind.WEBHOOK:
            return self.url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def outcomes(self) -> frozenset[str]:
        """Of which outcomes it gets the entries."""
        chosen = {
            "done": self.sends_done,
            "refused": self.sends_refused,
            "failed": self.sends_failed,
        }
        return frozenset(name for name, is_sent in chosen.items() if is_sent)

    def set_secret(self, value: str) -> None:
        validate_signing_secret(value)
        self.secret, self.secret_last_four = value, value[-4:]
        self._saved_secret = None

    def _would_leak_the_secret(self) -> bool:
        """A stored secret, which nobody entered since, and another URL."""
        moved = "url" in self.__dict__ and self.url != self._stored_url
        held = self.__dict__.get("secret", Sealed(b""))
        is_stored = isinstance(held, Sealed) or held is self._saved_secret
        return bool(not self._state.adding and moved and self.secret_last_four and is_stored)
