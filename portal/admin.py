"""The console's pages of the platform's own rows: providers, models, and the limiter's buckets."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from portal import cells
from portal.console import ConsoleModelAdmin, ConsoleTabularInline, ReadOnlyMixin
from portal.console_navigation import Tool
from portal.encryption import is_mask, readable
from portal.models import Bucket, Model, Provider
from portal.provider_connection import check_connection
from portal.tenancy import own_transactions, scope_of, tenant
from portal.validators import validate_secret


class ProviderForm(forms.ModelForm):
    """The stored secret never reaches the page; a new one is typed, or nothing changes."""

    new_secret = forms.CharField(
        label=_("New secret"),
        required=False,
        max_length=4000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text=_("Leave empty to keep the stored one. A new base URL needs the secret anew."),
    )
    forget_secret = forms.BooleanField(
        label=_("Forget the stored secret"),
        required=False,
        help_text=_("For a server that needs none."),
    )

    class Meta:
        model = Provider
        exclude = ["secret", "secret_last_four"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """The values of headers are as little shown again as the secret is."""
        super().__init__(*args, **kwargs)
        headers = readable(self.instance, "masked_headers")
        self.headers_are_unreadable = headers is None
        if self.instance.pk:
            self.initial["extra_headers"] = headers or {}
        if self.headers_are_unreadable and "extra_headers" in self.fields:
            self.fields["extra_headers"].help_text = _(
                "The stored headers cannot be read: their key is missing or wrong. New ones replace them."
            )

    def clean_extra_headers(self) -> Any:
        value = self.cleaned_data["extra_headers"]
        return self.instance.merged_headers(value) if isinstance(value, dict) else value or {}

    def clean_new_secret(self) -> str:
        value = self.cleaned_data["new_secret"].strip()
        if is_mask(value):
            return ""
        validate_secret(value)
        return value

    def clean(self) -> dict[str, Any]:
        """The secret goes to the row first, so that the row's own check knows whether it is new."""
        cleaned = super().clean() or self.cleaned_data
        if self.headers_are_unreadable and not cleaned.get("extra_headers"):
            cleaned.pop("extra_headers", None)
        new, forget = cleaned.get("new_secret", ""), cleaned.get("forget_secret", False)
        if new and forget:
            self.add_error("forget_secret", _("Either a new secret, or none."))
        elif forget:
            self.instance.forget_secret()
        elif new:
            self.instance.set_secret(new)
        return cleaned


class ModelInline(ConsoleTabularInline):
    model = Model
    fields = ["name", "label", "kind", "input_price_per_million", "output_price_per_million"]
    fields += ["is_active"]


