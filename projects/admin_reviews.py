"""The console's pages of access reviews: the list, a review with its lines, and one line to decide about."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts import fresh
from portal import cells, spreadsheets
from portal.console import ConsoleModelAdmin
from portal.console_lists import CappedPaginator
from portal.console_navigation import Tool
from portal.errors import Refusal
from projects import review_actions, review_result
from projects.models import AccessReview, ReviewLine
from projects.review_forms import DecideForm, ReviewForm
from projects.review_page import shown, sieved, tabs

PER_PAGE = 50
NAMED = 5  # refused lines that a message names


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open")), ("due", _("due")), ("closed", _("closed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "due":
            return queryset.due(timezone.localdate())  # type: ignore[attr-defined]
        if self.value() in ("open", "closed"):
            return queryset.filter(closed_at__isnull=self.value() == "open")
        return queryset


@admin.register(AccessReview)
class AccessReviewAdmin(ConsoleModelAdmin):
    area, place = "people", 60
    intro = _(
        "Somebody looks at every right of a team, or of the whole platform, and attests or revokes it, line by line."
    )
    next_step = _("Open one for a team: it lists who is in it, as what, and who uses it.")
    form = ReviewForm
    list_display = ("about", "opened", "due", "progress", "state")
    list_filter = (StateFilter,)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("=team_slug", "=uid")
    search_help_text = _("Finds exactly a team's slug, or a review's id.")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request).select_related("opened_by", "closed_by")
        return rows.with_progress()  # type: ignore[attr-defined]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        kwargs["fields"] = ("due_on", "note")
        form = super().get_form(request, obj, **kwargs)
        return type("BoundReviewForm", (form,), {"actor": request.user})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [(None, {"fields": ("team", "due_on", "note")})]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The deed makes the row; the form's own is filled from it."""
        made = review_actions.open_review(
            by=request.user, team=form.cleaned_data["team"], due_on=obj.due_on, note=obj.note
        )
        obj.__dict__.update(made.__dict__)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Opening leads to the lines: there is nothing to go on editing."""
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        """To its lines."""
        return redirect("admin:projects_accessreview_change", obj.pk)

    @admin.display(description=_("of"))
    def about(self, row: AccessReview) -> str:
        return row.team_slug or str(_("whole platform"))

    @admin.display(description=_("opened"))
    def opened(self, row: AccessReview) -> SafeString:
        return cells.when(row.opened_at)

    @admin.display(description=_("due on"))
    def due(self, row: AccessReview) -> str:
        return f"{row.due_on:%Y-%m-%d}"

    @admin.display(description=_("decided"))
    def progress(self, row: Any) -> str:
        return f"{row.decided} / {row.total}"

    @admin.display(description=_("state"))
    def state(self, row: AccessReview) -> SafeString:
        if row.is_closed:
            return cells.chip(_("closed"), "good", "check")
        return cells.chip(_("due"), "warn", "clock") if row.is_overdue else cells.chip(_("open"))

    def get_urls(self) -> list[Any]:
        def page(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        name = "projects_accessreview"
        return [
            path("<int:pk>/attest/", page(self.attest_view), name=f"{name}_attest"),
            path("<int:pk>/close/", page(self.close_view), name=f"{name}_close"),
            path("<int:pk>/result.csv", page(self.result_view), name=f"{name}_result"),
            path("<int:pk>/lines/<int:line>/", page(self.line_view), name=f"{name}_line"),
            *super().get_urls(),
        ]

    def object_tools(self, request: HttpRequest, obj: Any) -> list[Tool]:
        def page(name: str) -> str:
            return reverse(f"admin:projects_accessreview_{name}", args=[obj.pk])

        tools = [Tool(_("Result as CSV"), page("result"), "down")]
        if not obj.is_closed and self.has_change_permission(request, obj):
            tools.insert(0, Tool(_("Close the review"), page("close"), "check", is_deed=True))
        return tools

    def _seen(self, request: HttpRequest, pk: Any) -> Any:
        """404 for what one does not see, 403 for what one may not look at."""
        review = self.get_object(request, str(pk))
        if not self.has_view_permission(request, review):
            raise PermissionDenied
        return review

    def _require_decider(self, request: HttpRequest, review: Any) -> None:
        """403 for who looks at reviews and decides none; what a decision itself refuses is said beside its line."""
        if not request.user.has_perm("projects.change_accessreview", review):
            raise PermissionDenied

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The review with its lines, a page of them at a time; it changes line by line, not by a form."""
        review = self._seen(request, object_id)
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        lines, asked = sieved(request, review)
        page = CappedPaginator(lines, PER_PAGE).get_page(request.GET.get("p"))
        rows = shown(review, page.object_list, to=request.user)
        context = {
            **self._frame(request, review),
            "tools": self._tools(request, review),
            "page": page,
            "numbers": page.paginator.get_elided_page_range(page.number),
            "kinds": ReviewLine.Kind.choices,
            "rows": rows,
            "asked": asked,
            "query": urlencode({name: value for name, value in asked.items() if value}),
            "tabs": tabs(review, asked),
            "has_simple": any(row.is_simple for row in rows),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/projects/access_review.html", context)

    def _frame(self, request: HttpRequest, review: Any) -> dict[str, Any]:
        words = _("Access review of %(team)s") if review.team_slug else _("Access review of all")
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": review,
            "review": review,
            "title": words % {"team": review.team_slug} if review.team_slug else words,
        }

    def attest_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One line by its button, or those that are ticked."""
        review = self._seen(request, pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._require_decider(request, review)
        one = request.POST.get("one")
        wanted = [one] if one else request.POST.getlist("_selected_action")
        keys = [int(key) for key in wanted[:PER_PAGE] if key.isdecimal() and len(key) < 19]
        done = review_actions.attest_lines(
            by=request.user,
            lines=ReviewLine.objects.filter(review=review, pk__in=keys),
            note=request.POST.get("note", ""),
        )
        self._tell(request, done)
        query = request.POST.get("back", "")
        page = reverse("admin:projects_accessreview_change", args=[review.pk])
        return redirect(f"{page}?{query}" if query else page)

    def _tell(self, request: HttpRequest, done: review_actions.Decided) -> None:
        if done.attested:
            words = ngettext("%d line attested.", "%d lines attested.", done.attested)
            self.message_user(request, words % done.attested, messages.SUCCESS)
        if done.gone:
            words = ngettext(
                "%d right was gone already.", "%d rights were gone already.", done.gone
            )
            self.message_user(request, words % done.gone, messages.SUCCESS)
        for line, words in done.refused[:NAMED]:
            self.message_user(request, f"{line.user or line.pk}: {words}", messages.WARNING)
        if (more := len(done.refused) - NAMED) > 0:
            words = ngettext("%d more stays open.", "%d more stay open.", more)
            self.message_user(request, words % more, messages.WARNING)
        if not (done.attested or done.gone or done.refused):
            self.message_user(request, _("Choose at least one line."), messages.WARNING)

    def line_view(self, request: HttpRequest, pk: int, line: int) -> HttpResponse:
        """Everything known of one line; its form attests or revokes. What is refused leaves it open, and says why."""
        review = self._seen(request, pk)
        row = get_object_or_404(
            ReviewLine.objects.select_related("user", "decided_by", "review"),
            review=review,
            pk=line,
        )
        form = DecideForm(request.POST if request.method == "POST" else None, label_suffix="")
        refused = ""
        if form.is_bound:
            self._require_decider(request, review)
        if form.is_valid():
            try:
                self._decide(request, row, form.cleaned_data["note"])
            except Refusal as refusal:
                refused = str(refusal.message)
                row.refresh_from_db()
            else:
                return redirect("admin:projects_accessreview_change", review.pk)
        context = {
            **self._frame(request, review),
            "shown": shown(review, [row], to=request.user)[0],
            "form": form,
            "refused": refused,
            "crumb": _("One right"),
        }
        status = 409 if refused else 422 if form.is_bound else 200
        return TemplateResponse(request, "admin/projects/review_line.html", context, status=status)

    def _decide(self, request: HttpRequest, line: ReviewLine, note: str) -> None:
        if request.POST.get("deed") == "revoke":
            done = review_actions.revoke_line(by=request.user, line=line, note=note)
        elif request.POST.get("deed") == "attest":
            right = request.POST.get("right", "")
            done = review_actions.attest_line(by=request.user, line=line, note=note, right=right)
        else:
            raise Refusal("invalid_request")
        words = _("%(person)s: %(decision)s.") % {
            "person": done.user or done.pk,
            "decision": done.get_decision_display(),
        }
        self.message_user(request, words, messages.SUCCESS)

    def close_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        review = self._seen(request, pk)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            review_actions.close_review(by=request.user, review=review)
        except Refusal as refusal:
            if refusal.code != "conflict":
                raise
            self.message_user(request, str(refusal.message), messages.ERROR)
        else:
            self.message_user(request, _("The review is closed."), messages.SUCCESS)
        return redirect("admin:projects_accessreview_change", review.pk)

    def result_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        review = self._seen(request, pk)
        fresh.require(request)
        review_actions.record_export(review=review)
        answer = HttpResponse(
            "".join(map(spreadsheets.line, review_result.rows(review))),
            content_type="text/csv; charset=utf-8",
        )
        name = review_result.file_name(review)
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer
