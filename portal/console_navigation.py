"""Where things are in the console: areas in the words of its people, sections of the rooms, and the way to a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the console that is no model's: below `path`, under the url name `admin:<name>`."""

    name: str
    path: str
    label: Any
    view: Callable[..., Any]
    may: Callable[[HttpRequest], bool]
    area: str = ""
    place: int = 100


_pages: list[Page] = []


def register_page(page: Page) -> None:
    """Rooms register theirs when they are ready. `may` decides whether the navigation shows it; the view asks again."""
    if page.name not in {known.name for known in _pages}:
        _pages.append(page)


def registered_pages() -> list[Page]:
    return list(_pages)


ToolSource = Callable[[HttpRequest, Any], list[Tool]]
_tools: dict[str, list[ToolSource]] = {}


def register_tools(label: str, source: ToolSource) -> None:
    """What a higher room adds to a model's pages: `source(request, obj)`, with None on the page that adds one."""
    sources = _tools.setdefault(label, [])
    if source not in sources:
        sources.append(source)


def registered_tools(label: str, request: HttpRequest, obj: Any) -> list[Tool]:
    return [tool for source in _tools.get(label, ()) for tool in source(request, obj)]


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
    for area, title in AREAS.items():
        if links := _links_of(area, request, site):
            found.append(Section(title, links))
    return _with_one_here(found)


def _with_one_here(sections: list[Section]) -> list[Section]:
    """Of links that lie below each other the nearest alone is where one is."""
    longest = max(
        (len(one.url) for part in sections for one in part.links if one.is_here), default=0
    )
    return [
        Section(
            part.title,
            [replace(one, is_here=one.is_here and len(one.url) == longest) for one in part.links],
        )
        for part in sections
    ]


def _links_of(area: str, request: HttpRequest, site: Any) -> list[Link]:
    """Lists of models and pages of their own, in the order of their places."""
    found = [
        (page.place, link_to_list(page, request))
        for page in site._registry.values()
        if getattr(page, "area", "") == area and page.has_module_permission(request)
    ]
    for page in _pages:
        if page.area == area and page.may(request):
            url = reverse(f"admin:{page.name}")
            found.append((page.place, Link(page.label, url, request.path.startswith(url))))
    return [link for _place, link in sorted(found, key=lambda pair: pair[0])]


def list_url(page: admin.ModelAdmin) -> str:
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")


def link_to_list(page: Any, request: HttpRequest) -> Link:
    url = list_url(page)
    return Link(page.list_name, url, request.path.startswith(url))


def breadcrumbs(
    page: Any, *, original: Any = None, last: Any = "", through: Sequence[Link] = ()
) -> list[Link]:
    """From the start page to here, `through` the pages between; the last is the page itself and has no address."""
    found = [Link(_("Console"), reverse("admin:index")), *through]
    if page is None:
        return [*found, Link(last, "")] if last else found
    found.append(Link(page.list_name, list_url(page)))
    if original is not None and last:
        name = f"admin:{page.opts.app_label}_{page.opts.model_name}_change"
        found.append(Link(page.object_title(original), reverse(name, args=[original.pk])))
    if last or original is not None:
        found.append(Link(capfirst(last) if last else page.object_title(original), ""))
    else:
        found[-1] = Link(page.list_name, "")
    return found
