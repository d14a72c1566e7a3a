"""Load from one asyncio process over raw keep-alive connections; parses only what it has to."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Figures:
    """Requests a second, latencies and first bytes in milliseconds, and what was not a good answer."""

    per_second: float = 0.0
    latencies: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    errors: int = 0

    @property
    def p50(self) -> float:
        return median(self.latencies) if self.latencies else float("nan")

    @property
    def p99(self) -> float:
        ranked = sorted(self.latencies)
        return ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))] if ranked else float("nan")

    @property
    def first_p50(self) -> float:
        return median(self.firsts) if self.firsts else float("nan")


def request_bytes(port: int, *, key: str = "", model: str = "bench", stream: bool = False) -> bytes:
    body = json.dumps(
        {
            "model": model,
            "messages": [{"role": "user", "content": "Tell me about gates, in one sentence."}],
            "stream": stream,
        }
    ).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    if key:
        head += f"Authorization: Bearer {key}\r\n"
    return head.encode() + b"\r\n" + body


async def _once(reader, writer, payload: bytes, figures: Figures) -> bool:
    """One request; True if the connection may be used again."""
    began = time.perf_counter()
    stream = b'"stream": true' in payload
    writer.write(payload)
    head = await reader.readuntil(b"\r\n\r\n")
    good = head.startswith(b"HTTP/1.1 200")
    if b"content-length:" in head.lower():
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        reusable = b"connection: close" not in head.lower()
    else:
        reusable = b"chunked" in head.lower()
        body = await reader.read(65536)
        figures.firsts.append((time.perf_counter() - began) * 1000)
        while not (reusable and body.endswith(b"0\r\n\r\n")):
            more = await reader.read(65536)
            if not more:
                reusable = False
                break
            body = body[-4096:] + more
        good = good and (not stream or b"[DONE]" in body)
    figures.latencies.append((time.perf_counter() - began) * 1000)
    figures.errors += not good
    return reusable


LONGEST_S = 20  # an answer that takes longer is an error


async def _worker(port: int, payload: bytes, until: float, figures: Figures) -> None:
    reader = writer = None
    while time.perf_counter() < until:
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.timeout(LONGEST_S):
                reusable = await _once(reader, writer, payload, figures)
            if not reusable:
                writer.close()
                writer = None
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            figures.errors += 1
            writer = None
    if writer is not None:
        writer.close()


async def _run(port: int, payload: bytes, at_a_time: int, seconds: float) -> Figures:
    figures = Figures()
    began = time.perf_counter()
    await asyncio.gather(
        *(_worker(port, payload, began + seconds, figures) for _ in range(at_a_time))
    )
    figures.per_second = len(figures.latencies) / (time.perf_counter() - began)
    return figures


def run(port: int, payload: bytes, *, at_a_time: int, seconds: float) -> Figures:
    return asyncio.run(_run(port, payload, at_a_time, seconds))
