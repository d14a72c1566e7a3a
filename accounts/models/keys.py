"""API keys."""

import hmac
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import keys
from accounts.querysets import KeyQuerySet
from portal.address_lists import validate_networks
from portal.encryption import mask
from portal.platform_settings import value

SOON = timedelta(days=14)


class Key(models.Model):
    """An API key of a person. What is stored cannot be turned back into the key.

    After a rotation two secrets open it, until `previous_ends_at`; then the new one alone.
    """

    public_id = models.CharField(max_length=12, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="keys")
    name = models.CharField(_("name"), max_length=100, help_text=_("What the key is for."))
    digest = models.CharField(max_length=64, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    secret_made_at = models.DateTimeField(
        _("secret made"), default=timezone.now, editable=False, db_index=True
    )
    previous_digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    previous_ends_at = models.DateTimeField(_("previous secret ends"), null=True, editable=False)
    scopes = models.JSONField(
        _("scopes"), default=list, blank=True, help_text=_("Empty: all rights of the owner.")
    )
    expires_at = models.DateTimeField(
        _("expires"),
        null=True,
        blank=True,
        help_text=_("In UTC; from then on the key is refused. Empty: never."),
    )
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    requests_per_second = models.PositiveIntegerField(
        _("requests a second"),
        default=settings.LIMIT_KEY_PER_SECOND,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text=_("Twice as many may come at once; more are refused with 429."),
    )
    monthly_budget = models.DecimalField(
        _("monthly budget in USD"),
        max_digits=14,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Beside the budgets of the projects that it asks. Empty: no limit of its own."),
    )
    allowed_addresses = models.CharField(
        _("allowed addresses"),
        max_length=1000,
        blank=True,
        default="",
        validators=[validate_networks],
        help_text=_(
            "Networks it may be used from, separated by commas: 203.0.113.0/24. Empty: all."
        ),
    )
    no_content_log = models.BooleanField(
        _("no content log"),
        default=False,
        help_text=_("What is asked with this key is not kept, whatever the project says."),
    )
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    last_address = models.CharField(
        _("last used from"), max_length=45, blank=True, default="", editable=False
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = KeyQuerySet.as_manager()

    # Of the secret that was shown, on the rows that authentication found.
    shown_digest = ""

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(requests_per_second__gte=1), name="key_rate_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(monthly_budget__isnull=True) | models.Q(monthly_budget__gte=0),
                name="key_budget_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.masked})"

    @property
    def masked(self) -> str:
        return mask(self.last_four)

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and (
            self.expires_at is None or self.expires_at > timezone.now()
        )

    @property
    def is_old(self) -> bool:
        """Whether its secret should have been renewed by now."""
        return self.secret_made_at <= timezone.now() - timedelta(days=value("key_rotation_days"))

    @property
    def ends_soon(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now() + SOON

    @property
    def overlaps(self) -> bool:
        """Whether the secret before this one still opens it."""
        return self.previous_ends_at is not None and self.previous_ends_at > timezone.now()

    def is_opened_by(self, digest: str) -> bool:
        """Whether the secret with this digest opens the key now. In constant time, the same for both secrets."""
        of_now = hmac.compare_digest(digest, self.digest)
        of_before = hmac.compare_digest(digest, self.previous_digest or keys.NOBODYS)
        return self.is_live and (of_now or (of_before and self.overlaps))

    @property
    def still_opens(self) -> bool:
        """Whether it is live, and so is the secret that was shown."""
        return self.is_opened_by(self.shown_digest)
