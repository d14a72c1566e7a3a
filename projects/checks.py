"""System checks of the projects, asked with the database: `manage.py check --database default`, and by `migrate`."""

from typing import Any

from django.conf import settings
from django.core.checks import Tags, Warning, register
from django.db import DatabaseError

from portal.models import Provider
from projects.models import Project


@register(Tags.database)
def check_offline_projects(app_configs: Any, databases: Any, **_: Any) -> list[Warning]:
    """Production warns while a project still answers through the offline provider."""
    if settings.DEVELOPMENT or not databases:
        return []
    offline = Provider.Kind.OFFLINE
    try:
        slugs = list(
            Project.objects.filter(model__provider__kind=offline).values_list("slug", flat=True)
        )
    except DatabaseError:  # not migrated yet
        return []
    if not slugs:
        return []
    return [
        Warning(
            f"These projects still use the offline provider, which is no model: {', '.join(slugs)}.",
            hint="Connect a provider in the console and choose one of its models.",
            id="projects.W001",
        )
    ]
