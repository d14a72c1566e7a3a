"""Home, and how to use a project from code."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.errors import Refusal
from projects.models import Conversation, Project
from projects.playground import visible_project
from projects.snippets import snippets
from teams.branding import brand_of

LISTED = 200  # projects on one page; a search finds the others
SEARCH_FROM = 8  # projects from which on a search helps


@never_cache
@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """My projects: all in use that I may see, with the word whether I may ask and where I was last."""
    wanted = request.GET.get("q", "").strip()[:120]
    mine = Project.objects.chattable_by(request.user).filter(pk=OuterRef("pk"))
    talks = Conversation.objects.filter(user_id=request.user.pk, project_id=OuterRef("pk"))
    rows = (
        Project.objects.visible_to(request.user)
        .in_use()
        .that_chat()
        .filter(is_active=True)
        .select_related("team__branding", "model")
        .defer("system_prompt", "team__branding__logo")
        .annotate(may_chat=Exists(mine), last_talk=Subquery(talks.values("pk")[:1]))
        .order_by("team__name", "team_id", "name")
    )
    for word in wanted.split():
        rows = rows.filter(
            Q(name__icontains=word)
            | Q(slug__icontains=word)
            | Q(description__icontains=word)
            | Q(team__name__icontains=word)
        )
    projects = list(rows[: LISTED + 1])
    context = {
        "projects": _with_talks(projects[:LISTED]),
        "more": len(projects) > LISTED,
        "wanted": wanted,
        "may_search": bool(wanted) or len(projects) >= SEARCH_FROM,
    }
    return render(request, "projects/home.html", context)


def _with_talks(projects: list[Any]) -> list[Any]:
    """Each with `talk`, one's newest conversation in it or None, and its team's `brand`; one query."""
    talks = Conversation.objects.in_bulk([row.last_talk for row in projects if row.last_talk])
    for row in projects:
        row.talk = talks.get(row.last_talk)
        row.brand = brand_of(row.team)
    return projects


@never_cache
@login_required
@require_GET
def use(request: HttpRequest, slug: str) -> HttpResponse:
    """Short programs that ask this project, for those who may ask it."""
    project = visible_project(request, slug)
    if project not in Project.objects.chattable_by(request.user):
        raise Refusal("permission_denied", _("You may see this project, but not chat in it."))
    base = settings.BASE_URL or request.build_absolute_uri("/").rstrip("/")
    context = {
        "project": project,
        "brand": brand_of(project.team),
        "snippets": snippets(project, base),
        "base": base,
    }
    return render(request, "projects/use.html", context)
