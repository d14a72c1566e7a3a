"""Who is under a legal hold, for `portal.legal_holds`, which whatever removes something asks."""

from typing import Any

from django.db import connection
from django.db.models.signals import pre_delete, pre_save

from portal import legal_holds, tenancy
from portal.legal_holds import Held
from teams.models import LegalHold


def held() -> Held:
    """On PostgreSQL by a function of the database: who deletes something of their own sees no hold."""
    if connection.vendor == tenancy.POSTGRESQL:
        with connection.cursor() as cursor:
            cursor.execute("SELECT portal_legal_holds()")
            teams, _bar, people = cursor.fetchone()[0].partition("|")
        return Held(_numbers(teams), _numbers(people))
    rows = list(LegalHold.objects.values_list("held_team_id", "held_person_id"))
    return Held(
        frozenset(team for team, _person in rows if team),
        frozenset(person for _team, person in rows if person),
    )


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(number) for number in text.split(",") if number)


def _about_to_change(**_: Any) -> None:
    legal_holds.about_to_change()


def install() -> None:
    legal_holds.register_holds(held)
    for signal in (pre_save, pre_delete):
        signal.connect(_about_to_change, sender=LegalHold, dispatch_uid="teams.holds")
