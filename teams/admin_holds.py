"""The console's page of legal holds: placed and lifted by platform admins, after proving who they are."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal import cells
from portal.console import ConsoleModelAdmin
from teams.models import LegalHold


@admin.register(LegalHold)
class LegalHoldAdmin(ConsoleModelAdmin):
    area, place = "trail", 30
    list_name = _("Legal holds")  # type: ignore[assignment]
    intro = _(
        "Of whom nothing is removed, whatever the periods say: by retention, by hand or by erasure. What people delete "
        "themselves meanwhile is gone for them and stays stored. They are not told."
    )
    next_step = _("Nothing is held. Place a hold when a court, an authority or a lawyer asks.")
    list_display = ("what", "kind", "reason", "placed_by", "placed")
    list_select_related = ("held_team", "held_person", "placed_by")
    sortable_by = ()
    search_fields = ("reason", "=held_team__slug", "=held_person__email")
    search_help_text = _("Searches the reason; finds exactly a team's slug or a person's e-mail.")
    autocomplete_fields = ("held_team", "held_person")
    fields: Any = ("held_team", "held_person", "reason")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is None else (*self.fields, "placed_by", "placed")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whom it is about stays; to hold somebody else, place another."""
        return () if obj is None else ("held_team", "held_person", "placed_by", "placed")

    def save_model(self, request: HttpRequest, obj: LegalHold, form: Any, change: bool) -> None:
        if not change:
            obj.placed_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)

    @admin.display(description=_("of"))
    def what(self, hold: LegalHold) -> str:
        return str(hold)

    @admin.display(description=_("kind"))
    def kind(self, hold: LegalHold) -> SafeString:
        return cells.chip(_("team") if hold.held_team_id else _("person"), "warn", "shield")

    @admin.display(description=_("placed"))
    def placed(self, hold: LegalHold) -> SafeString:
        return cells.when(hold.placed_at)
