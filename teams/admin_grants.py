"""The console's page of grants: which team may use which model, of which kind, and what taking one away stops."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from portal import cells
from portal.console import ConsoleModelAdmin
from teams.models import Grant
from teams.ties import ties

NAMED = 5  # projects that the warning names


@admin.register(Grant)
class GrantAdmin(ConsoleModelAdmin):
    area, place = "people", 30
    intro = _(
        "Which team may use which model. Taking a grant away stops the next exchange, and running answers."
    )
    next_step = _("A team reaches only the models that it is granted: grant the first one.")
    list_display = ("team", "model", "kind", "state")
    list_select_related = ("team", "model__provider")
    list_filter = ("model__kind", ("team", admin.RelatedOnlyFieldListFilter))
    search_fields = ("team__slug", "model__name")
    search_help_text = _("Searches the team's slug and the model's name.")
    autocomplete_fields = ("team", "model")
    delete_confirmation_template = "admin/teams/withdrawal.html"
    delete_selected_confirmation_template = "admin/teams/withdrawals.html"

    @admin.display(description=_("kind"), ordering="model__kind")
    def kind(self, grant: Grant) -> SafeString:
        return cells.chip(grant.model.get_kind_display())

    @admin.display(description=_("state"))
    def state(self, grant: Grant) -> SafeString:
        """A grant of what is switched off is of no use for now."""
        return cells.switch(grant.model.is_active and grant.model.provider.is_active)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        found = super().delete_view(request, object_id, extra_context)
        if isinstance(found, TemplateResponse) and found.context_data is not None:
            found.context_data["stops"] = stops([found.context_data["object"]])
        return found

    def response_action(self, request: HttpRequest, queryset: QuerySet) -> Any:
        found = super().response_action(request, queryset)
        if isinstance(found, TemplateResponse) and found.context_data is not None:
            found.context_data["stops"] = stops(found.context_data["queryset"])
        return found


def stops(grants: Iterable[Grant]) -> str:
    """What stops when these are taken away, in words."""
    names = ties().stopped((grant.team_id, grant.model_id) for grant in grants)
    if not names:
        return str(_("No project uses it: nothing stops."))
    words = ngettext(
        "%(count)d project stops at once, with the answers that are running in it: %(names)s.",
        "%(count)d projects stop at once, with the answers that are running in them: %(names)s.",
        len(names),
    )
    shown = ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
    return words % {"count": len(names), "names": shown}
