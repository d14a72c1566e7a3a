"""The trail's pages at ten million entries: p50, p95 and queries of list, filters, search and entry, on PostgreSQL.

Run by `python -m tests.bench --only trail [--entries 10000000]`; as a program of its own (`python -m tests.bench.trail`)
it looks at the pages of the portal whose environment it has, which `tests.bench.entries` filled.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import quantiles
from typing import Any

ENTRIES = 10_000_000
ROUNDS = 40
LIST = "/admin/audit/entry/"


def measure(env: dict[str, str], entries: int) -> dict[str, Any]:
    """In an installation of its own: filled as its owner, looked at as the web process's role."""
    fill = [sys.executable, "-m", "tests.bench.entries", str(entries)]
    begun = time.monotonic()
    subprocess.run(fill, env={**os.environ, **env, "GATEHOUSE_PROCESS": "owner"}, check=True)
    filled = round(time.monotonic() - begun)
    found = subprocess.run(
        [sys.executable, "-m", "tests.bench.trail"],
        env={**os.environ, **env, "GATEHOUSE_PROCESS": "web"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return {"entries": entries, "filled_s": filled, "pages": json.loads(found.stdout)}


def show(found: dict[str, Any]) -> None:
    out = sys.stdout
    out.write(f"{found['entries']:,} entries, written in {found['filled_s']} s\n")
    for name, figures in found["pages"].items():
        out.write(
            f"{name:<44}{figures['p50_ms']:>9}{figures['p95_ms']:>9} ms{figures['queries']:>5}\n"
        )


def pages() -> dict[str, dict[str, Any]]:
    """Each page with other values in each round, signed in as who may read everything, and as team admins."""
    from django.test import Client

    from accounts.models import User
    from audit.models import Entry
    from portal.tenancy import EVERYTHING, tenant

    with tenant(EVERYTHING):
        top = Entry.objects.order_by("-pk").values_list("pk", flat=True)[0]
        people = people_of_the_bench()
        emails = list(
            User.objects.filter(email__startswith="trail")
            .order_by("pk")
            .values_list("email", flat=True)
        )
    found = {}
    for who, user in people.items():
        client = Client(headers={"host": "localhost"})
        with tenant(EVERYTHING):
            client.force_login(user)
        client.get(LIST)  # templates are compiled once a process
        for name, address in addresses(top, emails).items():
            found[f"{who}: {name}"] = figures(
                client, address, ROUNDS if who == "all" else ROUNDS // 2
            )
    return found


def addresses(top: int, emails: list[str]) -> dict[str, Callable[[int], str]]:
    """A page's address by round."""

    def at(share: float) -> int:
        return max(1, int(top * share))

    return {
        "newest": lambda n: LIST,
        "deep": lambda n: f"{LIST}?before={at((n + 1) / (ROUNDS + 2))}",
        "deep, newer": lambda n: f"{LIST}?after={at((n + 1) / (ROUNDS + 2))}",
        "actor": lambda n: f"{LIST}?actor={emails[n * 7 % len(emails)]}",
        "actor of few": lambda n: f"{LIST}?actor={emails[-1 - n]}",
        "about a person": lambda n: f"{LIST}?about={emails[n * 7 % len(emails)]}",
        "action": lambda n: f"{LIST}?action={('sign_in', 'update', 'delete', 'failed')[n % 4]}",
        "action, deep": lambda n: f"{LIST}?action=failed&before={at(0.1)}",
        "kind and action": lambda n: f"{LIST}?target_type=portal.Setting&action=update",
        "kind and action, nothing": lambda n: f"{LIST}?target_type=accounts.Key&action=update",
        "outcome": lambda n: f"{LIST}?outcome={('refused', 'failed')[n % 2]}",
        "outcome and action, nothing": lambda n: f"{LIST}?outcome=refused&action=update",
        "object": lambda n: f"{LIST}?object=projects.Project:{n + 1}",
        "label": lambda n: f"{LIST}?object=assistant-{n * 100 + 7}",
        "address": lambda n: f"{LIST}?address=10.{n}.1.{n}",
        "address and action": lambda n: f"{LIST}?address=10.{n}.1.{n}&action=delete",
        "request": lambda n: f"{LIST}?request_id=req_{n * 1000:024x}",
        "a day long ago": lambda n: f"{LIST}?from=2025-0{n % 9 + 1}-05&to=2025-0{n % 9 + 1}-05",
        "last day and actor": lambda n: f"{LIST}?last=24h&actor={emails[n]}",
        "month long ago and rare action": lambda n: (
            f"{LIST}?from=2025-0{n % 9 + 1}-01&to=2025-0{n % 9 + 1}-28&action=failed"
        ),
        "an entry": lambda n: f"{LIST}{at((n + 1) / (ROUNDS + 2))}/change/",
    }


def people_of_the_bench() -> dict[str, Any]:
    """An auditor, and who administers the largest team, three teams, or sixty."""
    from accounts.models import User
    from teams.models import Membership, Team

    teams = list(Team.objects.filter(slug__startswith="trail").order_by("pk"))
    found = {}
    for who, mine in (
        ("all", []),
        ("1 team", teams[:1]),
        ("3 teams", teams[:3]),
        ("60", teams[:60]),
    ):
        user = User.objects.filter(email=f"bench-{len(mine)}@example.com").first()
        if user is None:
            user = User.objects.create(email=f"bench-{len(mine)}@example.com", is_auditor=not mine)
            for team in mine:
                Membership.objects.create(team=team, user=user, role="admin")
        found[who] = user
    return found


def figures(client: Any, address: Callable[[int], str], rounds: int) -> dict[str, Any]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    times, most = [], 0
    for number in range(rounds):
        url = address(number)
        begun = time.perf_counter()
        response = client.get(url)
        times.append((time.perf_counter() - begun) * 1000)
        if response.status_code not in (200, 404):
            raise RuntimeError(f"{url}: {response.status_code}")
    for number in range(2):
        with CaptureQueriesContext(connection) as asked:
            client.get(address(number))
        most = max(most, len(asked))
    cuts = quantiles(times, n=20)
    return {"p50_ms": round(cuts[9], 1), "p95_ms": round(cuts[18], 1), "queries": most}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django

    django.setup()
    sys.stdout.write(json.dumps(pages()))
