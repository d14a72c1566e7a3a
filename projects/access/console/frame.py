"""What the pages of access share: whose right is asked first, and the frame around them."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.models import User
from portal.console_navigation import Link
from projects.access.loading import PERMISSION, Selection
from projects.models import Project
from teams.models import Team

SUGGESTED = 200  # names offered while one types; others are written out


def whole(request: HttpRequest) -> Selection:
    """All that this person may see; raises 403 for who may see none of it."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    return Selection.of(request.user)


def shown(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """Reached through the list, unless the context says otherwise."""
    through = [Link(_("Who reaches what"), reverse("admin:access"))]
    framed = {**admin.site.each_context(request), "through": through, **context}
    return TemplateResponse(request, f"admin/access/{template}", framed, status=status)


def teams(selection: Selection) -> list[Team]:
    return list(selection.team_rows())


def suggested_people(selection: Selection) -> list[User]:
    return list(selection.accounts().only("email", "name").order_by("email")[:SUGGESTED])


def suggested_projects(selection: Selection) -> list[Project]:
    return list(selection.project_rows().only("slug", "name")[:SUGGESTED])


def query(**wanted: Any) -> str:
    """The part of an address behind the question mark, without what is empty."""
    kept = {name: value for name, value in wanted.items() if value}
    return f"?{urlencode(kept)}" if kept else ""
