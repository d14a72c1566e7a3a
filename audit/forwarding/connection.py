"""One connection to a syslog receiver, over TLS (RFC 5425) or plain TCP, from its beginning to an end that tells.

Syslog has no acknowledgement. So a batch is a connection: everything is sent, the connection is ended, and it counts only
if the receiver ends its side too after all bytes were taken. A receiver that was cut off, killed or restarted before it
read everything cannot do that: its system answers with a reset, or nothing answers. (What it read and had not stored is
not seen from here; a webhook answers for that.)
"""

import errno
import fcntl
import select
import socket
import ssl
import struct
import termios
import time
from collections.abc import Iterable

from audit.destinations import Destination
from audit.forwarding.failures import NotSent
from audit.forwarding.tls import context_for
from portal.keyring import Unreadable
from portal.public_addresses import AddressRefused, checked_addresses, is_listed_private

SYSLOG_PORTS = frozenset([514, 601, 6514])  # of the ports below 1024, beside those of the web
CONNECT_S = 5.0
SILENCE_S = 10.0  # without a byte being taken
TOTAL_S = 30.0
BLOCK = 64 * 1024
MOST_TRIED = 3


def deliver(destination: Destination, frames: Iterable[bytes]) -> None:
    """Sends the frames over one connection. Raises `NotSent` unless the receiver took them all."""
    until = time.monotonic() + TOTAL_S
    try:
        context = None
        if destination.transport == Destination.Transport.TLS:
            context = context_for(destination)
        with _connected(destination) as sock:
            line = _Line(sock, until)
            if context is not None:
                line.secure(context, destination.host)
            for block in _blocks(frames):
                line.send(block)
            line.finish()
    except NotSent:
        raise
    except Unreadable:
        raise NotSent("unreadable") from None
    except AddressRefused as error:
        raise NotSent("refused", str(error)) from None
    except ssl.SSLCertVerificationError as error:
        raise NotSent("untrusted", error.verify_message) from None
    except ssl.SSLError as error:
        raise NotSent("untrusted", error.reason or "") from None
    except TimeoutError:
        raise NotSent("timeout") from None
    except (socket.gaierror, UnicodeError, ConnectionRefusedError) as error:
        raise NotSent("unreachable", type(error).__name__) from None
    except OSError as error:
        unreachable = error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH)
        raise NotSent("unreachable" if unreachable else "broken", type(error).__name__) from None


def _connected(destination: Destination) -> socket.socket:
    """To an address that was checked, as the one HTTP client does; without encryption to listed networks alone."""
    addresses = checked_addresses(destination.host, destination.port, also=SYSLOG_PORTS)
    if destination.transport != Destination.Transport.TLS:
        for address in addresses:
            if not is_listed_private(address):
                raise AddressRefused("without encryption only to private networks")
    failure: OSError = ConnectionRefusedError()
    for address in addresses[:MOST_TRIED]:
        try:
            return socket.create_connection((address, destination.port), CONNECT_S)
        except OSError as error:
            failure = error
    raise failure


def _blocks(frames: Iterable[bytes]) -> Iterable[bytes]:
    held = bytearray()
    for frame in frames:
        held += frame
        if len(held) >= BLOCK:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


class _Line:
    """A socket with or without TLS. The bytes are moved here and not by the `ssl` module, whose own end does not tell."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self.sock, self.until = sock, until
        self.sock.setblocking(False)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls: ssl.SSLObject | None = None

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host.rstrip("."))
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._hear()
            finally:
                if self.outgoing.pending:
                    self._flush()

    def send(self, data: bytes) -> None:
        if self.tls is None:
            self._push(data)
            return
        self.tls.write(data)
        self._flush()

    def finish(self) -> None:
        """Says that this is all, and waits until the receiver says so too."""
        self._notice_early_end()
        if self.tls is not None:
            try:
                self.tls.unwrap()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                if "APPLICATION_DATA" not in (error.reason or ""):  # what it says is no concern
                    raise
            self._flush()
        self.sock.shutdown(socket.SHUT_WR)
        left = self._untaken()
        while True:
            if not self._wait(select.POLLIN):
                before, left = left, self._untaken()
                if left is not None and before is not None and left < before:
                    continue  # slow, and still reading
                raise NotSent("unconfirmed")
            if not self._received():
                break
        self._require_taken()

    def _flush(self) -> None:
        self._push(self.outgoing.read())

    def _push(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            if not self._wait(select.POLLOUT):
                raise TimeoutError
            self._notice_early_end()
            try:
                rest = rest[self.sock.send(rest) :]
            except BlockingIOError:
                continue

    def _hear(self) -> None:
        """More of the handshake."""
        if not self._wait(select.POLLIN):
            raise TimeoutError
        if not self._received():
            raise ConnectionResetError

    def _received(self) -> bool:
        """Takes what came; False once the other side has ended. An alert among it is raised."""
        try:
            data = self.sock.recv(BLOCK)
        except BlockingIOError:
            return True
        if data and self.tls is not None:
            self.incoming.write(data)
            if self.tls.version() is not None:
                self._read_alerts(self.tls)
        return bool(data)

    @staticmethod
    def _read_alerts(tls: ssl.SSLObject) -> None:
        """What receivers say beside alerts concerns nobody."""
        try:
            while tls.read(BLOCK):
                continue
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError, ssl.SSLSyscallError):
            pass

    def _notice_early_end(self) -> None:
        """Who ends before we do has not read everything, whatever their system still takes."""
        if self._poll(select.POLLIN, 0) and not self._received():
            raise ConnectionResetError

    def _require_taken(self) -> None:
        """After the end: every byte was acknowledged by the receiver's system, and it did not reset the connection."""
        while True:
            left = self._untaken()
            number = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, "after the end")
            if not left:
                return
            if time.monotonic() > self.until:
                raise NotSent("unconfirmed")
            time.sleep(0.01)

    def _untaken(self) -> int | None:
        """Bytes that the receiver's system has not acknowledged; None where this system does not say."""
        try:
            return int(struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, bytes(4)))[0])
        except OSError:
            return None

    def _wait(self, what: int) -> bool:
        """Whether it came to be possible before too much silence, or the end of all patience."""
        left = min(SILENCE_S, self.until - time.monotonic())
        if left <= 0:
            raise TimeoutError
        return self._poll(what, left)

    def _poll(self, what: int, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self.sock, what)
        return bool(poll.poll(seconds * 1000))
