"""The body of an HTTP/1.1 answer, decoded from whatever bytes have arrived: nothing here ever waits."""

from http.client import HTTPResponse

MAX_CHUNK_LINE = 4096


class BadBody(Exception):
    """The bytes are not a body in the announced framing, or it ended too early."""


class BodyDecoder:
    """`feed(bytes) -> bytes` of content; `is_complete` once the framing says so; `end()` when the peer closed.

    `has_surplus`: bytes came behind the end, so the next answer on this connection could not be trusted.
    """

    def __init__(self, response: HTTPResponse) -> None:
        self._chunked = bool(response.chunked)
        self._left: int | None = None if self._chunked else response.length
        self._buffer = b""
        self._state = "size"
        self.is_complete = self._left == 0 and not self._chunked
        self.has_surplus = False

    def feed(self, data: bytes) -> bytes:
        if self._chunked:
            content = self._feed_chunks(data)
            self.has_surplus = self.is_complete and bool(self._buffer)
            return content
        if self._left is None:  # until the connection closes
            return data
        content = data[: self._left]
        self._left -= len(content)
        self.has_surplus = len(data) > len(content)
        self.is_complete = self._left == 0
        return content

    def end(self) -> None:
        if self._chunked or self._left:
            raise BadBody("cut off")
        self.is_complete = True

    def _feed_chunks(self, data: bytes) -> bytes:
        self._buffer += data
        content = []
        while not self.is_complete:
            if self._state == "content":
                part = self._buffer[: self._left]
                self._buffer = self._buffer[len(part) :]
                self._left = (self._left or 0) - len(part)
                if part:
                    content.append(part)
                if self._left:
                    break
                self._state = "after"
            line, found, rest = self._buffer.partition(b"\n")
            if not found:
                if len(line) > MAX_CHUNK_LINE:
                    raise BadBody("chunk line")
                break
            self._buffer = rest
            self._read_line(line.rstrip(b"\r"))
        return b"".join(content)

    def _read_line(self, line: bytes) -> None:
        if self._state == "after":
            if line:
                raise BadBody("chunk end")
            self._state = "size"
        elif self._state == "size":
            size = line.partition(b";")[0].strip()
            try:
                if not size.isalnum() or len(size) > 15:
                    raise ValueError
                self._left = int(size, 16)
            except ValueError:
                raise BadBody("chunk size") from None
            self._state = "content" if self._left else "trailer"
        elif not line:  # the empty line after the trailers
            self.is_complete = True
