"""Server-sent events out of bytes cut anywhere: in a line, in a CRLF, in a character."""

import re

MAX_EVENT_BYTES = 1024 * 1024
_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a CR at the very end may be half of a CRLF


class BadEvents(Exception):
    """An event without an end."""


class EventParser:
    """`feed(bytes)` and `end()` give the `data` of each event that is complete; comments and other fields are dropped."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, block: bytes) -> list[bytes]:
        seen = max(0, len(self._rest) - 1)
        self._rest += block
        events: list[bytes] = []
        start = 0
        for end in _LINE_END.finditer(self._rest, seen):
            self._read_line(bytes(self._rest[start : end.start()]), events)
            start = end.end()
        del self._rest[:start]
        if self._size + len(self._rest) > MAX_EVENT_BYTES:
            raise BadEvents("too long")
        return events

    def end(self) -> list[bytes]:
        """The last event, if the peer forgot the empty line behind it."""
        events: list[bytes] = []
        self._read_line(bytes(self._rest.rstrip(b"\r\n")), events)
        self._rest.clear()
        self._read_line(b"", events)
        return events

    def _read_line(self, line: bytes, events: list[bytes]) -> None:
        if not line:
            if self._data:
                events.append(b"\n".join(self._data))
                self._data, self._size = [], 0
            return
        name, _colon, value = line.removeprefix(b"\xef\xbb\xbf").partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(line)
