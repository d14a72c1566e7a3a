import socket
import subprocess
import time

import pytest

from tests.servers import free_port, redis_program


class MortalRedis:
    """A real Redis without persistence that tests may stop, start and empty."""

    def __init__(self, directory) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = None

    def start(self) -> None:
        command = [redis_program(), "--port", str(self.port), "--save", "", "--bind", "127.0.0.1"]
        self.process = subprocess.Popen(command, cwd=self.directory, stdout=subprocess.DEVNULL)
        for _attempt in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("Redis did not start.")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def limit_redis(tmp_path_factory):
    server = MortalRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()
