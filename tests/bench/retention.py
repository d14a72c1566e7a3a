"""What pruning the trail costs those who write to it: their p99 while it runs, beside their p99 while it is quiet.

    python -m tests.bench.retention [--entries 5000000] [--writers 4] [--seconds 20] [--json FILE]

On a PostgreSQL of its own: so many entries, sealed two months ago; writers that each record a change ten times a
second, as people do; and in turn so many seconds of quiet and of pruning, until nothing is due. `fill`, `write` and
`prune` are the programs that it starts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

RATE = 10  # writes a second of each writer
FILL = """
INSERT INTO audit_entry (created_at, action, outcome, actor_kind, actor_id, actor_user_id, actor_label, on_behalf_of,
    target_type, target_id, target_label, subject_id, team_id, changes, reason, method, path, address, request_id)
SELECT now() - interval '70 days' + n * interval '1 second' / 10, 'update', 'done', 'user', (mod(n, 5000))::text, mod(n, 5000),
    'sealed:' || repeat(md5(n::text), 4), '', 'projects.Project', (mod(n, 900))::text, 'project-' || mod(n, 900), NULL,
    mod(n, 400), '{"name":["before ' || n || '","after ' || n || '"]}', '', 'POST',
    '/admin/projects/project/' || mod(n, 900) || '/change/', '192.0.2.' || mod(n, 250), 'req_' || md5(n::text)
FROM generate_series(%s::bigint, %s::bigint) AS n
"""
PIECE = 100_000


def fill(entries: int) -> None:
    """As retention finds them: sealed, and older than they are kept."""
    from django.db import connection
    from django.utils import timezone

    from audit import sealing

    for first in range(1, entries + 1, PIECE):
        with connection.cursor() as cursor:
            cursor.execute(FILL, [first, min(entries, first + PIECE - 1)])
    real = timezone.now
    timezone.now = lambda: real() - timedelta(days=60)
    sealing.seal()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audit_entry")


def write(seconds: float) -> None:
    """Milliseconds of each write, one a line: a row that changes and its entry, in one transaction."""
    from teams.models import Team

    team, _created = Team.objects.get_or_create(slug=f"bench-{os.getpid()}", name="Bench")
    until = time.monotonic() + seconds
    while (begun := time.monotonic()) < until:
        team.name = f"Bench {begun}"
        team.save()
        spent = time.monotonic() - begun
        sys.stdout.write(f"{spent * 1000:.3f}\n")
        time.sleep(max(0, 1 / RATE - spent))


def prune(seconds: float) -> None:
    from portal import retention

    kind = next(kind for kind in retention.kinds() if kind.name == "audit")
    run = retention._run(kind, seconds)
    sys.stdout.write(f"{run.removed} {run.state}\n")


def measure(entries: int, writers: int, seconds: float) -> dict[str, Any]:
    from tests.bench.__main__ import environment
    from tests.servers import postgres_server, redis_server_process

    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(redis_server_process(data / "redis"))
        database = stack.enter_context(postgres_server())
        env = environment(data, database, redis, "") | {"PORTAL_AUDIT_DAYS": "31"}
        for deed in ("create_database_roles", "migrate"):
            subprocess.run(
                [sys.executable, "manage.py", deed], env={**os.environ, **env}, check=True
            )
        begun = time.monotonic()
        if program(env, "fill", entries).wait():
            raise SystemExit("the trail could not be filled")
        sys.stderr.write(f"filled and sealed in {time.monotonic() - begun:.0f} s\n")
        quiet: list[float] = []
        busy: list[float] = []
        removed, rounds, spent = 0, 0, 0.0
        state = ""
        while state != "done":
            quiet += latencies([program(env, "write", seconds) for _ in range(writers)])
            running = [program(env, "write", seconds) for _ in range(writers)]
            begun = time.monotonic()
            said = program(env, "prune", seconds).communicate()[0].split()
            spent += time.monotonic() - begun
            busy += latencies(running)
            removed, state, rounds = removed + int(said[0]), said[1], rounds + 1
            sys.stderr.write(f"{removed:,} removed, quiet {p99(quiet)}, pruning {p99(busy)}\n")
        verified = program(env, "verify", 0).wait()
    return {
        "removed": removed,
        "per_second": round(removed / spent),
        "rounds": rounds,
        "writes_quiet": len(quiet),
        "writes_while_pruning": len(busy),
        "quiet_p50_ms": percentile(quiet, 0.5),
        "pruning_p50_ms": percentile(busy, 0.5),
        "quiet_p99_ms": p99(quiet),
        "pruning_p99_ms": p99(busy),
        "ratio": round(p99(busy) / p99(quiet), 2),
        "verifies": verified == 0,
    }


def program(env: dict[str, str], name: str, argument: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.retention", name, str(argument)],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        text=True,
    )


def latencies(running: list[subprocess.Popen[str]]) -> list[float]:
    return [float(line) for one in running for line in one.communicate()[0].split()]


def percentile(values: list[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))], 2)


def p99(values: list[float]) -> float:
    return percentile(values, 0.99)


def main() -> None:
    programs = {"fill": lambda n: fill(int(n)), "write": write, "prune": prune, "verify": verify}
    if len(sys.argv) > 2 and sys.argv[1] in programs:
        import django

        django.setup()
        programs[sys.argv[1]](float(sys.argv[2]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=5_000_000)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.entries, options.writers, options.seconds)
    text = json.dumps(found, indent=2)
    sys.stdout.write(f"{text}\n")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text)


def verify(_nothing: float) -> None:
    """What is left still verifies."""
    from django.core.management import call_command

    call_command("verify_audit")


if __name__ == "__main__":
    main()
