"""What the console's templates ask for: navigation, the way here, charts, and the filters of a list."""

from typing import Any

from django import template
from django.contrib import admin
from django.utils.safestring import SafeString

from portal import cells, charts
from portal.console_navigation import Link, Section, breadcrumbs, navigation

register = template.Library()


@register.simple_tag(takes_context=True)
def console_navigation(context: Any) -> list[Section]:
    return navigation(context["request"], admin.site)


@register.simple_tag(takes_context=True)
def console_breadcrumbs(context: Any) -> list[Link]:
    """From what the stock views put into their contexts."""
    options = context.get("opts")
    page = admin.site._registry.get(options.model) if options is not None else None
    if page is None:
        through = context.get("through") or ()
        return breadcrumbs(None, last=context.get("crumb") or "", through=through)
    original = context.get("original") or context.get("object")
    return breadcrumbs(page, original=original, last=context.get("crumb") or "")


@register.simple_tag
def bars(series: charts.Series) -> SafeString:
    return charts.bars(series)


@register.filter
def when(moment: Any) -> SafeString:
    return cells.when(moment)


@register.filter
def shown(figure: Any, value: Any) -> str:
    return figure.shown(value)


@register.filter
def figure(value: Any) -> SafeString:
    return cells.number(value)


@register.filter
def usd(value: Any) -> SafeString:
    return cells.usd(value)
