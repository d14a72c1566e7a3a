"""Years of a trail in minutes: entries as an organisation of thousands leaves them, written below the recorder.

    python -m tests.bench.entries 10000000

adds so many to the portal's database (its environment, with the owner's rights), spread over the two years before now:
people of very different diligence, a team that is larger than all others, keys, automation, failures, rare deeds long
ago. COPY on PostgreSQL, into a table of its own first, for a table with policies takes none; its indexes are built
afterwards. The same count and seed give the same entries. Never run it where anything counts.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from typing import Any

BATCH = 100_000
DAYS = 730
KINDS: tuple[tuple[str, str, int], ...] = (  # action, target type, how many of a thousand
    ("sign_in", "accounts.User", 240),
    ("sign_in_failed", "accounts.User", 40),
    ("sign_out", "accounts.User", 80),
    ("sign_in_unusual", "accounts.User", 6),
    ("tokens_issued", "accounts.User", 110),
    ("key_used_from_new_network", "accounts.Key", 12),
    ("update", "projects.Project", 90),
    ("update", "accounts.User", 60),
    ("update", "teams.Membership", 30),
    ("update", "guards.Guard", 12),
    ("update", "portal.Setting", 4),
    ("create", "accounts.Key", 50),
    ("create", "teams.Membership", 60),
    ("create", "projects.Project", 25),
    ("create", "projects.ProjectMember", 60),
    ("delete", "projects.ProjectMember", 40),
    ("delete", "teams.Membership", 25),
    ("delete", "accounts.Key", 14),
    ("conversations_deleted", "projects.Project", 10),
    ("refused", "projects.Project", 20),
    ("access_exported", "accounts.User", 3),
    ("impersonation_started", "accounts.User", 3),
    ("key_rotated", "accounts.Key", 5),
    ("failed", "", 1),
)
FAILED = {"failed": "failed", "refused": "refused", "sign_in_failed": "refused"}
WORDS = ("assistant", "helpdesk", "drafts", "contracts", "tickets", "onboarding", "recipes", "code")


@dataclass(slots=True)
class House:
    """Who and what the entries speak of: ids of people and teams, with the sealed address of each person."""

    people: Sequence[int]
    teams: Sequence[int]
    labels: dict[int, str] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def imagined(cls, people: int = 5_000, teams: int = 400) -> "House":
        return cls(range(1_000_000, 1_000_000 + people), range(1_000_000, 1_000_000 + teams))


def rows(count: int, house: House, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Entries by column, oldest first."""
    dice = random.Random(seed)
    weights = list(accumulate(share for _action, _target, share in KINDS))
    diligence = list(accumulate(1 / (n + 3) for n in range(len(house.people))))
    sizes = list(accumulate(1 / (n + 1) for n in range(len(house.teams))))
    begin, span = house.now - timedelta(days=DAYS), DAYS * 86_400
    made = 0
    while made < count:
        many = min(10_000, count - made)
        kinds = dice.choices(KINDS, cum_weights=weights, k=many)
        actors = dice.choices(house.people, cum_weights=diligence, k=many)
        teams = dice.choices(house.teams, cum_weights=sizes, k=many)
        for at in range(many):
            share = ((made + at) / count) ** 0.7  # the house grew
            moment = begin + timedelta(seconds=share * span + dice.random())
            yield _entry(dice, house, kinds[at], actors[at], teams[at], moment, made + at)
        made += many


