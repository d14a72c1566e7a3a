"""The whole permission matrix as CSV through the web server: 10,000 people × 1,000 projects, seconds and memory.

Run by `python -m tests.bench --only access`; as a program of its own (`python -m tests.bench.access TEAMS`) it fills the
portal's database, with each person in so many of the ten teams.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

PEOPLE, PROJECTS = 10_000, 1_000
CASES = {"each person in two of ten teams": 2, "everybody in all ten teams": 10}
ADMIN, PASSWORD = "bench-admin@example.com", "correct-horse-battery-9"
MATRIX = "/api/permissions/matrix"


def measure(env: dict[str, str]) -> dict[str, Any]:
    from tests.bench import servers

    found = {}
    for case, teams in CASES.items():
        fill = [sys.executable, "-m", "tests.bench.access", str(teams)]
        subprocess.run(fill, env={**os.environ, **env}, check=True)
        port = servers.free_port()
        command = servers.serving("granian", "portal.wsgi:application", port)
        with servers.process(command, env=env, core=0) as running:
            servers.wait_for(port, "/healthz")
            found[case] = figures(f"http://127.0.0.1:{port}", running.pid)
    return found


def figures(base: str, group: int) -> dict[str, Any]:
    """Of the server's process group, warm: a page of JSON, then the file."""
    body = {"email": ADMIN, "password": PASSWORD}
    access = requests.post(f"{base}/api/auth/token/", json=body, timeout=60).json()["access"]
    headers = {"Authorization": f"Bearer {access}"}
    begun = time.monotonic()
    page = requests.get(f"{base}{MATRIX}?limit=20", headers=headers, timeout=60)
    page.raise_for_status()
    page_s, idle = time.monotonic() - begun, most_memory(group)
    begun, first, size, rows = time.monotonic(), 0.0, 0, -1
    query = f"{base}{MATRIX}?format=csv"
    with requests.get(query, headers=headers, timeout=600, stream=True) as answer:
        answer.raise_for_status()
        for piece in answer.iter_content(1 << 20):
            first = first or time.monotonic() - begun
            size += len(piece)
            rows += piece.count(b"\n")
    return {
        "rows": rows,
        "megabytes": round(size / 1e6, 1),
        "seconds": round(time.monotonic() - begun, 2),
        "first_piece_s": round(first, 2),
        "page_of_20_s": round(page_s, 2),
        "peak_before_mb": idle,
        "peak_after_mb": most_memory(group),
    }


def most_memory(group: int) -> int:
    """The most that the processes of this group ever held, in megabytes."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) == group:
                lines = (process / "status").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
        except (OSError, StopIteration):
            continue
    return total // 1024


def show(found: dict[str, Any]) -> None:
    for case, figures_ in found.items():
        words = ", ".join(f"{name} {value}" for name, value in figures_.items())
        sys.stdout.write(f"matrix of {PEOPLE} x {PROJECTS}, {case}: {words}\n")


def fill(teams: int) -> None:
    import django

    django.setup()
    from accounts.models import User
    from tests.projects.crowd import crowd

    crowd(people=PEOPLE, projects=PROJECTS, teams_each=teams)
    if not User.objects.filter(email=ADMIN).exists():
        admin = User(email=ADMIN, is_superuser=True)
        admin.set_password(PASSWORD)
        admin.save()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    fill(int(sys.argv[1]))
