"""The house rules as tests, and each gate proven by breaking it in a copy of the house."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps

from tests.gates.__main__ import clean_environment, production

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[2]
ORDER = ["portal", "audit", "accounts", "teams", "guards", "projects", "widget"]
FILES = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).split()
BIN = Path(sys.executable).parent


def upward(relations):
    """Of (room, room it points at): those that point at a higher room."""
    return {
        (source, target)
        for source, target in relations
        if source in ORDER and target in ORDER and ORDER.index(target) > ORDER.index(source)
    }


def test_foreign_keys_point_one_way():
    relations = {
        (model._meta.app_label, field.related_model._meta.app_label)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.get_fields()
        if field.is_relation and field.concrete and field.related_model
    }
    assert ("projects", "teams") in relations
    assert upward(relations) == set()


def test_a_foreign_key_upwards_is_found():
    assert upward({("teams", "projects"), ("projects", "teams")}) == {("teams", "projects")}


def python_files():
    return [name for name in FILES if name.endswith(".py") and "/migrations/" not in name]


# One file because it is copied away and runs alone: an expert reads it from its beginning to its end.
ALONE = {"audit/verifier.py": 640}


def test_modules_stay_small():
    long = {
        name: lines
        for name in python_files()
        if not name.startswith("tests/")
        and (lines := len((ROOT / name).read_text().splitlines())) > ALONE.get(name, 300)
    }
    assert not long


def test_functions_fit_a_screen():
    import ast

    long = set()
    for name in python_files():
        if name.startswith("tests/"):
            continue
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno > 60:
                long.add((name, node.name))
    assert not long


def test_no_script_or_style_of_others_and_no_path_of_a_machine_is_here():
    for name in FILES:
        if name.endswith((".js", ".css")):
            assert name.startswith("static/"), name
            assert "license" not in (ROOT / name).read_text()[:2000].lower(), name
        if name.endswith((".png", ".ico", ".lock")) or name == "LICENSE":
            continue
        text = (ROOT / name).read_text()
        assert not re.search(r"(?<![\w.:/])/(?:root|home|work|farm)/\w", text), name


def test_no_page_has_a_script_a_style_or_a_handler_of_its_own():
    for name in FILES:
        if name.startswith("templates/") and name.endswith(".html"):
            text = (ROOT / name).read_text()
            style = r"\sstyle=" if "/email/" in name else r"<style|\sstyle="  # mails load no file
            assert not re.search(style + r"|\son\w+=|javascript:", text), name
            assert not re.search(r"<script(?![^>]*\bsrc=)", text), name


@pytest.fixture
def copy(tmp_path):
    """The house as git knows it, to be broken."""
    for name in FILES:
        target = tmp_path / name
        if not (ROOT / name).is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return tmp_path


def run(copy, *command):
    done = subprocess.run(
        command,
        cwd=copy,
        env=clean_environment(**production(), PYTHONPATH=str(copy)),
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def append(path, text):
    path.write_text(path.read_text() + text)


def test_breaking_the_layers_fails(copy):
    gate = (str(BIN / "lint-imports"), "--no-cache")
    assert run(copy, *gate)[0] == 0
    append(
        copy / "portal/context.py",
        "\n\ndef upward() -> None:\n    import projects.models  # noqa\n",
    )
    code, said = run(copy, *gate)
    assert (code, "BROKEN" in said) == (1, True)


def test_breaking_format_and_lint_fails(copy):
    append(copy / "portal/context.py", "\n\nx   =  'y'\nimport os\n")
    assert run(copy, str(BIN / "ruff"), "format", "--check", ".")[0] == 1
    assert run(copy, str(BIN / "ruff"), "check", ".")[0] == 1


def test_breaking_types_fails(copy):
    append(copy / "portal/addresses.py", '\n\ndef wrong() -> int:\n    return "text"\n')
    code, said = run(copy, sys.executable, "-m", "mypy", "--cache-dir", str(copy / "cache"))
    assert code == 1
    assert "wrong" in said or "Incompatible return value" in said


def gates(copy):
    return run(copy, sys.executable, "-m", "tests.gates")


def test_a_missing_migration_fails(copy):
    path = copy / "teams/models/teams.py"
    path.write_text(path.read_text().replace("max_length=120", "max_length=121"))
    code, said = gates(copy)
    assert (code, "makemigrations" in said) == (1, True)


def test_an_unsafe_deployment_fails(copy):
    append(copy / "portal/settings.py", "\nSESSION_COOKIE_SECURE = False\n")
    code, said = gates(copy)
    assert (code, "security.W011" in said) == (1, True)


def test_a_failed_system_check_fails(copy):
    path = copy / "teams/admin.py"
    path.write_text(path.read_text().replace('"created", "state")', '"created", "nothing")'))
    code, said = gates(copy)
    assert (code, "admin.E" in said) == (1, True)
