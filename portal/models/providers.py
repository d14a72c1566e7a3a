"""Providers: connections to model servers, with their secrets."""

from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.encryption import (
    MASK,
    EncryptedJSONField,
    EncryptedTextField,
    Sealed,
    SealedModel,
    is_mask,
    mask,
    new_uid,
    readable,
)
from portal.keyring import PLATFORM
from portal.recording import RecordedQuerySet
from portal.regions import is_allowed, validate_region
from portal.validators import validate_base_url, validate_extra_headers, validate_secret

SHORTEST_HINTED_SECRET = 12  # characters; of a shorter secret not even the end is shown

SECONDS = [MinValueValidator(0.05), MaxValueValidator(3600.0)]


class ProviderQuerySet(RecordedQuerySet):
    def without_secrets(self) -> Self:
        """For lists: the secret's column is neither fetched nor decrypted."""
        return self.defer("secret")

    def update(self, **values: Any) -> int:
        if "base_url" in values and "secret" not in values:
            raise ValueError("A new base URL needs the secret anew.")
        return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]


class Provider(SealedModel):
    """A connection to a model server. Its secret never goes to an address it was not entered for."""

    class Kind(models.TextChoices):
        OPENAI = "openai", _("OpenAI-compatible")
        OFFLINE = "offline", _("Offline (not a model)")

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    slug = models.SlugField(
        _("slug"), unique=True, help_text=_("Its name in the API and in the usage log.")
    )
    name = models.CharField(_("name"), max_length=100, help_text=_("As administrators read it."))
    kind = models.CharField(
        _("kind"),
        max_length=20,
        choices=Kind.choices,
        help_text=_("What the server speaks. Offline needs no server, and is not a model."),
    )
    base_url = models.CharField(
        _("base URL"),
        max_length=500,
        blank=True,
        validators=[validate_base_url],
        help_text=_("For example https://api.openai.com/v1"),
    )
    secret: Any = EncryptedTextField(
        _("secret"), blank=True, default="", validators=[validate_secret]
    )
    secret_last_four = models.CharField(max_length=4, blank=True, editable=False)
    region = models.CharField(
        _("region"),
        max_length=40,
        blank=True,
        default="",
        validators=[validate_region],
        help_text=_(
            "Where it computes, as a short code: eu, ch, us-east-1. Teams may be held to some. "
            "The offline provider answers within the portal, and so is everywhere."
        ),
    )
    connect_timeout_s = models.FloatField(
        _("connect timeout (s)"),
        default=5.0,
        validators=SECONDS,
        help_text=_("The longest wait for a connection."),
    )
    read_timeout_s = models.FloatField(
        _("read timeout (s)"),
        default=60.0,
        validators=SECONDS,
        help_text=_("The longest silence that is waited for."),
    )
    total_timeout_s = models.FloatField(
        _("total timeout (s)"),
        default=600.0,
        validators=SECONDS,
        help_text=_("The longest that one answer may take."),
    )
    extra_headers: Any = EncryptedJSONField(
        _("extra headers"),
        blank=True,
        default=dict,
        validators=[validate_extra_headers],
        help_text=_(
            "A JSON object of names and values. Stored encrypted; values are not shown again."
        ),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Off: no project reaches it.")
    )

    objects = ProviderQuerySet.as_manager()

    _stored_base_url = ""  # what the row says; the secret was entered for this address
    _secret_is_new = False
    _headers_are_kept = False

    class Meta:
        verbose_name = _("provider")
        verbose_name_plural = _("providers")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="offline") | ~Q(base_url=""), name="provider_has_an_address"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, **kwargs: Any) -> None:
        if self._would_leak_the_secret():
            raise ValueError("A new base URL needs the secret anew.")
        if not isinstance(self.__dict__.get("secret", Sealed(b"")), Sealed):
            self.secret_last_four = _hint(self.secret)
        super().save(**kwargs)
        self._stored_base_url = self.__dict__.get("base_url", self._stored_base_url)
        self._secret_is_new = self._headers_are_kept = False

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any) -> Self:
        loaded = super().from_db(db, field_names, values)
        loaded._stored_base_url = loaded.__dict__.get("base_url", "")
        return loaded

    def refresh_from_db(self, using: Any = None, fields: Any = None, **kwargs: Any) -> None:
        super().refresh_from_db(using, fields, **kwargs)
        if fields is None or "base_url" in fields:
            self._stored_base_url = self.base_url
            self._secret_is_new = self._headers_are_kept = False

    @property
    def encryption_owner(self) -> str:
        return PLATFORM

    def computes_in(self, allowed: str) -> bool:
        """Whether a list of regions lets it answer. What answers within the portal itself goes nowhere."""
        return self.kind == self.Kind.OFFLINE or is_allowed(self.region, allowed)

    @property
    def masked_headers(self) -> dict[str, str]:
        """The names, each with a mask; sending a mask back changes nothing."""
        return dict.fromkeys(self.extra_headers, MASK)

    def merged_headers(self, value: dict[str, str]) -> dict[str, str]:
        """These headers; where a value is the mask, the stored one. A mask of nothing is no header."""
        masked = [name for name, text in value.items() if is_mask(str(text))]
        stored = readable(self, "extra_headers", {}) if masked else {}
        kept = {name: stored[name] for name in masked if name in stored}
        self._headers_are_kept = bool(kept)
        return {name: text for name, text in value.items() if name not in masked} | kept

    @property
    def masked_secret(self) -> str:
        """`••••1234`, or empty where no secret is stored. Needs no decryption."""
        return mask(self.secret_last_four)

    def set_secret(self, value: str) -> None:
        """Takes a new secret; an empty value or the mask itself changes nothing."""
        value = value.strip()
        if not value or is_mask(value):
            return
        validate_secret(value)
        self.secret = value
        self.secret_last_four = _hint(value)
        self._secret_is_new = True

    def forget_secret(self) -> None:
        self.secret = self.secret_last_four = ""
        self._secret_is_new = True

    def clean(self) -> None:
        if self.kind != self.Kind.OFFLINE and not self.base_url:
            raise ValidationError({"base_url": _("This kind of provider needs a base URL.")})
        if self._would_leak_the_secret():
            words = _("A new base URL needs the secret and the values of headers anew.")
            raise ValidationError({"base_url": words})

    def _would_leak_the_secret(self) -> bool:
        """Whether what was entered for one address would go to another: the secret, or a header's value."""
        moved = "base_url" in self.__dict__ and self.base_url != self._stored_base_url
        if not self.pk or self._state.adding or not moved:
            return False
        untouched = isinstance(self.__dict__.get("extra_headers", Sealed(b"")), Sealed)
        headers = self._headers_are_kept or (untouched and readable(self, "extra_headers", True))
        return bool(headers or (self.secret_last_four and not self._secret_is_new))


def _hint(secret: str) -> str:
    if len(secret) >= SHORTEST_HINTED_SECRET:
        return secret[-4:]
    return "••••" if secret else ""