class SwitchableMixin:
    """Two actions for rows that are switched off rather than deleted."""

    actions = ["switch_on", "switch_off"]

    @admin.action(description=_("Switch on"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet) -> None:
        queryset.update(is_active=True)

    @admin.action(description=_("Switch off"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet) -> None:
        queryset.update(is_active=False)


@admin.register(Provider)
class ProviderAdmin(SwitchableMixin, ConsoleModelAdmin):
    area, place = "platform", 10
    intro = _("Connections to model servers. Secrets are stored encrypted and never shown again.")
    next_step = _(
        "Connect the first model server: OpenAI, Azure, vLLM, Ollama, or any that speaks OpenAI's API."
    )
    form = ProviderForm
    inlines = [ModelInline]
    list_display = ["name", "slug", "kind", "base_url", "stored_secret", "state"]
    list_filter = ["kind", "is_active"]
    search_fields = ["name", "slug", "base_url"]
    search_help_text = _("Searches name, slug and base URL.")
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["stored_secret", "stored_headers"]
    fieldsets = [
        (None, {"fields": ["name", "slug", "kind", "region", "is_active"]}),
        (_("Connection"), {"fields": ["base_url", "stored_secret"]}),
        (_("Headers"), {"fields": ["extra_headers"], "classes": ["collapse"]}),
        (
            _("Timeouts"),
            {"fields": ["connect_timeout_s", "read_timeout_s", "total_timeout_s"]},
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).without_secrets()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who only looks is not asked for a secret."""
        fieldsets = super().get_fieldsets(request, obj)
        may_write = (
            self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        )
        if not may_write:  # nor shown the values of headers
            return [
                *fieldsets[:2],
                (fieldsets[2][0], {"fields": ["stored_headers"]}),
                *fieldsets[3:],
            ]
        asked = ["base_url", "stored_secret", "new_secret", "forget_secret"] if obj else []
        asked = asked or ["base_url", "new_secret"]
        return [fieldsets[0], (fieldsets[1][0], {"fields": asked}), *fieldsets[2:]]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return {}
        return super().get_prepopulated_fields(request, obj)

    def object_tools(self, request: HttpRequest, obj: Provider) -> list[Tool]:
        if not self.has_change_permission(request, obj):
            return []
        page = reverse("admin:portal_provider_test", args=[obj.pk])
        return [Tool(_("Test connection"), page, "plug", is_deed=True)]

    def get_urls(self) -> list[Any]:
        page = own_transactions(self.admin_site.admin_view(require_POST(self.test_view)))
        return [
            path("<path:object_id>/test/", page, name="portal_provider_test"),
            *super().get_urls(),
        ]

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks the stored connection for its models. Sends the stored secret, so it takes the right to change.

        No transaction waits for the provider.
        """
        provider = self.get_object(request, object_id)
        if not self.has_change_permission(request, provider):
            raise PermissionDenied
        tested = check_connection(provider)
        with tenant(scope_of(request.user)):
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": provider,
                "title": _("Connection to %(name)s") % {"name": provider.name},
                "crumb": _("Test connection"),
                "tools": self.object_tools(request, provider),
                "tested": tested,
            }
            return TemplateResponse(request, "admin/portal/connection.html", context).render()

    @admin.display(description=_("state"), ordering="is_active")
    def state(self, provider: Provider) -> Any:
        return cells.switch(provider.is_active)

    @admin.display(description=_("stored secret"), empty_value="–")
    def stored_secret(self, provider: Provider) -> str | None:
        return provider.masked_secret or None

    @admin.display(description=_("extra headers"), empty_value="–")
    def stored_headers(self, provider: Provider) -> str | None:
        headers = readable(provider, "masked_headers") or {}
        return ", ".join(f"{name}: {value}" for name, value in headers.items()) or None


class ProviderFilter(admin.SimpleListFilter):
    """By provider, with names alone: the stock filter would fetch and decrypt every secret."""

    title = _("provider")
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return Provider.objects.visible_to(request.user).values_list("slug", "name")

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(provider__slug=self.value()) if self.value() else queryset


@admin.register(Model)
class ModelAdmin(SwitchableMixin, ConsoleModelAdmin):
    area, place = "platform", 20
    intro = _(
        "The catalogue: what the providers offer, with prices. Teams use what they are granted."
    )
    next_step = _("Add a model of a provider, with its prices, then grant it to a team.")
    list_display = ["name", "label", "provider", "kind", "input_price", "output_price", "state"]
    list_filter = ["kind", "is_active", ProviderFilter]
    search_fields = ["name", "label", "provider__name"]
    search_help_text = _("Searches the name, the label and the provider's name.")
    autocomplete_fields = ["provider"]
    ordering = ["name", "id"]
    fieldsets = [
        (None, {"fields": ["provider", "name", "label", "kind", "is_active"]}),
        (
            _("Prices"),
            {
                "fields": ["input_price_per_million", "output_price_per_million"],
                "description": _(
                    "USD per million tokens. Where a price is unknown, leave it empty: what it costs "
                    "is then unknown too, and a project with a budget cannot use the model."
                ),
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        found = super().get_queryset(request)
        return found.select_related("provider").defer("provider__secret")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "provider":
            kwargs["queryset"] = Provider.objects.visible_to(request.user).without_secrets()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description=_("state"), ordering="is_active")
    def state(self, model: Model) -> Any:
        return cells.switch(model.is_active)

    @admin.display(description=_("input price"), ordering="input_price_per_million")
    def input_price(self, model: Model) -> Any:
        return _shown(model.input_price_per_million)

    @admin.display(description=_("output price"), ordering="output_price_per_million")
    def output_price(self, model: Model) -> Any:
        return _shown(model.output_price_per_million)


def _shown(price: Any) -> Any:
    return cells.chip(_("unknown"), "warn") if price is None else cells.usd(price)


@admin.register(Bucket)
class BucketAdmin(ReadOnlyMixin, ConsoleModelAdmin):
    """The limiter's state, to look at."""

    area, place = "platform", 30
    list_name = _("Limits in use")  # type: ignore[assignment]
    intro = _(
        "What the limiter remembers: buckets that are not empty. Kept here unless Redis keeps them."
    )
    next_step = _("A bucket appears with the first limited request, unless Redis keeps them.")
    list_display = ["key", "spent_until"]
    search_fields = ["key__startswith"]
    search_help_text = _("Searches the beginning of the key, such as project:3.")
    fields = ["key", "spent_until"]
    readonly_fields = ["spent_until"]

    @admin.display(description=_("spent until"), ordering="tat")
    def spent_until(self, bucket: Bucket) -> Any:
        """The theoretical arrival time: a bucket that is spent until the future is in use."""
        return cells.when(datetime.fromtimestamp(bucket.tat / 1_000_000, UTC))
