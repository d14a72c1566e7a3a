"""Where things are in the console: areas in the words of its people, sections of the rooms, and the way to a page."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

AREAS: dict[str, Any] = {
    "work": _("Work"),
    "guards": _("Guards"),
    "people": _("People"),
    "platform": _("Platform"),
    "trail": _("Trail"),
}


@dataclass(frozen=True, slots=True)
class Link:
    label: Any
    url: str
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A titled group of the navigation."""

    title: Any
    links: list[Link] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tool:
    """What one can do from a page: a link, or with `is_deed` a form that posts."""

    label: Any
    url: str
    symbol: str = ""
    is_deed: bool = False


SectionSource = Callable[[HttpRequest], Section | None]
_sections: list[SectionSource] = []


def register_section(source: SectionSource) -> None:
    """`source(request)` gives a section below the start page, or None: the teams register theirs."""
    _sections.append(source)


def navigation(request: HttpRequest, site: Any) -> list[Section]:
    """What this person may open, grouped by area; pages without an area are reached from others."""
    start = reverse("admin:index")
    at_start = request.path == start and "team" not in request.GET
    found = [Section("", [Link(_("Start"), start, at_start)])]
    for source in _sections:
        section = source(request)
        if section is not None and section.links:
            found.append(section)
    pages = [page for page in site._registry.values() if getattr(page, "area", "")]
    pages.sort(key=lambda page: page.place)
    for area, title in AREAS.items():
        links = [
            link_to_list(page, request)
            for page in pages
            if page.area == area and page.has_module_permission(request)
        ]
        if links:
            found.append(Section(title, links))
    return found


def list_url(page: admin.ModelAdmin) -> str:
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")


def link_to_list(page: Any, request: HttpRequest) -> Link:
    url = list_url(page)
    return Link(page.list_name, url, request.path.startswith(url))


def breadcrumbs(page: Any, *, original: Any = None, last: Any = "") -> list[Link]:
    """From the start page to here; the last one is the page itself and has no address."""
    found = [Link(_("Console"), reverse("admin:index"))]
    if page is None:
        return [*found, Link(last, "")] if last else found
    found.append(Link(page.list_name, list_url(page)))
    if original is not None and last:
        name = f"admin:{page.opts.app_label}_{page.opts.model_name}_change"
        found.append(Link(str(original), reverse(name, args=[original.pk])))
    if last or original is not None:
        found.append(Link(capfirst(last) if last else str(original), ""))
    else:
        found[-1] = Link(page.list_name, "")
    return found
