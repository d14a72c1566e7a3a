"""What the console shows of an access review: lines with what became of them, who may decide, and words for both."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.live_impersonations import strength
from portal import cells
from projects.models import AccessReview, ReviewLine
from projects.review_actions import acting, changed_words
from projects.review_lines import Now, present

DECISIONS = {
    "open": (gettext_lazy("open"), {"decision": ""}),
    "attested": (gettext_lazy("attested"), {"decision": "attested"}),
    "revoked": (gettext_lazy("revoked"), {"decision": "revoked"}),
    "gone": (gettext_lazy("gone"), {"decision": "gone"}),
}
LOOKS = {"attested": ("good", "check"), "revoked": ("bad", "stop"), "gone": ("", "")}


@dataclass(frozen=True, slots=True)
class Shown:
    """A line for the page. `barred` says why this reader does not decide about it; empty if they may."""

    line: ReviewLine
    now: Now
    barred: str

    @property
    def person(self) -> str:
        return str(self.line.user) if self.line.user else _("a person who no longer exists")

    @property
    def where(self) -> str:
        if self.line.project_slug:
            return f"{self.line.team_slug} / {self.line.project_slug}"
        return self.line.team_slug or _("whole platform")

    @property
    def right(self) -> str:
        if self.line.kind == ReviewLine.Kind.ASSIGNMENT:
            return _("assigned to the project")
        return self.line.right

    @property
    def remarks(self) -> list[str]:
        """What a reviewer should know of the person beside the right."""
        user = self.line.user
        found = [_("by a group")] if self.line.from_groups else []
        if user is not None and not user.is_active:
            found.append(_("deactivated"))
        if user is not None and user.is_restricted:
            found.append(_("restricted"))
        if self.line.kind == ReviewLine.Kind.ASSIGNMENT and not self.line.role:
            found.append(_("not in the team"))
        return found

    @property
    def is_changed(self) -> bool:
        return self.line.is_open and self.now.is_changed and not self.now.is_gone

    @property
    def change(self) -> str:
        """What became of the right since the opening; empty if nothing."""
        if not self.line.is_open or not self.now.is_changed:
            return ""
        if self.now.is_gone:
            return _("This right is gone since the review was opened.")
        return changed_words(self.line, self.now)

    @property
    def state(self) -> SafeString:
        if not self.line.is_open:
            return cells.chip(self.line.get_decision_display(), *LOOKS[self.line.decision])
        if self.now.is_gone:
            return cells.chip(_("gone"))
        return self._as_it_stands()

    def _as_it_stands(self) -> SafeString:
        if self.now.is_changed:
            return cells.chip(_("changed"), "warn", "alert")
        return format_html('<span class="quiet small">{}</span>', _("unchanged"))

    @property
    def may_decide(self) -> bool:
        return self.line.is_open and not self.barred

    @property
    def is_simple(self) -> bool:
        """Whether it can be attested from the list, beside others."""
        return self.may_decide and not self.is_changed


def shown(review: AccessReview, lines: Iterable[ReviewLine], *, to: Any) -> list[Shown]:
    """These lines for this reader; as many queries for one as for a page of them."""
    rows = list(lines)
    is_now = present([line for line in rows if line.is_open])
    may = not review.is_closed and to.has_perm("projects.change_accessreview", review)
    return [
        Shown(line, is_now.get(line.pk, Now(line.right, False)), _barred(line, to, may))
        for line in rows
    ]


def _barred(line: ReviewLine, to: Any, may: bool) -> str:
    if not may:
        return _("to look at")
    if line.user is None:
        return ""
    if str(line.user_id) in {str(to.pk), acting()}:
        return _("yours: somebody else decides")
    return _("a platform admin decides") if strength(line.user) > strength(to) else ""


def sieved(request: HttpRequest, review: Any) -> tuple[QuerySet, dict[str, str]]:
    """The lines that the address asks for, and what it asks."""
    asked = {name: request.GET.get(name, "") for name in ("decision", "kind", "q")}
    if asked["decision"] not in (*DECISIONS, "all"):
        asked["decision"] = "open" if not review.is_closed else "all"
    lines = review.lines.select_related("user", "decided_by").order_by("pk")
    if asked["decision"] != "all":
        lines = lines.filter(**DECISIONS[asked["decision"]][1])
    if asked["kind"] in ReviewLine.Kind.values:
        lines = lines.filter(kind=asked["kind"])
    if words := asked["q"].strip():
        lines = lines.filter(
            Q(user__email__icontains=words)
            | Q(user__name__icontains=words)
            | Q(project_slug=words)
            | Q(team_slug=words)
        )
    return lines, asked


def tabs(review: Any, asked: dict[str, str]) -> list[dict[str, Any]]:
    """Decisions with their numbers, in one query."""
    counts = dict(review.lines.order_by().values_list("decision").annotate(Count("pk")))
    kept = {name: asked[name] for name in ("kind", "q") if asked[name]}
    found = [
        {
            "words": words,
            "count": counts.get(wanted["decision"], 0),
            "url": "?" + urlencode({"decision": name, **kept}),
            "is_here": asked["decision"] == name,
        }
        for name, (words, wanted) in DECISIONS.items()
    ]
    every = {
        "words": _("all"),
        "count": sum(counts.values()),
        "is_here": asked["decision"] == "all",
    }
    return [*found, {**every, "url": "?" + urlencode({"decision": "all", **kept})}]
