"""`make run`'s command as a process of its own, for the tests that need the whole portal."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.gates.__main__ import clean_environment

ROOT = Path(__file__).parents[1]


class House:
    """The command as a process of its own, with what it printed."""

    def __init__(self, data: Path, port: int, **env: str) -> None:
        self.port, self.lines = port, []
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=ROOT,
            env=clean_environment(
                PORTAL_ENV="development", PORTAL_DATA_DIR=str(data), PORT=str(port), **env
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    def wait_until_open(self) -> None:
        until = time.monotonic() + 90
        while "Gatehouse is open" not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < until, self.said
            time.sleep(0.1)

    def children(self) -> set[int]:
        """Every process below the parent, itself included."""
        found, parents = {self.process.pid}, {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(stat.parent.name)] = int(fields[1])
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(40)
        self.reader.join(5)
        return code
