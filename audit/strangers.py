"""How much of the trail people whom nobody knows can fill: a bounded part, and what it leaves out is counted.

What a known person or key is refused is always written. Of strangers' refused requests, which anybody can send without
end, each process writes `EACH` a minute of one address and `ALL` a minute together; the next one that is written says
how many were not. Failed sign-ins are events of their own, with a limit of their own (`accounts.throttle`).
"""

import threading
import time
from collections import Counter

EACH, ALL = 10, 60
MINUTE_S = 60.0


class Strangers:
    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._since = time.monotonic()
        self._written: Counter[str] = Counter()
        self._left_out = 0

    def admit(self, address: str) -> int | None:
        """How many were left out since the last one that was written; None if this one is left out too."""
        with self._lock:
            now = time.monotonic()
            if now - self._since >= MINUTE_S:
                self._since = now
                self._written.clear()
            if self._written[address] >= EACH or self._written.total() >= ALL:
                self._left_out += 1
                return None
            self._written[address] += 1
            left_out, self._left_out = self._left_out, 0
            return left_out

    def give_back(self, left_out: int) -> None:
        """What was to be said of them is not written after all."""
        with self._lock:
            self._left_out += left_out


strangers = Strangers()
