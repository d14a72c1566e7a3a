"""The model catalogue: what providers offer, and at what price."""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Self

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.models.providers import Provider
from portal.recording import RecordedQuerySet

MONEY_PLACES = Decimal("0.000001")
PER_MILLION = Decimal(1_000_000)

_visibilities: list[Callable[[Any], Q]] = []


def register_model_visibility(function: Callable[[Any], Q]) -> None:
    """`function(user) -> Q`: models that a person may see for reasons a higher room knows (grants)."""
    _visibilities.append(function)


class ModelQuerySet(RecordedQuerySet):
    def visible_to(self, user: Any) -> Self:
        """All for platform admins and auditors; for others what the registered rooms allow."""
        if not user.is_active or user.is_superuser or user.is_auditor or not _visibilities:
            return super().visible_to(user)
        allowed = Q(pk__in=[])
        for function in _visibilities:
            allowed |= function(user)
        return self.filter(allowed)

    def usable(self) -> Self:
        """Active models of active providers, with what a call needs in one query."""
        return self.filter(is_active=True, provider__is_active=True).select_related("provider")


class Model(models.Model):
    """One entry of the catalogue: a provider's model of one kind, with prices in USD per million tokens."""

    class Kind(models.TextChoices):
        CHAT = "chat", _("chat")
        EMBEDDING = "embedding", _("embedding")
        IMAGE = "image", _("image")
        SPEECH = "speech", _("speech")
        TRANSCRIPTION = "transcription", _("transcription")

    provider = models.ForeignKey(
        Provider,
        models.PROTECT,
        related_name="models",
        verbose_name=_("provider"),
        help_text=_("Whose model it is."),
    )
    name = models.CharField(
        _("name"), max_length=200, help_text=_("As the provider calls it, for example gpt-4o-mini.")
    )
    label = models.CharField(
        _("label"),
        max_length=100,
        blank=True,
        help_text=_("What people read in place of the name."),
    )
    kind = models.CharField(
        _("kind"),
        max_length=20,
        choices=Kind.choices,
        default=Kind.CHAT,
        help_text=_("What it does. Projects chat with chat models."),
    )
    input_price_per_million = models.DecimalField(
        _("input price"),
        max_digits=14,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("USD per million tokens; empty means unknown, not free."),
    )
    output_price_per_million = models.DecimalField(
        _("output price"),
        max_digits=14,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("USD per million tokens; empty means unknown, not free."),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Off: no project can use it.")
    )

    objects = ModelQuerySet.as_manager()

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "name"], name="model_once_a_provider"),
            models.CheckConstraint(
                condition=(
                    Q(input_price_per_million__isnull=True) | Q(input_price_per_million__gte=0)
                )
                & (Q(output_price_per_million__isnull=True) | Q(output_price_per_million__gte=0)),
                name="model_prices_are_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.label or self.name

    def price(self, prompt_tokens: int, completion_tokens: int) -> Decimal | None:
        """USD with 6 places; None when a price that matters is unknown. The offline provider is free."""
        if self.provider.kind == Provider.Kind.OFFLINE:
            return Decimal(0).quantize(MONEY_PLACES)
        total = Decimal(0)
        for tokens, per_million in (
            (prompt_tokens, self.input_price_per_million),
            (completion_tokens, self.output_price_per_million),
        ):
            if tokens and per_million is None:
                return None
            total += tokens * (per_million or Decimal(0)) / PER_MILLION
        return total.quantize(MONEY_PLACES, rounding=ROUND_HALF_UP)
