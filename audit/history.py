"""What happened to one object, and to the rows that belong to it, on a page of the object's own."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from audit import labels
from audit.console_list import Turning, shown
from audit.entry_page import list_url, model_of
from audit.models import Entry
from audit.paging import Reader, page_of
from audit.querysets import readable_by
from audit.searching import Search

MOST_ROWS = 500  # of one kind that belong to an object and are followed


def page(model_admin: Any, request: HttpRequest, obj: Any) -> HttpResponse:
    """For who may see the object and read the trail of it."""
    if not request.user.has_perm("audit.view_entry"):
        raise PermissionDenied
    readable = readable_by(request)
    readers = [
        Reader(request.user, search, readable=readable) for search in searches(model_admin, obj)
    ]
    turning = Turning.of(request)
    found = page_of(readers, before=turning.before, after=turning.after)
    labels.read_ahead(found.entries)
    labels.name_people(request.user, found.entries)
    turning = turning.around(found)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("History of %(what)s") % {"what": model_admin.object_title(obj)},
        "crumb": _("History"),
        "original": obj,
        "opts": model_admin.opts,
        "lines": [shown(entry) for entry in found.entries],
        "page": turning,
        "belonging": [_named(label) for label, _name in belonging(model_admin)],
        "all_url": list_url(object=f"{model_admin.opts.label}:{obj.pk}"),
        "back_url": reverse(
            f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_change",
            args=[obj.pk],
        ),
    }
    return TemplateResponse(request, "admin/audit/history.html", context)


def searches(model_admin: Any, obj: Any) -> Iterator[Search]:
    """The object's own entries, then those of each kind of row that belongs to it."""
    yield Search(target_type=model_admin.opts.label, target_id=str(obj.pk))
    for label, name in belonging(model_admin):
        keys = [*_standing(label, name, obj), *_gone(label, name, obj)]
        if keys:
            yield Search(target_type=label, target_ids=tuple(dict.fromkeys(keys)))


def belonging(model_admin: Any) -> list[tuple[str, str]]:
    """(model, field that points here): what the page names in `history_rows`, and the rows of its inlines."""
    found = list(model_admin.history_rows)
    for inline in model_admin.inlines:
        known = {label for label, _name in found}
        if inline.model._meta.label not in known:
            points = (f for f in inline.model._meta.fields if f.related_model is model_admin.model)
            found += [(inline.model._meta.label, field.name) for field in list(points)[:1]]
    return found


def _standing(label: str, name: str, obj: Any) -> list[str]:
    model = model_of(label)
    if model is None:
        return []
    rows = model._base_manager.filter(**{name: obj}).order_by("-pk")
    return [str(key) for key in rows.values_list("pk", flat=True)[:MOST_ROWS]]


def _gone(label: str, name: str, obj: Any) -> list[str]:
    """Rows that belonged here and were deleted: their last entry says where they belonged."""
    said = Entry.objects.filter(target_type=label, action="delete")
    team = getattr(obj, "team_id", None)
    if team is not None:
        said = said.filter(team_id=team)
    said = said.filter(changes__contains=f'"{name}":[{obj.pk},null]').order_by("-pk")
    return list(said.values_list("target_id", flat=True)[:MOST_ROWS])


def _named(label: str) -> str:
    model = model_of(label)
    return str(model._meta.verbose_name_plural) if model is not None else label
