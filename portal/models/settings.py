"""What is set for the whole platform in the console; `portal/platform_settings.py` says what there is to set."""

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.recording import RecordedQuerySet


class Setting(models.Model):
    """A setting that differs from its default. Without a row the default holds; a variable of the environment wins."""

    name = models.CharField(_("name"), max_length=64, unique=True, editable=False)
    value = models.JSONField(_("value"), help_text=_("What holds unless the environment says it."))
    changed_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)

    objects = RecordedQuerySet.as_manager()
    trail_label = "name"

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuses what the setting does not take; raises `ValidationError`."""
        from portal.platform_settings import SETTINGS, validated

        if self.name in SETTINGS:
            self.value = validated(self.name, self.value)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.clean()
        super().save(*args, **kwargs)
