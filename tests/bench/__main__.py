"""The guarded completion and the guarded stream beside the floor: interleaved repetitions, medians, ratios, JSON.

    python -m tests.bench [--only exchanges|access|verification|trail] [--server granian|gevent|gthread]… [--seconds 5] [--repeat 3]
        [--json FILE]

The portal runs with PostgreSQL and Redis in one process on one core; load and upstream share another.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import access, load, servers, trail, verification
from tests.servers import postgres_server, redis_server_process
from tests.tooling.installation import role_urls

# `bare` is the portal without encryption, tenancy and headers: what they cost is 1 - portal/bare.
APPLICATIONS = {
    "floor": "tests.bench.floor:application",
    "portal": "portal.wsgi:application",
    "bare": "tests.bench.bare:application",
}
CASES: dict[str, dict[str, Any]] = {
    "completions/s, 16 at a time": {"at_a_time": 16, "stream": False},
    "completion, one at a time": {"at_a_time": 1, "stream": False},
    "streams/s, 200 at a time": {"at_a_time": 200, "stream": True},
}


def environment(data: Path, database: str, redis: str, upstream: str) -> dict[str, str]:
    return {
        "PORTAL_ENV": "development",
        "PORTAL_DATA_DIR": str(data),
        **role_urls(database),
        "REDIS_URL": redis,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "BENCH_UPSTREAM": upstream,
    }


def installation(stack: ExitStack, upstream: str) -> dict[str, str]:
    """The environment of a portal with a PostgreSQL and a Redis of its own, migrated."""
    data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    database = stack.enter_context(postgres_server())
    redis = stack.enter_context(redis_server_process(data / "redis"))
    env = environment(data, database, redis, upstream)
    for deed in ("create_database_roles", "migrate"):
        subprocess.run(
            [sys.executable, "manage.py", deed],
            env={**os.environ, **env},
            check=True,
            capture_output=True,
        )
    return env


def measure(kinds: list[str], seconds: float, repeat: int) -> dict[str, Any]:
    results: dict[str, Any] = {}
    with ExitStack() as stack:
        port = servers.free_port()
        env = installation(stack, f"http://127.0.0.1:{port}/v1")
        command = [sys.executable, "-m", "tests.bench.upstream", str(port)]
        stack.enter_context(servers.process(command, env=env, core=1))
        key = subprocess.run(
            [sys.executable, "-m", "tests.bench.setup"],
            env={**os.environ, **env},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for kind in kinds:
            results[kind] = compare(kind, env, key, seconds, repeat)
    return results


def compare(
    kind: str, env: dict[str, str], key: str, seconds: float, repeat: int
) -> dict[str, Any]:
    """Floor, portal, and the portal without encryption, tenancy and headers, under the same server, in turn."""
    ports = {who: servers.free_port() for who in APPLICATIONS}
    found: dict[str, dict[str, list[load.Figures]]] = {case: {} for case in CASES}
    with ExitStack() as stack:
        for who, port in ports.items():
            command = servers.serving(kind, APPLICATIONS[who], port)
            stack.enter_context(servers.process(command, env=env, core=0))
        for port in ports.values():
            servers.wait_for(port, "/healthz")
        for case, options in CASES.items():
            for _ in range(repeat):
                for who, port in ports.items():
                    payload = load.request_bytes(
                        port, key="" if who == "floor" else key, stream=options["stream"]
                    )
                    load.run(port, payload, at_a_time=options["at_a_time"], seconds=0.5)
                    figures = load.run(
                        port, payload, at_a_time=options["at_a_time"], seconds=seconds
                    )
                    found[case].setdefault(who, []).append(figures)
    return {case: summary(who) for case, who in found.items()}


def summary(who: dict[str, list[load.Figures]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, runs in who.items():
        table[name] = {
            "per_second": round(median(run.per_second for run in runs), 1),
            "p50_ms": round(median(run.p50 for run in runs), 2),
            "p99_ms": round(median(run.p99 for run in runs), 2),
            "first_p50_ms": round(median(run.first_p50 for run in runs), 2),
            "errors": sum(run.errors for run in runs),
        }
    for below in ("floor", "bare"):
        ratio = table["portal"]["per_second"] / table[below]["per_second"]
        table[f"portal/{below}"] = round(ratio, 3)
    return table


def show(results: dict[str, Any]) -> None:
    out = sys.stdout
    out.write(
        f"{'server':<9}{'case':<30}{'who':<8}{'/s':>9}{'p50':>9}{'p99':>9}{'first':>9}{'err':>5}\n"
    )
    for kind, cases in results.items():
        for case, table in cases.items():
            for who in APPLICATIONS:
                row = table[who]
                out.write(
                    f"{kind:<9}{case:<30}{who:<8}{row['per_second']:>9}{row['p50_ms']:>9}"
                    f"{row['p99_ms']:>9}{row['first_p50_ms']:>9}{row['errors']:>5}\n"
                )
            out.write(
                f"{'':<39}portal/floor {table['portal/floor']}  portal/bare {table['portal/bare']}\n"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", action="append", choices=["granian", "gevent", "gthread"])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=["exchanges", "access", "verification", "trail"])
    parser.add_argument("--entries", type=int, default=trail.ENTRIES, help="of `--only trail`")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    if options.only in (None, "exchanges"):
        results = measure(options.server or ["granian"], options.seconds, options.repeat)
        show(results)
    for name, bench in (("access", access), ("verification", verification)):
        if options.only in (None, name):
            with ExitStack() as stack:
                found = bench.measure(installation(stack, "http://127.0.0.1:9/v1"))
            results[name] = found
            bench.show(found)
    if options.only == "trail":  # minutes, and gigabytes: only where it is asked for
        with ExitStack() as stack:
            env = installation(stack, "http://127.0.0.1:9/v1")
            results["trail"] = trail.measure(env, options.entries)
        trail.show(results["trail"])
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
