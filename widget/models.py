"""Widgets: a project's chat on other people's pages."""

import json
import re
import secrets
import string
from collections.abc import Iterator
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import connection, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.tenancy import NOTHING, POSTGRESQL, Scope
from projects.models import Project
from projects.querysets import InProjectQuerySet

ALPHABET = string.ascii_letters + string.digits
_DOMAIN = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}")


def new_public_id() -> str:
    """`gw_` and 24 characters. It names a widget and is no secret: it stands in the page's source."""
    return "gw_" + "".join(secrets.choice(ALPHABET) for _ in range(24))


def validate_domains(value: Any) -> None:
    """Host names, exact or `*.example.com`; no scheme, port or path."""
    if not isinstance(value, list) or len(value) > 100:
        raise ValidationError(_("Write a list of at most 100 domains."))
    for domain in value:
        if not isinstance(domain, str) or not _DOMAIN.fullmatch(domain):
            raise ValidationError(
                _("%(domain)s is no domain: write example.com or *.example.com."),
                params={"domain": domain},
            )


def scope_of(public_id: str) -> Scope:
    """The team behind a widget's public key, asked before anybody's rows are in sight. Where there are no policies, nobody's."""
    if connection.vendor != POSTGRESQL:
        return NOTHING
    with connection.cursor() as cursor:
        cursor.execute("SELECT portal_team_of_widget(%s)", [public_id])
        team = cursor.fetchone()[0]
    return Scope(teams=frozenset([team])) if team else NOTHING


def all_allowed_domains() -> Iterator[list[str]]:
    """The domains of every open widget, asked before it is known which one is meant."""
    if connection.vendor != POSTGRESQL:
        rows = Widget.objects.open().values_list("allowed_domains", flat=True)
        yield from rows.iterator()
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT portal_domains_of_widgets()")
        for (domains,) in cursor.fetchall():
            yield json.loads(domains) if isinstance(domains, str) else domains


class WidgetQuerySet(InProjectQuerySet):
    def open(self) -> Self:
        """Switched on, and of a project that is not archived, nor its team."""
        return self.filter(is_active=True, project__in=Project.objects.in_use())


class Widget(models.Model):
    """A chat that pages of the allowed domains may show. An empty list of domains is closed to all."""

    public_id = models.CharField(
        _("public key"), max_length=40, unique=True, default=new_public_id, editable=False
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        related_name="widgets",
        help_text=_("What answers; it stays."),
    )
    name = models.CharField(
        _("name"),
        max_length=120,
        help_text=_("Shown above the chat, where the team's branding names no app."),
    )
    allowed_domains = models.JSONField(
        _("allowed domains"),
        default=list,
        blank=True,
        validators=[validate_domains],
        help_text=_('Such as ["example.com", "*.example.com"]. Empty: closed.'),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Off: the chat does not open.")
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = WidgetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def team_id(self) -> int:
        return self.project.team_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuses, at whatever door, a domain that is none."""
        validate_domains(self.allowed_domains)
        super().save(*args, **kwargs)
