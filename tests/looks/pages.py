"""Every page of the portal, for the tests and pictures that walk them all. A door without its line here fails a test."""

from dataclasses import dataclass
from typing import Any

# What is no page: answers to forms, files, and the interfaces of programs.
NOT_PAGES = {
    *(
        "healthz",
        "readyz",
        "theme",
        "schema",
        "csp_report",
        "loader",
        "script",
        "session",
        "chat",
        "logo",
    ),
    # their answers are looked at by test_deeds
    *("account_factor_begin", "account_factor_codes", "account_factor_remove"),
    *("account_factor_set_up", "account_second_factor_verify", "account_second_factor_enrol"),
    *("branding_css", "branding_logo", "jsi18n", "autocomplete", "view_on_site"),
    *(
        "account_end_session",
        "account_end_others",
        "account_end_program",
        "account_end_impersonation",
    ),
    *("account_create_key", "account_rotate_key", "account_revoke_key", "ask", "rename", "delete"),
    # closed doors of allauth, and the console's, which lead to the account pages
    *("account_signup", "account_inactive", "account_email", "account_reauthenticate"),
    *("account_set_password", "login", "logout", "password_change", "password_change_done"),
    *("accounts_pendingchange_approve", "accounts_pendingchange_reject"),
    "accounts_pendingchange_withdraw",  # answer forms
    *("audit_destination_pause", "audit_destination_resume", "audit_destination_test"),
    "portal_provider_test",  # answers a form; looked at by test_deeds
    *("auth_token", "auth_refresh", "auth_logout", "auth_fresh"),  # programs sign in
    # answers to forms, and a file
    *(f"projects_accessreview_{name}" for name in ("attest", "close", "result")),
    "access_export",  # leads to a file
    *("audit_entry_proof", "audit_entry_verifier", "audit_checkpoint_key"),  # files
    "app_list",  # leads to the start page
}


@dataclass(frozen=True, slots=True)
class Page:
    """`door` is the URL's name, `person` who looks at it: empty for a stranger. `{…}` in the path comes from the house."""

    name: str
    door: str
    path: str
    person: str = "marco"
    full: bool = True  # pictured in its whole length
    status: int = 200  # that of the answer


