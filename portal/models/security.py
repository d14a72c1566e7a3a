"""Who may knock by address, and what browsers reported of our pages."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.address_lists import validate_network
from portal.context import current
from portal.errors import Refusal
from portal.recording import RecordedQuerySet

WITHOUT_ADDRESS = ("", "COMMAND", "TASK")  # whoever runs them is on the machine


class AddressRuleQuerySet(RecordedQuerySet):
    """Holds bulk writes to what a single one is held to: networks only, and nobody locks themselves out."""

    def update(self, **values: Any) -> int:
        with transaction.atomic():
            count = super().update(**values)
            self._check()
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[Any]:
        with transaction.atomic():
            created = super().bulk_create(*args, **kwargs)
            self._check()
        return created

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def _check(self) -> None:
        """Of all rules, as they are then: there are few, and a value may have been computed by the database."""
        for network in self.model.objects.values_list("network", flat=True):
            validate_network(network)
        refuse_lock_out()

    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            found = super().delete()
            refuse_lock_out()
        return found

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


class AddressRule(models.Model):
    """A network that may, or may not, use the portal, or manage it. A block wins over every allowance."""

    class Place(models.TextChoices):
        PORTAL = "portal", _("the whole portal")
        CONSOLE = "console", _("the console and management by API")

    class Verdict(models.TextChoices):
        ALLOW = "allow", _("allow")
        BLOCK = "block", _("block")

    place = models.CharField(
        _("where"), max_length=10, choices=Place.choices, help_text=_("What the rule is about.")
    )
    verdict = models.CharField(
        _("verdict"),
        max_length=10,
        choices=Verdict.choices,
        help_text=_("Once a network is allowed somewhere, all that are not are refused there."),
    )
    network = models.CharField(
        _("network"),
        max_length=50,
        validators=[validate_network],
        help_text=_("An address or a network: 203.0.113.7, 203.0.113.0/24, 2001:db8::/32."),
    )
    note = models.CharField(
        _("note"), max_length=200, blank=True, help_text=_("Whose network it is, and why.")
    )

    objects = AddressRuleQuerySet.as_manager()

    class Meta:
        ordering = ["place", "verdict", "network"]
        constraints = [
            models.UniqueConstraint(
                fields=["place", "verdict", "network"], name="address_rule_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.place} · {self.verdict} · {self.network}"

    def clean(self) -> None:
        """Refused in the form already, with the rules as they would be."""
        rules = [rule for rule in AddressRule.objects.all() if rule.pk != self.pk]
        place = locks_out([*rules, self])
        if place:
            raise ValidationError({"network": lock_out_words(place)})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuses, at whatever door, a network that is none, and to lock out whoever saves it."""
        validate_network(self.network)
        with transaction.atomic():
            super().save(*args, **kwargs)
            refuse_lock_out()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            found = super().delete(*args, **kwargs)
            refuse_lock_out()
        return found


def locks_out(rules: Any) -> Any:
    """The place that these rules would close to the address of the running request; empty for none, and in commands."""
    from portal.address_lists import allows

    context = current()
    address = context.address
    if not address and context.method in WITHOUT_ADDRESS:
        return ""
    closed = [place for place in AddressRule.Place.values if not allows(rules, place, address)]
    return closed[0] if closed else ""


def lock_out_words(place: Any) -> Any:
    words = _("With this, your own address %(address)s could not use %(place)s any more.")
    return words % {
        "address": current().address or _("(unknown)"),
        "place": AddressRule.Place(place).label,
    }


def refuse_lock_out() -> None:
    """Inside the transaction of the change, which does not happen then."""
    place = locks_out(AddressRule.objects.all())
    if place:
        raise Refusal("conflict", lock_out_words(place))


class CspReport(models.Model):
    """What a browser did not let one of our pages do, counted. Never a query string: it may hold what is nobody's business."""

    directive = models.CharField(_("directive"), max_length=100)
    blocked = models.CharField(_("blocked"), max_length=200)
    page = models.CharField(_("page"), max_length=200)
    count = models.PositiveIntegerField(_("times"), default=1)
    first_at = models.DateTimeField(_("first"), default=timezone.now)
    last_at = models.DateTimeField(_("last"), default=timezone.now, db_index=True)

    objects = RecordedQuerySet.as_manager()

    class Meta:
        verbose_name = _("CSP report")
        verbose_name_plural = _("CSP reports")
        ordering = ["-last_at"]
        constraints = [
            models.UniqueConstraint(fields=["directive", "blocked", "page"], name="csp_report_once")
        ]

    def __str__(self) -> str:
        return f"{self.directive} · {self.blocked}"
