"""API keys."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.querysets import KeyQuerySet
from portal.address_lists import validate_networks
from portal.encryption import mask


class Key(models.Model):
    """An API key of a person. What is stored cannot be turned back into the key."""

    public_id = models.CharField(max_length=12, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="keys")
    name = models.CharField(_("name"), max_length=100, help_text=_("What the key is for."))
    digest = models.CharField(max_length=64, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
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
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    objects = KeyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(requests_per_second__gte=1), name="key_rate_positive"
            )
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
