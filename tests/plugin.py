"""Loaded before Django's settings: the tests' environment. `TEST_DATABASE=postgres` runs them on a real PostgreSQL.

Workers of pytest-xdist inherit what the first process prepared.
"""

import atexit
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psycopg

PREPARED = "GATEHOUSE_TESTS_PREPARED"


def prepare() -> None:
    if os.environ.get(PREPARED):
        return
    for name in list(os.environ):
        if name.startswith("PORTAL_") and name != "PORTAL_EVAL_DATA":
            del os.environ[name]
    directory = Path(tempfile.mkdtemp(prefix="gatehouse-tests-"))
    os.environ[PREPARED] = str(os.getpid())
    os.environ["PORTAL_ENV"] = "development"
    os.environ["PORTAL_DATA_DIR"] = str(directory / "var")
    os.environ.pop("REDIS_URL", None)
    os.environ.pop("DATABASE_URL", None)
    stack = ExitStack()
    if os.environ.get("TEST_DATABASE", "sqlite") == "postgres":
        from tests.servers import postgres_server

        os.environ["DATABASE_URL"] = url = stack.enter_context(postgres_server())
        with psycopg.connect(url, autocommit=True) as superuser:
            superuser.execute("CREATE ROLE gatehouse_application NOLOGIN")

    def clean(owner: int = os.getpid()) -> None:
        if os.getpid() == owner:
            stack.close()
            shutil.rmtree(directory, ignore_errors=True)

    atexit.register(clean)


prepare()
