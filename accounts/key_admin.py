"""The console's pages of keys."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import actions
from accounts.key_ties import ties
from accounts.models import Key
from portal import cells
from portal.console import ConsoleModelAdmin
from portal.platform_settings import value


class KeyStateFilter(admin.SimpleListFilter):
    """Live, expired or revoked, as of now."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("live", _("live")), ("expired", _("expired")), ("revoked", _("revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        now = timezone.now()
        if self.value() == "live":
            return queryset.exclude(expires_at__lte=now).filter(revoked_at__isnull=True)
        if self.value() == "expired":
            return queryset.filter(expires_at__lte=now, revoked_at__isnull=True)
        return queryset.filter(revoked_at__isnull=False) if self.value() else queryset


class KeyAgeFilter(admin.SimpleListFilter):
    """Whether the secret should have been renewed by now."""

    title = _("secret")
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        days = value("key_rotation_days")
        return [("old", _("older than %(days)d days") % {"days": days}), ("new", _("newer"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        old = Key.objects.with_secrets_older_than(value("key_rotation_days")).values("pk")
        if self.value() == "old":
            return queryset.filter(pk__in=old)
        return queryset.exclude(pk__in=old) if self.value() == "new" else queryset


@admin.register(Key)
class KeyAdmin(ConsoleModelAdmin):
    """Keys are made by their owners; here they are looked at, limited and revoked, never deleted."""

    area, place = "people", 40
    intro = _(
        "API keys. Their owners make them on their account page; here they are looked at, limited and revoked."
    )
    next_step = _("Nobody has made a key yet: everybody makes their own under Account, Keys.")
    list_display = ("name", "user", "public", "masked", "state", "age", "used", "ends")
    list_select_related = ("user",)
    list_filter = (KeyStateFilter, KeyAgeFilter)
    search_fields = ("name", "=public_id", "user__email")
    search_help_text = _("Searches name, the exact public part and the owner's e-mail.")
    actions = ("revoke",)
    fieldsets = (
        (None, {"fields": ("name", "user", "public_id", "masked")}),
        (_("What it may do"), {"fields": ("scopes", "projects", "no_content_log")}),
        (
            _("Limits"),
            {"fields": ("requests_per_second", "monthly_budget", "spent", "allowed_addresses")},
        ),
        (
            _("When"),
            {
                "fields": (
                    *("expires_at", "revoked_at", "last_used_at", "created_at"),
                    *("secret_made_at", "previous_ends_at"),
                )
            },
        ),
    )
    readonly_fields = (
        *("user", "public_id", "masked", "scopes", "projects", "spent", "revoked_at"),
        *("last_used_at", "created_at", "secret_made_at", "previous_ends_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return ties().joined(super().get_queryset(request), request.user)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Key, form: Any, change: bool) -> None:
        """What was changed here, and nothing that was read with it: a key revoked or rotated meanwhile stays so."""
        obj.save(update_fields=form.changed_data)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("secret"))
    def masked(self, key: Key) -> str:
        return key.masked

    @admin.display(description=_("public part"))
    def public(self, key: Key) -> SafeString:
        return cells.identifier(key.public_id)

    @admin.display(description=_("projects"))
    def projects(self, key: Key) -> str:
        slugs = ties().projects(key)
        if slugs is None:
            return str(_("all of the owner's"))
        return ", ".join(slugs) or str(_("none that you see"))

    @admin.display(description=_("spent this month"))
    def spent(self, key: Key) -> SafeString:
        return cells.usd(ties().spent(key))

    @admin.display(description=_("secret made"), ordering="secret_made_at")
    def age(self, key: Key) -> SafeString:
        if key.is_live and key.is_old:
            days = (timezone.now() - key.secret_made_at).days
            words = ngettext("%d day ago", "%d days ago", days) % days
            return cells.chip(words, "warn", "clock")
        return cells.when(key.secret_made_at)

    @admin.display(description=_("last used"), ordering="last_used_at")
    def used(self, key: Key) -> SafeString:
        return cells.when(key.last_used_at)

    @admin.display(description=_("expires"), ordering="expires_at")
    def ends(self, key: Key) -> SafeString:
        return cells.when(key.expires_at)

    @admin.display(description=_("state"))
    def state(self, key: Key) -> SafeString:
        if key.revoked_at is not None:
            return cells.chip(_("revoked"), "bad", "stop")
        if key.is_live:
            return cells.chip(_("live"), "good", "check")
        return cells.chip(_("expired"), "warn", "clock")

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.revoke_key", obj)

    @admin.action(description=_("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet) -> None:
        allowed = [key for key in queryset if self.has_revoke_permission(request, key)]
        for key in allowed:
            actions.revoke_key(by=request.user, key=key)
        text = ngettext("%d key revoked.", "%d keys revoked.", len(allowed)) % len(allowed)
        self.message_user(request, text, messages.SUCCESS)
