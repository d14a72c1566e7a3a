"""The one HTTP client for everything that leaves the portal.

It resolves a name once, refuses addresses that are not public (`portal.public_addresses`), and connects to the checked
address with the certificate verified for the name. It follows no redirects, uses no proxies, netrc or other
environment, and keeps connections for reuse. One `SafeClient` a peer; threads share it.
"""

import io
import select
import socket
import ssl
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any, Final

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    SSLError,
)

from portal.http_body import BadBody, BodyDecoder
from portal.pinned_connections import PinnedAdapter, StaleConnection
from portal.public_addresses import AddressRefused

BLOCK = 64 * 1024
TICK_S = 1.0
LAST_CHUNK_MS = 20  # waited for, so that the connection can be kept
_NOTHING_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Tick:
    """The type of `TICK`."""

    def __repr__(self) -> str:
        return "TICK"


TICK: Final = Tick()  # about one second passed in which the peer said nothing


class OutboundFailure(Exception):
    """No usable answer. `kind` is timeout, unreachable, refused, untrusted, broken or too_large; `detail` is for logs."""

    def __init__(self, kind: str, detail: str = "") -> None:
        self.kind = kind
        self.detail = detail
        super().__init__(f"{kind} {detail}".strip())


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of an answer; header names are lower-case."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, of silence, and for all of it."""

    connect_s: float = 5.0
    read_s: float = 60.0
    total_s: float = 600.0


class SafeClient:
    """Pooled requests to the origin of `url`. `ca_file` verifies against that bundle instead of the usual one."""

    def __init__(self, url: str, timeouts: Timeouts, *, ca_file: str | None = None) -> None:
        self._timeouts = timeouts
        self._adapter = PinnedAdapter(max_retries=0)
        verify: bool | str = ca_file or True
        origin = requests.Request("GET", url).prepare()
        # Looked up once: the same requests' machinery, without its work for every request.
        self._pool: Any = self._adapter.get_connection_with_tls_context(origin, verify)
        self._adapter.cert_verify(self._pool, origin.url, verify, None)

    def fetch(self, request: requests.PreparedRequest, *, max_bytes: int) -> tuple[Head, bytes]:
        """The whole answer, whatever its status. Raises OutboundFailure."""
        head = Head(0, {})
        body = bytearray()
        source = self.stream(request)
        try:
            for item in source:
                if isinstance(item, bytes):
                    body += item
                    if len(body) > max_bytes:
                        raise OutboundFailure("too_large")
                elif isinstance(item, Head):
                    head = item
        finally:
            source.close()
        return head, bytes(body)

    def stream(self, request: requests.PreparedRequest) -> Generator[Head | bytes | Tick]:
        """`Head`, then the body as it arrives; `TICK` for every second of silence, before the head too.

        Raises OutboundFailure. Closing the generator closes the connection at once.
        """
        with _failures_named():
            try:
                yield from self._stream(request)
            except StaleConnection:  # before the head, so nothing is said twice
                yield from self._stream(request)

    def _stream(self, request: requests.PreparedRequest) -> Generator[Head | bytes | Tick]:
        limits = self._timeouts
        until = time.monotonic() + limits.total_s
        connection = self._pool.lend(limits.connect_s, limits.read_s)
        sock: socket.socket = connection.sock
        reader = sock.makefile("rb")
        response: HTTPResponse | None = None
        decoder: BodyDecoder | None = None
        try:
            connection.request(
                request.method,
                request.path_url,
                body=request.body,
                headers=request.headers,
            )
            wait = _Wait(sock, limits.read_s, until)
            yield from wait.for_first_byte(reader)
            response = connection.response_read_by(reader)
            decoder = BodyDecoder(response)
            data = _already_read(sock, reader)
            yield Head(response.status, {k.lower(): v for k, v in response.headers.items()})
            while True:
                content = decoder.feed(data)
                if content:
                    yield content
                if decoder.is_complete:
                    return
                data = yield from wait.for_bytes()
                if not data:
                    decoder.end()
                    return
        finally:
            if _can_be_kept(connection, response, decoder):
                response.close()  # type: ignore[union-attr]
                self._pool.take_back(connection)
            else:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
                connection.close()
                if response is not None:
                    response.close()
                reader.close()


class _Wait:
    """Waiting on one socket without blocking for longer than a tick."""

    def __init__(self, sock: socket.socket, read_s: float, until: float) -> None:
        self._sock = sock
        self._read_s = read_s
        self._until = until
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def for_first_byte(self, reader: io.BufferedReader) -> Generator[Tick]:
        """Until the reader holds something, or the peer has hung up. Leaves the socket blocking again."""
        heard = time.monotonic()
        while True:
            yield from self._until_readable(heard)
            self._sock.settimeout(0)
            try:
                reader.peek(1)
                break
            except _NOTHING_YET:  # TLS spoke, the peer did not
                continue
        self._sock.settimeout(self._read_s)

    def for_bytes(self) -> Generator[Tick, None, bytes]:
        """The next bytes of a non-blocking socket; empty when the peer has hung up."""
        heard = time.monotonic()
        if heard >= self._until:
            raise OutboundFailure("timeout", "total")
        while True:
            try:
                return self._sock.recv(BLOCK)
            except _NOTHING_YET:
                yield from self._until_readable(heard)

    def _until_readable(self, heard: float) -> Generator[Tick]:
        while True:
            now = time.monotonic()
            if now >= self._until:
                raise OutboundFailure("timeout", "total")
            left = min(heard + self._read_s, self._until) - now
            if left <= 0:
                raise OutboundFailure("timeout", "silence")
            if self._poll.poll(max(1, min(left, TICK_S) * 1000)):
                return
            yield TICK


def _already_read(sock: socket.socket, reader: io.BufferedReader) -> bytes:
    """What the reader holds beyond the head. The socket is non-blocking from here on."""
    sock.settimeout(0)
    try:
        return reader.read(len(reader.peek(1))) or b""
    except _NOTHING_YET:
        return b""


def _can_be_kept(
    connection: Any, response: HTTPResponse | None, decoder: BodyDecoder | None
) -> bool:
    if response is None or decoder is None or response.will_close or connection.sock is None:
        return False
    if not decoder.is_complete:  # the end comes just behind what the caller needed
        readable = select.poll()
        readable.register(connection.sock, select.POLLIN)
        readable.poll(LAST_CHUNK_MS)
        with suppress(OSError, BadBody):
            decoder.feed(connection.sock.recv(BLOCK))
    return decoder.is_complete and not decoder.has_surplus


@contextmanager
def _failures_named() -> Iterator[None]:
    """Every way in which a request fails, as an OutboundFailure without addresses in it."""
    try:
        yield
    except AddressRefused as error:
        raise OutboundFailure("refused", str(error)) from None
    except StaleConnection:
        raise OutboundFailure("broken", "closed twice") from None
    except (HTTPError, HTTPException, OSError, BadBody) as error:
        raise OutboundFailure(_kind_of(error), type(error).__name__) from None


def _kind_of(error: BaseException) -> str:
    if isinstance(error, NewConnectionError):  # the resolver's failure too
        return "unreachable"
    if isinstance(error, (SSLError, ssl.SSLError)):
        return "untrusted"
    if isinstance(error, (ConnectTimeoutError, TimeoutError)):
        return "timeout"
    return "broken"
