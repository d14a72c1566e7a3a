"""Starts processes in order, starts again what dies, and stops all of them in reverse order."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from deploy.one_machine.layout import Refused
from deploy.one_machine.servers import as_user

PR_SET_PDEATHSIG = 1
LONG_LIFE = 60.0  # seconds after which a death is no longer counted as one of a row
LONGEST_PAUSE = 30.0
START_WITHIN = 120.0


@dataclass(slots=True)
class Service:
    """`is_ready` is asked until it says yes before the next service starts. `stop_with` is its signal for a clean end."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    directory: str
    user: str = ""
    is_ready: Callable[[], bool] = lambda: True
    stop_with: int = signal.SIGTERM
    patience: float = 20.0  # seconds from that signal to SIGKILL
    process: subprocess.Popen | None = None
    started: float = 0.0
    deaths: int = 0
    again_at: float = field(default=0.0)

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            env=dict(self.environment),
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C reaches the supervisor only, which stops them in order
            preexec_fn=_die_with_parent(self.stop_with),
            **as_user(self.user),  # type: ignore[call-overload]
        )
        self.started = time.monotonic()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.is_running:
            self.process.send_signal(self.stop_with)  # type: ignore[union-attr]
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.patience)  # type: ignore[union-attr]
        self.clear()

    def clear(self) -> None:
        """Ends what it left behind: a web server's orphans would go on answering beside the new ones."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _die_with_parent(how: int) -> Callable[[], None]:
    """Even if the supervisor is killed outright nothing of it stays."""
    library = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def prepare() -> None:
        if library is not None:
            library.prctl(PR_SET_PDEATHSIG, how)

    return prepare


class Supervisor:
    """Keeps its services running until a signal ends it."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._services: list[Service] = []
        self._tell = tell
        self._ends = False

    def listen(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)

    def _end(self, *_: object) -> None:
        self._ends = True

    def start(self, service: Service) -> None:
        """Returns once it is ready; raises `Refused` if it dies before, or takes too long."""
        service.start()
        self._services.append(service)
        until = time.monotonic() + START_WITHIN
        while not service.is_ready():
            if self._ends:
                raise KeyboardInterrupt
            if not service.is_running:
                raise Refused(f"{service.name} did not start; what it said stands above.")
            if time.monotonic() > until:
                raise Refused(f"{service.name} did not become ready within {START_WITHIN:.0f} s.")
            time.sleep(0.1)
        self._tell(f"{service.name} runs")

    def watch(self) -> None:
        """Until a signal ends it: what dies starts again, at once and then after longer and longer pauses."""
        while not self._ends:
            for service in self._services:
                self._look_after(service)
            time.sleep(0.2)

    def _look_after(self, service: Service) -> None:
        now = time.monotonic()
        if service.is_running:
            return
        if service.again_at == 0.0:
            service.clear()
            lived = now - service.started
            service.deaths = 1 if lived > LONG_LIFE else service.deaths + 1
            pause = min(LONGEST_PAUSE, 2.0 ** (service.deaths - 1) - 1)
            service.again_at = now + pause
            self._tell(f"{service.name} ended; it starts again in {pause:.0f} s")
        elif now >= service.again_at:
            service.again_at = 0.0
            service.start()

    def stop(self) -> None:
        for service in reversed(self._services):
            service.stop()
