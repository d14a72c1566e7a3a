"""A task for one team, as a real worker carries it out: `celery worker --include tests.tooling.narrow_task`."""

import json
from pathlib import Path

from celery import shared_task
from django.db import DatabaseError

from portal.tenancy import Scope, tenant
from projects.models import Exchange, Project
from teams.models import Team


@shared_task(name="tests.narrow")
def narrow(team: str, path: str) -> None:
    """Writes down which projects it sees within its team's scope and outside, and what came of reaching further."""
    own, other = Team.objects.get(slug=team), Team.objects.exclude(slug=team).first()
    with tenant(Scope(teams=frozenset([own.pk]))):
        inside = [project.slug for project in Project.objects.all()]
        changed = Project.objects.exclude(team=own).update(name="Mine")
        Exchange.objects.create(project_slug="narrow", team=own)
    try:
        with tenant(Scope(teams=frozenset([own.pk]))):
            Exchange.objects.create(project_slug="narrow", team=other)
        refused = ""
    except DatabaseError as error:
        refused = str(error)
    said = {"inside": inside, "changed": changed, "refused": refused}
    said["outside"] = Project.objects.count()
    written = Path(path).with_suffix(".part")
    written.write_text(json.dumps(said))
    written.rename(path)
