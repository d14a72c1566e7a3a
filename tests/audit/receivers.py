"""Real receivers of the trail for tests: a syslog server over TLS or TCP, an HTTPS webhook, and a strict parser."""

import contextlib
import json
import re
import socket
import ssl
import struct
import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset
BOM = b"\xef\xbb\xbf"

# RFC 5424, section 6, by its grammar.
HEADER = re.compile(
    rb"<(0|[1-9][0-9]{0,2})>1 "
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}(?:Z|[+-]\d\d:\d\d)) "
    rb"([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) "
)
NAME = rb"[\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32}"
PARAMETER = re.compile(rb" (" + NAME + rb')="((?:[^"\\\]]|\\["\\\]])*)"')


@dataclass(frozen=True)
class Message:
    priority: int
    host: str
    app: str
    kind: str
    element: str
    data: dict[str, str]
    text: str

    @property
    def facility(self) -> int:
        return self.priority // 8

    @property
    def severity(self) -> int:
        return self.priority % 8

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def parsed(raw: bytes) -> Message:
    """Refuses whatever the grammar does not allow."""
    head = HEADER.match(raw)
    assert head, raw[:200]
    priority = int(head[1])
    assert priority <= 191
    rest = raw[head.end() :]
    assert rest[:1] == b"[", rest[:50]
    element = re.match(rb"\[(" + NAME + rb")", rest)
    assert element
    assert re.fullmatch(rb"[a-z]+@[0-9.]+", element[1])
    at, data = element.end(), {}
    while parameter := PARAMETER.match(rest, at):
        value = re.sub(rb"\\([\"\\\]])", rb"\1", parameter[2]).decode()
        assert parameter[1].decode() not in data
        data[parameter[1].decode()] = value
        at = parameter.end()
    assert rest[at : at + 2] == b"] ", rest[at : at + 50]
    text = rest[at + 2 :]
    assert text.startswith(BOM)
    text = text[len(BOM) :]
    assert not any(one < 0x20 for one in text)
    return Message(
        priority,
        head[3].decode(),
        head[4].decode(),
        head[6].decode(),
        element[1].decode(),
        data,
        text.decode(),
    )


class SyslogReceiver:
    """Listens on a port of its own, or on the one that it had before. `raw` are the whole frames that it read.

    What the next connections meet stands in `plan`: `cut` after so many bytes (by a reset, or by an end), `deaf` never
    reads, `slow` reads so many bytes at a time and waits in between, `lazy` reads all and does not end the connection.
    """

    def __init__(self, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.context, self.port = context, port
        self.raw: list[bytes] = []
        self.plan: deque[tuple[str, Any]] = deque()
        self.connections = 0
        self.heard = threading.Condition()
        self.stopping = threading.Event()
        self.start()

    def start(self) -> None:
        self.stopping.clear()
        self.socket = socket.create_server(("127.0.0.1", self.port))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(5)

    @property
    def messages(self) -> list[Message]:
        return [parsed(one) for one in self.raw]

    @property
    def ids(self) -> list[int]:
        """Of the entries, as often as they came."""
        return [int(one.data["id"]) for one in self.messages if one.kind == "audit-entry"]

    def _listen(self) -> None:
        while not self.stopping.is_set():
            try:
                plain, _address = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            behaviour = self.plan.popleft() if self.plan else ("", None)
            threading.Thread(target=self._serve, args=(plain, *behaviour), daemon=True).start()

    def _serve(self, plain: socket.socket, behaviour: str, amount: Any) -> None:
        plain.settimeout(30)
        try:
            sock = self.context.wrap_socket(plain, server_side=True) if self.context else plain
        except (OSError, ssl.SSLError):
            plain.close()
            return
        try:
            self._read(sock, plain, behaviour, amount)
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            sock.close()

    def _read(self, sock: socket.socket, plain: socket.socket, behaviour: str, amount: Any) -> None:
        held = bytearray()
        if behaviour == "deaf":
            self.stopping.wait(30)
            return
        size, taken = (amount if behaviour == "slow" else 65536), 0
        while data := sock.recv(size):
            held += data
            taken += len(data)
            if behaviour in ("cut", "end") and taken >= amount:
                if behaviour == "cut":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                return
            self._frames(held)
            if behaviour == "slow" and self.stopping.wait(0.01):
                return
        assert not held, "a message without its end"
        if behaviour == "lazy":
            self.stopping.wait(30)

    def _frames(self, held: bytearray) -> None:
        """Whole frames by octet counting are taken off the front."""
        while match := re.match(rb"([1-9][0-9]{0,9}) ", held):
            end = match.end() + int(match[1])
            if len(held) < end:
                return
            with self.heard:
                self.raw.append(bytes(held[match.end() : end]))
                self.heard.notify_all()
            del held[:end]


@dataclass
class Request:
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WebhookReceiver:
    """Takes requests over HTTPS. `answers` are what the next ones get: (status, headers); then 204 again."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.requests: list[Request] = []
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.silent = threading.Event()  # while it is set nobody is answered
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append(Request(headers, body))
                if receiver.silent.is_set():
                    self.close_connection = True
                    self.connection.recv(1)  # until the client hangs up
                    return
                status, more = receiver.answers.popleft() if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.handle_error = lambda *args: None  # type: ignore[method-assign]
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.silent.clear()
        self.server.shutdown()
        self.server.server_close()

    @property
    def ids(self) -> list[int]:
        found: list[int] = []
        for request in self.requests:
            if request.json["kind"] == "entries":
                found += [item["id"] for item in request.json["items"]]
        return found
