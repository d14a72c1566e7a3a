"""`make run`'s command: it opens, it says why it cannot, and it leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import requests

from tests.house import House
from tests.servers import free_port

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[2]


@pytest.fixture
def houses():
    running = []

    def start(data, port=None, **env):
        house = House(data, port or free_port(), **env)
        running.append(house)
        return house

    yield start
    for house in running:
        if house.process.poll() is None:
            os.killpg(house.process.pid, signal.SIGTERM)
            house.process.wait(40)


def alive(pids):
    found = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":  # ended, and only waits for whoever adopted it
            found.add(pid)
    return found


def test_two_copies_open_side_by_side_and_a_printed_password_signs_in(houses, tmp_path):
    first, second = houses(tmp_path / "one"), houses(tmp_path / "two", DEMO="0")
    first.wait_until_open()
    second.wait_until_open()
    password = re.search(r"admin@example\.com\s+(\S+)", first.said)[1]
    assert "Administrator: admin@example.com" in first.said
    assert "Set the password here, once: http://127.0.0.1:" in second.said
    assert re.search(
        rf"http://127\.0\.0\.1:{second.port}/account/password/reset/key/\S+", second.said
    )
    base = f"http://127.0.0.1:{first.port}"
    session = requests.Session()
    page = session.get(f"{base}/account/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    form = {"login": "admin@example.com", "password": password, "csrfmiddlewaretoken": token}
    assert session.post(f"{base}/account/login/", form).url == f"{base}/"
    asked = session.post(
        f"{base}/playground/assistant/ask/",
        {"message": "words: 12", "csrfmiddlewaretoken": session.cookies["gatehouse_csrf"]},
        headers={"Accept": "text/event-stream"},
    )
    assert "event: done" in asked.text
    assert [p.name for p in (tmp_path / "one").glob("*.sqlite3")] == ["portal.sqlite3"]
    everything = first.children() | second.children()
    assert len(everything) >= 6
    assert (first.interrupt(), second.interrupt()) == (0, 0)
    assert not alive(everything)
    assert "Traceback" not in first.said + second.said

    again = houses(tmp_path / "one", first.port)
    again.wait_until_open()
    assert password not in again.said
    assert "Administrator: admin@example.com" in again.said
    assert again.interrupt() == 0


def one_sentence(house):
    assert house.process.wait(60) != 0
    house.reader.join(5)
    assert "Traceback" not in house.said
    assert len(house.lines) == 1, house.said
    return house.said


def test_a_taken_port_is_one_sentence(houses, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = one_sentence(houses(tmp_path / "data", taken.getsockname()[1]))
    assert "is taken" in said


def test_an_unwritable_data_directory_is_one_sentence(houses, tmp_path):
    (tmp_path / "file").write_text("not a directory")
    said = one_sentence(houses(tmp_path / "file" / "data"))
    assert "cannot be written" in said


def test_a_port_that_is_none_is_one_sentence(houses, tmp_path):
    assert "PORT is a number" in one_sentence(houses(tmp_path / "data", "eighty"))


def test_if_the_worker_dies_the_house_closes_and_says_so(houses, tmp_path):
    house = houses(tmp_path / "data")
    house.wait_until_open()
    until = time.monotonic() + 30
    worker = None
    while worker is None and time.monotonic() < until:
        for pid in house.children():
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"celery" in command:
                worker = pid
        time.sleep(0.1)
    everything = house.children()
    os.kill(worker, signal.SIGKILL)
    assert house.process.wait(40) != 0
    house.reader.join(5)
    assert "The worker ended by itself" in house.said
    time.sleep(0.5)
    assert not alive(everything - {house.process.pid})


def setup_with(python, tmp_path):
    """The set-up script on a machine whose only Pythons are these stand-ins."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "basename", "cmp", "cat", "rm", "cp"):
        (tools / name).symlink_to(subprocess.check_output(["which", name], text=True).strip())
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        (tools / name).write_text(python)
        (tools / name).chmod(0o755)
    copy = tmp_path / "project"
    (copy / "deploy").mkdir(parents=True)
    script = (ROOT / "deploy/setup.sh").read_text().replace("/usr/bin/python3", "python3")
    (copy / "deploy/setup.sh").write_text(script)
    (copy / "requirements.lock").write_text("")
    return subprocess.run(
        ["sh", "deploy/setup.sh"],
        cwd=copy,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
    )


def test_a_python_that_is_too_old_is_one_sentence(tmp_path):
    old = '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n'
    done = setup_with(old, tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == "Gatehouse needs Python 3.11 or newer and found Python 3.9.2."


def test_a_shim_that_does_not_run_is_passed_over(tmp_path):
    done = setup_with("#!/bin/sh\necho 'no such version' >&2\nexit 127\n", tmp_path)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
