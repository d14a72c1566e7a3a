"""A model server that is far faster than any gateway: one asyncio protocol, fixed answers, nothing parsed.

`python -m tests.bench.upstream PORT`; streams have 20 chunks, 20 ms apart, so that one lasts 380 ms.
"""

import asyncio
import json
import sys

CHUNKS, DELAY_S = 20, 0.02
USAGE = {"prompt_tokens": 25, "completion_tokens": 20, "total_tokens": 45}
ANSWER = "Hello! This is a fixed answer, about as long as one short sentence or two."


def _whole() -> bytes:
    message = {"role": "assistant", "content": ANSWER}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps(
        {"id": "x", "object": "chat.completion", "choices": [choice], "usage": USAGE}
    ).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def _event(value: object) -> bytes:
    data = b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def _chunk(delta: dict, finish: str | None = None) -> bytes:
    return _event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


WHOLE = _whole()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
WORD = _chunk({"content": "word "})
END = (
    _chunk({}, "stop") + _event({"choices": [], "usage": USAGE}) + _event(b"[DONE]") + b"0\r\n\r\n"
)


class Upstream(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.waiting = b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        head, found, body = self.waiting.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(body) < length:
            return
        self.waiting = body[length:]
        if b'"stream": true' in body or b'"stream":true' in body:
            asyncio.get_running_loop().create_task(self.stream())
        else:
            self.transport.write(WHOLE)

    async def stream(self) -> None:
        self.transport.write(HEAD + WORD)
        for _ in range(CHUNKS - 1):
            await asyncio.sleep(DELAY_S)
            if self.transport.is_closing():
                return
            self.transport.write(WORD)
        self.transport.write(END)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(
        Upstream, "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.run(main(int(sys.argv[1])))
    except ImportError:
        asyncio.run(main(int(sys.argv[1])))
