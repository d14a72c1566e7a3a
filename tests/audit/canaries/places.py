"""Everything that the installation wrote or answered, place by place."""

import sqlite3
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import redis
from django.urls import Resolver404, resolve

from tests.audit.canaries.house import House, _of_the_database, server_log
from tests.servers import postgres_programs

Places = Iterator[tuple[str, bytes]]


def of_answers(house: House) -> Places:
    """Body and headers of each answer, by who was answered and by the route."""
    for made in house.journal:
        named = f"answer to {made.who}: {made.method} {route_of(made.path)}"
        yield named, made.body
        for name, value in made.headers:
            yield f"{named}: {name}", value.encode("utf-8", "replace")


def route_of(path: str) -> str:
    """The address as the table writes it; an unknown one as it is."""
    plain = urlsplit(path).path
    try:
        return "/" + resolve(plain).route.removeprefix("^").removesuffix("$")
    except Resolver404:
        return plain[:60]


def of_rows(house: House) -> Places:
    """Every value of every row, by table and column."""
    for table, columns, rows in _tables(house):
        for name, values in zip(columns, zip(*rows, strict=True), strict=False):
            yield f"database {table}.{name}", b"\n".join(map(_as_bytes, values))


def _tables(house: House) -> Iterator[tuple[str, list[str], list[tuple]]]:
    if house.superuser:
        with psycopg.connect(_of_the_database(house)) as client:
            names = client.execute(
                "SELECT schemaname || '.' || tablename, tablename FROM pg_tables "
                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            for whole, table in names:
                found = client.execute(f"SELECT * FROM {whole}")
                yield table, [one.name for one in found.description], found.fetchall()
        return
    client = sqlite3.connect(f"file:{house.data / 'portal.sqlite3'}?mode=ro", uri=True)
    names = client.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in names:
        found = client.execute(f'SELECT * FROM "{table}"')
        yield table, [one[0] for one in found.description], found.fetchall()
    client.close()


def _as_bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def of_files(house: House) -> Places:
    """Each file that the portal keeps, byte by byte: freed pages and logs of what was written are in there."""
    for path in sorted(house.data.rglob("*")):
        if path.is_file():
            yield f"file {path.relative_to(house.data)}", path.read_bytes()


def of_the_server(house: House) -> Places:
    """PostgreSQL's own dump in plain text, and its log; Redis' keys with what they hold, and what it was ever told."""
    if not house.superuser:
        return
    programs = postgres_programs()
    dumped = subprocess.run(
        [str(programs / "pg_dump"), "--no-owner", _of_the_database(house)],
        capture_output=True,
        check=True,
    )
    yield "pg_dump", dumped.stdout
    yield "log postgres", server_log(house)
    client = redis.Redis.from_url(house.env["REDIS_URL"])
    for key in client.scan_iter(count=1000):
        yield (
            f"redis {key.split(b':')[0].decode(errors='replace')}",
            key + b"\n" + (client.dump(key) or b""),
        )
        kind = client.type(key)
        if kind == b"string":
            yield "redis, a value", client.get(key) or b""
        elif kind == b"hash":
            yield "redis, a value", str(client.hgetall(key)).encode()
        elif kind == b"list":
            yield "redis, a value", b"\n".join(client.lrange(key, 0, -1))
    yield "redis, all it was told", b"".join(house.monitored)


def of_what_was_said(house: House) -> Places:
    """Lines of log of every process, what commands printed, mails, and what model servers were asked."""
    for name in ("web", "worker"):
        yield f"log {name}", house.log(name)
    for name, said in house.commands:
        yield f"command {name}", said.encode()
    for recipient, mail in house.mailbox.mails:
        yield f"mail to {recipient}", mail
    for asked in house.models.recorded:
        yield "model server", f"{asked.path}\n{asked.headers}\n{asked.body!r}".encode()


def all_of(house: House) -> Places:
    yield from of_what_was_said(house)
    yield from of_answers(house)
    yield from of_rows(house)
    yield from of_the_server(house)
    yield from of_files(house)
