"""A small OpenAI-compatible model server on a real socket, with fault modes, that remembers what it was asked.

    def test_it(model_server):
        model_server.will(Failure(500), Answer("Hello."))    # the next two requests; then the default again
        …
        assert model_server.requests[0]["messages"][-1]["content"] == "[EMAIL_REDACTED]"

`model_server.base_url` is a provider's base URL; `requests` are the JSON bodies, `recorded` the whole requests. A behaviour is anything with `perform(exchange)`.
"""

import json
import re
import select
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

USAGE = {"prompt_tokens": 25, "completion_tokens": 20, "total_tokens": 45}
DEFAULT_TEXT = "Hello from the model server."


@dataclass
class Recorded:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    peer: tuple[str, int]


@dataclass
class Answer:
    """A good answer, streamed if asked for, with whatever oddities a real server may show."""

    text: str = DEFAULT_TEXT
    pieces: list[str] | None = None  # how a stream cuts the text; words by default
    usage: dict[str, Any] | None = field(default_factory=lambda: dict(USAGE))
    finish_reason: str | None = "stop"
    silence_s: float = 0.0  # before the first byte
    pause_s: float = 0.0  # between events
    done: bool = True  # ends with [DONE]
    comments: bool = False
    line_end: str = "\n"
    bytes_per_write: int | None = None  # cuts the body anywhere, in characters too
    bytes_pause_s: float = 0.0
    until_close: bool = False  # no chunked encoding
    stall_after: int | None = None  # this many events, then silence until the client hangs up
    reset_after: int | None = None  # this many events, then a TCP reset
    error_after: int | None = None  # this many events, then an error event
    as_json: bool = False  # ignores that a stream was asked for

    def perform(self, exchange: "Exchange") -> None:
        if not exchange.sleep(self.silence_s):
            return
        if exchange.wants_stream and not self.as_json:
            self._stream(exchange)
        else:
            exchange.reply(200, json.dumps(self._whole(exchange)).encode())

    def _whole(self, exchange: "Exchange") -> dict[str, Any]:
        message = {"role": "assistant", "content": self.text}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "choices": [choice]}
        whole["model"] = exchange.body.get("model")
        return whole | ({"usage": self.usage} if self.usage is not None else {})

    def _events(self) -> Iterator[str]:
        pieces = self.pieces or re.findall(r"\S+\s*", self.text)
        for number, piece in enumerate(pieces):
            if number == self.error_after:
                yield json.dumps({"error": {"message": "overloaded at 10.0.0.7", "code": 500}})
                return
            yield json.dumps(self._chunk({"content": piece}, None))
        if self.finish_reason:
            yield json.dumps(self._chunk({}, self.finish_reason))
        if self.usage is not None:
            yield json.dumps({"id": "chatcmpl-1", "choices": [], "usage": self.usage})
        if self.done:
            yield "[DONE]"

    def _chunk(self, delta: dict[str, str], finish_reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice]}

    def _stream(self, exchange: "Exchange") -> None:
        exchange.begin_stream(chunked=not self.until_close)
        for number, event in enumerate(self._events()):
            if number == self.reset_after:
                exchange.reset()
                return
            if number == self.stall_after:
                exchange.wait_for_hang_up()
                return
            if number and not exchange.sleep(self.pause_s):
                return
            lines = [": still here", ""] if self.comments else []
            lines += [f"data: {event}", "", ""]
            data = self.line_end.join(lines).encode()
            step = self.bytes_per_write or len(data)
            for start in range(0, len(data), step):
                exchange.write(data[start : start + step])
                if not exchange.sleep(self.bytes_pause_s):
                    return
        exchange.end_stream()


