"""The console's page of a team's branding."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import BooleanField, FileField, ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from portal import cells
from portal.console import ConsoleModelAdmin
from portal.console_navigation import Tool
from teams.branding import logo_address
from teams.logos import Logo, taken
from teams.models import Branding


class BrandingForm(ModelForm):
    """The logo comes as a file, and is made anew before anything keeps it."""

    logo_file = FileField(
        label=_("New logo"),
        required=False,
        help_text=_("SVG, PNG, JPEG, WebP or GIF, at most 512 KiB. Shown 28 pixels high."),
    )
    without_logo = BooleanField(
        label=_("Remove the logo"), required=False, help_text=_("Shows the platform's gate again.")
    )

    class Meta:
        model = Branding
        fields = ("team", "app_name", "accent", "accent_dark")

    def clean_logo_file(self) -> Logo | None:
        upload = self.cleaned_data["logo_file"]
        return taken(upload) if upload else None

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("without_logo"):
            self.instance.set_logo(b"")
        elif self.cleaned_data.get("logo_file"):
            logo = self.cleaned_data["logo_file"]
            self.instance.set_logo(logo.data, logo.kind)
        return super().save(commit)


@admin.register(Branding)
class BrandingAdmin(ConsoleModelAdmin):
    area, place = "people", 40
    list_name = _("Branding")  # type: ignore[assignment]
    intro = _("Name, colour and logo on a team's own pages. Other teams never see them.")
    next_step = _("Choose a team, and give its pages a name and a colour.")
    form = BrandingForm
    fieldsets = (
        (None, {"fields": ("team", "app_name")}),
        (_("Colours"), {"fields": ("accent", "accent_dark")}),
        (_("Logo"), {"fields": ("picture", "logo_file", "without_logo")}),
    )
    list_display = ("team", "app_name", "colours", "has_logo")
    list_select_related = ("team",)
    search_fields = ("team__slug", "team__name", "app_name")
    search_help_text = _("Searches the team's slug and name, and the app name.")
    autocomplete_fields = ("team",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("logo")

    @admin.display(description=_("colours"), ordering="accent")
    def colours(self, branding: Branding) -> SafeString:
        if not branding.accent:
            return cells.NOTHING
        return format_html(
            "<code>{}</code> · <code>{}</code>", branding.accent, branding.dark_accent
        )

    @admin.display(description=_("logo"), ordering="logo_hash")
    def has_logo(self, branding: Branding) -> SafeString:
        return cells.chip(_("own")) if branding.logo_hash else cells.NOTHING

    @admin.display(description=_("now"))
    def picture(self, branding: Branding) -> SafeString:
        if not branding.logo_hash:
            return cells.chip(_("the platform's gate"))
        address = logo_address(branding)
        return format_html('<img class="logo" src="{}" alt="{}">', address, _("The logo"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("picture",) if obj is None else ("picture", "team")

    def object_tools(self, request: HttpRequest, obj: Branding) -> list[Tool]:
        return [Tool(_("Team"), reverse("admin:teams_team_change", args=[obj.team_id]))]