PAGES = (
    Page("home", "home", "/"),
    Page("home-found-nothing", "home", "/?q=zebra"),
    Page("home-empty", "home", "/", "nils"),
    Page("playground-new", "playground", "/playground/assistant/", full=False),
    Page("playground", "conversation", "/playground/assistant/{talk}/", full=False),
    Page("playground-search", "playground", "/playground/assistant/?q=names", full=False),
    Page("playground-edit", "conversation", "/playground/assistant/{talk}/?edit={edited}#edit", full=False),
    Page("playground-temporary", "temporary", "/playground/assistant/temporary/", full=False),
    Page("playground-looking", "playground", "/playground/assistant/", "auditor", full=False),
    Page("playground-branded", "conversation", "/playground/helpdesk/{helped}/", "sam"),
    Page("use", "use", "/playground/assistant/use/"),
    Page("api-docs", "api_docs", "/api/docs/", full=False),
    Page("account", "account_profile", "/account/"),
    Page("account-restricted", "account_profile", "/account/", "rita"),
    Page("keys", "account_keys", "/account/keys/"),
    Page("keys-empty", "account_keys", "/account/keys/", "sam"),
    Page("second-factor", "account_second_factor", "/account/second-factor/"),
    Page("sessions", "account_sessions", "/account/sessions/"),
    Page("notices", "account_notices", "/account/notices/"),
    Page("notices-none", "account_notices", "/account/notices/", "nils"),
    Page("confirm", "account_confirm", "/account/confirm/?next=/account/keys/"),
    Page("password-change", "account_change_password", "/account/password/change/"),
    Page("sign-in", "account_login", "/account/login/", ""),
    Page("sign-out", "account_logout", "/account/logout/"),
    Page("reset", "account_reset_password", "/account/password/reset/", ""),
    Page("reset-sent", "account_reset_password_done", "/account/password/reset/done/", ""),
    Page("new-password", "account_reset_password_from_key", "{password_link}", ""),
    Page(
        "new-password-old-link",
        "account_reset_password_from_key",
        "/account/password/reset/key/1-set-password/",
        "",
    ),
    Page(
        "new-password-done",
        "account_reset_password_from_key_done",
        "/account/password/reset/key/done/",
        "",
    ),
    Page("console", "index", "/admin/", "admin"),
    Page("console-of-a-team", "index", "/admin/", "olivia"),
    Page("console-of-an-auditor", "index", "/admin/", "auditor"),
    Page("roles", "roles", "/admin/roles/", "olivia"),
    Page("guard-try", "guards_guard_try", "/admin/guards/guard/{guards_guard}/try/", "admin"),
    Page("impersonate", "accounts_user_impersonate", "/admin/accounts/user/{marco}/impersonate/", "admin"),
    Page("leave-team", "account_leave_team", "/account/teams/research/leave/"),
    Page("archive-team", "teams_team_archive", "/admin/teams/team/{teams_team}/archive/", "admin"),
    Page("unarchive-team", "teams_team_unarchive", "/admin/teams/team/{archived_team}/unarchive/", "admin"),
    Page("archive-project", "projects_project_archive", "/admin/projects/project/{projects_project}/archive/", "admin"),
    Page("unarchive-project", "projects_project_unarchive", "/admin/projects/project/{archived_project}/unarchive/", "admin"),
    Page("access-changes", "access_changes", "/admin/access/changes/?from={snapshot_day}", "admin"),
    Page("access-changes-of-a-team", "access_changes", "/admin/access/changes/?from={snapshot_day}&team=research", "olivia"),
    Page("access-changes-none", "access_changes", "/admin/access/changes/?from={snapshot_day}&to={snapshot_day}", "admin"),
    Page("review-decided", "projects_accessreview_change", "/admin/projects/accessreview/{projects_accessreview}/change/?decision=all", "admin"),
    Page("review-of-an-owner", "projects_accessreview_change", "/admin/projects/accessreview/{projects_accessreview}/change/", "olivia"),
    Page("review-nothing", "projects_accessreview_change", "/admin/projects/accessreview/{projects_accessreview}/change/?q=zebra", "admin"),
    Page("review-line", "projects_accessreview_line", "/admin/projects/accessreview/{projects_accessreview}/lines/{review_line}/", "admin"),
    Page("review-line-changed", "projects_accessreview_line", "/admin/projects/accessreview/{projects_accessreview}/lines/{changed_line}/", "admin"),
    Page("retention", "retention", "/admin/retention/", "admin"),
    Page("retention-counted", "retention", "/admin/retention/?count=yes", "auditor"),
    Page("usage-month", "usage_month", "/admin/usage/days/", "admin"),
    Page("usage-month-of-a-team", "usage_month", "/admin/usage/days/?team=research", "olivia"),
    Page("usage-month-empty", "usage_month", "/admin/usage/days/?month=2020-01", "admin"),
    Page("usage-month-mistaken", "usage_month", "/admin/usage/days/?month=x", "admin", status=422),
    Page("access", "access", "/admin/access/", "admin"),
    Page("access-of-a-team", "access", "/admin/access/?team=research", "olivia"),
    Page("access-nobody", "access", "/admin/access/?q=zebra", "admin"),
    Page("access-of-one", "access", "/admin/access/?user=olivia@example.com", "admin"),
    Page("access-of-one-nothing", "access", "/admin/access/?user=nils@example.com", "admin"),
    Page("explain", "access_explain", "/admin/access/explain/?user=marco@example.com&project=drafts", "admin"),
    Page("explain-no-access", "access_explain", "/admin/access/explain/?user=rita@example.com&project=drafts", "olivia"),
    Page("explain-not-found", "access_explain", "/admin/access/explain/?user=x&project=y", "olivia", status=404),
    Page("simulate", "access_simulate", "/admin/access/simulate/", "olivia"),
    Page("pending-of-the-proposer", "accounts_pendingchange_change", "/admin/accounts/pendingchange/{accounts_pendingchange}/change/", "olivia"),
    Page("settings-of-an-auditor", "portal_setting_changelist", "/admin/portal/setting/", "auditor"),
    Page("destination-webhook", "audit_destination_change", "/admin/audit/destination/{webhook}/change/", "admin"),
    Page("destination-of-an-auditor", "audit_destination_change", "/admin/audit/destination/{audit_destination}/change/", "auditor"),
    Page("usage-filtered", "projects_exchange_changelist", "/admin/projects/exchange/?result=blocked", "admin"),
    Page("trail-filtered", "audit_entry_changelist", "/admin/audit/entry/?action=update&last=7d&team=research", "admin"),
    Page("trail-of-a-team", "audit_entry_changelist", "/admin/audit/entry/", "olivia"),
    Page("trail-nothing", "audit_entry_changelist", "/admin/audit/entry/?object=zebra", "admin"),
    Page("trail-not-understood", "audit_entry_changelist", "/admin/audit/entry/?from=yesterday", "admin"),
    Page("trail-entry", "audit_entry_change", "/admin/audit/entry/{changed_entry}/change/", "auditor"),
    Page("trail-export", "audit_entry_export", "/admin/audit/entry/export/?action=update", "admin"),
    Page("trail-export-of-a-team", "audit_entry_export", "/admin/audit/entry/export/", "olivia"),
    Page("history-of-a-team", "teams_team_history", "/admin/teams/team/{teams_team}/history/", "olivia"),
    Page("history-of-a-project", "projects_project_history", "/admin/projects/project/{projects_project}/history/", "admin"),
    Page("usage-nothing", "projects_exchange_changelist", "/admin/projects/exchange/?q=zebra", "admin"),
)  # fmt: skip


class _Everything:
    """Somebody who may do all that anybody may."""

    is_active = is_superuser = is_staff = is_authenticated = True

    def has_perm(self, name: str, obj: Any = None) -> bool:
        return True


def console_pages() -> list[Page]:
    """List, form, change and deletion of every registered model, where the console has them for anybody at all."""
    from django.contrib import admin

    request: Any = type("Request", (), {"user": _Everything()})()
    found = []
    for model, console in admin.site._registry.items():
        label, name = model._meta.label_lower, str(model._meta.model_name)
        door = label.replace(".", "_")
        base = f"/admin/{label.replace('.', '/')}/"
        row = f"{base}{{{door}}}/"
        found.append(Page(f"{name}-list", f"{door}_changelist", base, "admin"))
        found.append(Page(f"{name}-change", f"{door}_change", f"{row}change/", "admin"))
        if console.has_add_permission(request):
            found.append(Page(f"{name}-add", f"{door}_add", f"{base}add/", "admin"))
        if console.has_delete_permission(request):
            found.append(Page(f"{name}-delete", f"{door}_delete", f"{row}delete/", "admin"))
    return found


def all_pages() -> list[Page]:
    return [*PAGES, *console_pages()]