@dataclass
class Failure:
    """An HTTP error with words that must not reach anybody."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    def perform(self, exchange: "Exchange") -> None:
        body = self.body
        if body is None:
            body = {"error": {"message": f"no: key sk-leaked at {exchange.address}", "code": None}}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        exchange.reply(self.status, data, self.headers)


@dataclass
class Raw:
    """Bytes as they are, then a close; `b""` hangs up without a word."""

    data: bytes

    def perform(self, exchange: "Exchange") -> None:
        exchange.wfile.write(self.data)
        exchange.close_connection = True


class Silence:
    """Never answers; notices when the client hangs up."""

    def perform(self, exchange: "Exchange") -> None:
        exchange.wait_for_hang_up()


class Reset:
    """A TCP reset in place of an answer."""

    def perform(self, exchange: "Exchange") -> None:
        exchange.reset()


class Exchange(BaseHTTPRequestHandler):
    """One connection; `body` is the present request's."""

    protocol_version = "HTTP/1.1"
    server: "_Server"
    body: Any = None
    _chunked = False
    address = ""

    def setup(self) -> None:
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = "{}:{}".format(*self.client_address)

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            self.body = json.loads(data)
        except ValueError:
            self.body = data
        self._answer()

    def do_GET(self) -> None:
        self.body = {}
        self._answer()

    def _answer(self) -> None:
        model_server = self.server.model_server
        headers = {name.lower(): value for name, value in self.headers.items()}
        recorded = Recorded(self.command, self.path, headers, self.body, self.client_address)
        behaviour = model_server.next_behaviour(recorded)
        try:
            behaviour.perform(self)
        except OSError:
            self._hung_up()

    @property
    def wants_stream(self) -> bool:
        return isinstance(self.body, dict) and bool(self.body.get("stream"))

    def reply(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def begin_stream(self, *, chunked: bool) -> None:
        self._chunked = chunked
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Connection", "close")
        self.end_headers()

    def write(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end_stream(self) -> None:
        if self._chunked:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.request.close()

    def sleep(self, seconds: float) -> bool:
        """False when the client hung up meanwhile."""
        if not seconds:
            return True
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._is_hung_up(min(left, 0.1)):
                return False
        return True

    def wait_for_hang_up(self) -> None:
        while not self.server.model_server.is_stopping and not self._is_hung_up(0.1):
            continue

    def _is_hung_up(self, timeout_s: float) -> bool:
        if not select.select([self.request], [], [], timeout_s)[0]:
            return False
        try:
            gone = not self.request.recv(1)
        except ssl.SSLWantReadError:
            return False
        except OSError:
            gone = True
        if gone:
            self._hung_up()
        return gone

    def _hung_up(self) -> None:
        self.close_connection = True
        self.server.model_server.hung_up.set()

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self._hung_up()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    model_server: "ModelServer"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A broken handshake or a reset is what some tests are about."""

    def shutdown_request(self, request: Any) -> None:
        if request.fileno() >= 0:
            super().shutdown_request(request)


class ModelServer:
    """Start it with `with ModelServer() as server:`; `context` makes it speak TLS."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._server = _Server(("127.0.0.1", 0), Exchange)
        self._server.model_server = self
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self.default: Any = Answer()
        self.recorded: list[Recorded] = []
        self.hung_up = threading.Event()
        self.is_stopping = False
        self._queue: deque[Any] = deque()
        self._lock = threading.Lock()

    def will(self, *behaviours: Any) -> None:
        """The next requests are answered so, one each; afterwards by `default` again."""
        with self._lock:
            self._queue.extend(behaviours)

    def next_behaviour(self, recorded: Recorded) -> Any:
        with self._lock:
            self.recorded.append(recorded)
            return self._queue.popleft() if self._queue else self.default

    @property
    def last(self) -> Recorded:
        return self.recorded[-1]

    @property
    def requests(self) -> list[Any]:
        return [recorded.body for recorded in self.recorded]

    def clear(self) -> None:
        with self._lock:
            self._queue.clear()
            self.recorded.clear()
            self.default = Answer()
        self.hung_up.clear()

    def __enter__(self) -> "ModelServer":
        self.is_stopping = False
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *unused: object) -> None:
        self.is_stopping = True
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="session")
def running_model_server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def model_server(running_model_server: ModelServer, settings: Any) -> ModelServer:
    """The server, empty-headed, and the portal allowed to reach it."""
    from ipaddress import ip_network

    settings.PRIVATE_NETWORKS = [ip_network("127.0.0.0/8")]
    running_model_server.clear()
    return running_model_server
