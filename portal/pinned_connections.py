"""urllib3's connections, pinned: the name is resolved and judged once, and that very address is connected to.

The host stays the name, so SNI and the certificate check are about the name.
"""

import socket
from functools import partial
from http.client import HTTPConnection as PlainConnection
from http.client import HTTPException, HTTPResponse
from typing import Any, BinaryIO

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from portal.public_addresses import checked_addresses

MAX_ADDRESSES_TRIED = 3
MAX_IDLE_CONNECTIONS = 256


class StaleConnection(Exception):
    """A kept connection turned out to be closed by the peer before it answered anything: safe to send again."""


class _Pinned:
    answers = 0  # given on the present socket

    def _new_conn(self: Any) -> socket.socket:
        try:
            addresses = checked_addresses(self._dns_host, self.port)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        self.answers = 0
        failure: Exception | None = None
        for address in addresses[:MAX_ADDRESSES_TRIED]:
            try:
                return create_connection(
                    (address, self.port), self.timeout, socket_options=self.socket_options
                )
            except TimeoutError:
                failure = ConnectTimeoutError(self, "connect timeout")
            except OSError as error:
                failure = NewConnectionError(self, type(error).__name__)
        raise failure or NewConnectionError(self, "no address")

    def request(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
        except (ConnectionError, HTTPException) as error:
            self._say_if_stale(error)
            raise

    def response_read_by(self: Any, reader: BinaryIO) -> HTTPResponse:
        """The plain response, read through a reader that may already hold its first bytes."""
        connection = self
        connection.response_class = partial(_ResponseReadBy, reader=reader)
        try:
            response = PlainConnection.getresponse(self)
        except (ConnectionError, HTTPException) as error:
            self._say_if_stale(error)
            raise
        finally:
            del connection.response_class
        self.answers += 1
        return response

    def _say_if_stale(self, error: Exception) -> None:
        # RemoteDisconnected is a ConnectionError: it hung up without a single byte.
        if self.answers and isinstance(error, ConnectionError):
            raise StaleConnection from error


class _ResponseReadBy(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, reader: BinaryIO, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = reader  # type: ignore[assignment]


class PinnedConnection(_Pinned, HTTPConnection):  # type: ignore[misc]
    """http"""


class PinnedTLSConnection(_Pinned, HTTPSConnection):  # type: ignore[misc]
    """https"""


class _Lending:
    """Connections for those who read the answer themselves."""

    def lend(self: Any, connect_timeout_s: float, read_timeout_s: float) -> Any:
        connection = self._get_conn()
        try:
            connection.timeout = connect_timeout_s
            self._validate_conn(connection)  # connects where TLS is spoken
            if connection.is_closed:
                connection.connect()
            connection.timeout = read_timeout_s
        except BaseException:
            connection.close()
            raise
        return connection

    def take_back(self: Any, connection: Any) -> None:
        self._put_conn(connection)


class PinnedPool(_Lending, HTTPConnectionPool):
    ConnectionCls = PinnedConnection  # type: ignore[assignment]


class PinnedTLSPool(_Lending, HTTPSConnectionPool):
    ConnectionCls = PinnedTLSConnection  # type: ignore[assignment]


class PinnedAdapter(HTTPAdapter):
    """requests' adapter over pinned connections; used directly, without a session's look-ups per request."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        self.poolmanager = PoolManager(num_pools=4, maxsize=MAX_IDLE_CONNECTIONS, block=False)
        self.poolmanager.pool_classes_by_scheme = {"http": PinnedPool, "https": PinnedTLSPool}
