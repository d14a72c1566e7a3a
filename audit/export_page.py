"""Where one chooses how the filtered list leaves the portal."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.export import FORMATS, PERSONAL
from audit.filters import Narrowing
from portal import sensitive


def page(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """The form; with a format chosen, to the file, which is given to who proved lately who they are."""
    if not request.user.has_perm("audit.view_entry"):
        raise PermissionDenied
    narrowing = Narrowing.of(request)
    kind, personal = request.GET.get("format", ""), request.GET.get("personal", "")
    if kind in FORMATS and not narrowing.mistakes:
        sensitive.require_fresh(request)
        more = {"format": kind, "personal": "1" if personal else None}
        return HttpResponseRedirect(reverse("audit-entries-export") + narrowing.query(**more))
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Export the trail"),
        "crumb": _("Export"),
        "opts": model_admin.opts,
        "narrowing": narrowing,
        "formats": [(name, words) for name, (words, _end, _type) in FORMATS.items()],
        "may_personal": request.user.has_perm(PERSONAL),
        "list_url": reverse("admin:audit_entry_changelist") + narrowing.query(),
    }
    return TemplateResponse(request, "admin/audit/export.html", context)