def _entry(
    dice: random.Random,
    house: House,
    kind: tuple[str, str, int],
    actor: int,
    team: int,
    moment: datetime,
    number: int,
) -> dict[str, Any]:
    action, target_type, _share = kind
    chance = dice.random()
    is_person = target_type == "accounts.User"
    target = actor if is_person and action != "update" else dice.randrange(1, 40_000)
    is_key, is_system = 0.10 < chance < 0.22 and not is_person, chance > 0.95
    known = action != "sign_in_failed" and not is_system
    outcome = FAILED.get(action, "done")
    is_mutation = action in ("create", "update", "delete")
    value = f'"{dice.choice(WORDS)} {number % 977}"'
    return {
        "created_at": moment,
        "action": action,
        "outcome": outcome,
        "actor_kind": (
            "key" if is_key else "user" if known else "system" if is_system else "anonymous"
        ),
        "actor_id": f"k{actor:011d}" if is_key else str(actor) if known else "",
        "actor_user_id": actor if known else None,
        "actor_label": house.labels.get(actor, f"person-{actor}") if known else "",
        "on_behalf_of_id": None,
        "on_behalf_of": "",
        "target_type": target_type,
        "target_id": str(target) if target_type else "",
        "target_label": f"{dice.choice(WORDS)}-{target}" if not is_person else f"user {target}",
        "subject_id": target if is_person else actor if "Member" in target_type else None,
        "team_id": None if is_person or is_system else team,
        "changes": f'{{"name": [{value}, "{number % 1013}"]}}' if is_mutation else "{}",
        "reason": "ticket 4711" if chance < 0.01 else "",
        "method": "" if is_system else "POST",
        "path": "" if is_system else f"/admin/{target_type.lower().replace('.', '/')}/{target}/",
        "status": {"refused": 403, "failed": 500}.get(outcome),
        "address": "" if is_system else f"10.{actor % 250}.{dice.randrange(4)}.{actor % 251}",
        "request_id": f"req_{number // 2:024x}",
    }


def add(count: int, house: House, *, seed: int = 7) -> int:
    """Writes them into the portal's database, and tells it what it holds. Answers how many."""
    from django.db import connection

    from audit.models import Entry

    names = [f.column for f in Entry._meta.concrete_fields if not f.primary_key]
    source = rows(count, house, seed)
    while batch := [[row[name] for name in names] for row in islice(source, BATCH)]:
        if connection.vendor == "postgresql":
            _copy(names, batch)
        else:
            _insert(names, batch)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {Entry._meta.db_table}")
    return count


def _copy(names: list[str], batch: list[list[Any]]) -> None:
    from django.db import connection, transaction

    from audit.models import Entry

    table, columns = Entry._meta.db_table, ", ".join(names)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE made ON COMMIT DROP AS SELECT {columns} FROM {table} LIMIT 0"
        )
        with cursor.copy(f"COPY made ({columns}) FROM STDIN") as copy:
            for row in batch:
                copy.write_row(row)
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM made")
        cursor.execute("DROP TABLE made")


def _insert(names: list[str], batch: list[list[Any]]) -> None:
    from django.db import connection, transaction

    from audit.models import Entry

    marks = ", ".join(["%s"] * len(names))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {Entry._meta.db_table} ({', '.join(names)}) VALUES ({marks})",
            batch,
        )


@contextmanager
def indexes_later() -> Iterator[None]:
    """Takes the table's indexes away and builds them at the end: half the time, for millions of rows."""
    from django.db import connection

    from audit.models import Entry

    with connection.schema_editor() as editor:
        for index in Entry._meta.indexes:
            editor.remove_index(Entry, index)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            for index in Entry._meta.indexes:
                editor.add_index(Entry, index)


def furnished(people: int = 1_000, teams: int = 400) -> House:
    """A house whose people and teams are rows, so that pages find who is meant. Each has a data key and a sealed name."""
    from accounts.models import User
    from audit.labels import sealed_label
    from portal.context import Actor
    from teams.models import Team
    from tests.projects.crowd import _add

    users = _add(User(email=f"trail{n}@example.com") for n in range(people))
    made = _add(Team(slug=f"trail{n}", name=f"Trail {n}") for n in range(teams))
    labels = {user.pk: sealed_label(Actor("user", str(user.pk), user.email)) for user in users}
    return House([user.pk for user in users], [team.pk for team in made], labels)


def main() -> None:
    parser = argparse.ArgumentParser(description="Adds made-up entries to the trail.")
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    import django

    django.setup()
    begun = time.monotonic()
    house = furnished()
    with indexes_later():
        add(options.count, house, seed=options.seed)
    from django.db import connection

    from audit.models import Entry

    with connection.cursor() as cursor:
        is_postgres = connection.vendor == "postgresql"
        cursor.execute(f"VACUUM ANALYZE {Entry._meta.db_table}" if is_postgres else "ANALYZE")
    sys.stdout.write(f"{options.count} entries in {time.monotonic() - begun:.0f} s\n")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    main()
