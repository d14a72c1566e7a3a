"""Row-level security through the running server, in its application's role, with a pool of one connection."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from portal.row_security import OPEN, WITHOUT_POLICY
from tests.conftest import leave_out
from tests.servers import free_port, postgres_programs
from tests.tooling.installation import PROXY, ROOT, cookie_of, manage, running, shell

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("tenants")]


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    with running(tmp_path_factory, DATABASE_POOL_SIZE="1") as found:
        env = found["env"]
        found["sam"] = manage(
            env,
            "create_key",
            "--user",
            "sam@example.com",
            "--name",
            "test",
            "--requests-per-second",
            "1000",
        ).strip()
        yield found


def chat(installation, key, project, message, stream=False):
    return requests.post(
        f"{installation['base']}/v1/chat/completions",
        json={
            "model": project,
            "messages": [{"role": "user", "content": message}],
            "stream": stream,
        },
        headers={**PROXY, "Authorization": f"Bearer {key}"},
        timeout=60,
    )


def counts(url, *settings):
    """Rows in sight of a role by table, after these settings."""
    found = {}
    with psycopg.connect(url) as client:
        for name, value in settings:
            client.execute("SELECT set_config(%s, %s, true)", [name, value])
        tables = client.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in tables.fetchall():
            if table not in WITHOUT_POLICY and f"{table} tenant_reads" not in OPEN:
                found[table] = client.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
    return found


def test_as_the_applications_role_with_no_context_nothing_is_in_sight(installation):
    found = counts(installation["env"]["DATABASE_URL"])
    assert len(found) > 12
    assert set(found.values()) == {0}
    everything = counts(installation["env"]["DATABASE_URL"], ("portal.all_teams", "on"))
    assert everything["projects_project"] == 3
    assert everything["audit_entry"] > 10
    one = counts(installation["env"]["DATABASE_URL"], ("portal.teams", "1"))
    assert 0 < one["projects_project"] < 3


def psql(url, query):
    program = postgres_programs() / "psql"
    if not program.exists():
        leave_out("psql: apt-get install postgresql-client")
    done = subprocess.run(
        [str(program), url, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", query],
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout.strip(), done.stderr


def test_somebody_with_psql_and_the_applications_password_sees_nothing(installation):
    url = installation["env"]["DATABASE_URL"]
    for table in ("projects_project", "projects_message", "audit_entry", "teams_team"):
        assert psql(url, f"SELECT count(*) FROM {table}") == (0, "0", "")
    assert psql(url, "SELECT count(*) FROM django_migrations")[1] > "0"
    code, _said, error = psql(
        url, "UPDATE projects_project SET name = 'Mine' RETURNING 1; TABLE pg_authid"
    )
    assert code != 0
    assert "permission denied" in error
    code, _said, error = psql(
        url,
        "INSERT INTO teams_team (slug, name, allowed_addresses, created_at) "
        "VALUES ('x', 'X', '[]', now())",
    )
    assert code != 0
    assert "row-level security" in error


def test_an_empty_or_hostile_setting_opens_nothing(installation):
    for value in ("", ",", "0"):
        try:
            found = counts(installation["env"]["DATABASE_URL"], ("portal.teams", value))
        except psycopg.DataError:
            continue
        assert found["projects_project"] == 0
    with pytest.raises(psycopg.DataError):
        counts(installation["env"]["DATABASE_URL"], ("portal.teams", "*"))


def test_the_roles_are_no_owners_and_change_no_table(installation):
    env = installation["env"]
    for name in ("DATABASE_URL", "DATABASE_SYSTEM_URL"):
        with psycopg.connect(env[name], autocommit=True) as client:
            for statement in (
                "ALTER TABLE projects_project DISABLE ROW LEVEL SECURITY",
                "DROP POLICY tenant ON projects_project",
                "CREATE TABLE mine (id int)",
                "TRUNCATE audit_entry",
                "SET ROLE gatehouse_owner",
                "ALTER ROLE gatehouse_web BYPASSRLS",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    client.execute(statement)


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_SYSTEM_URL", "DATABASE_OWNER_URL"])
def test_what_psql_changes_is_in_the_trail_as_whoever_it_was(installation, name):
    """Without a superuser anywhere: the trigger's function is the owner's, who is under the policies too."""
    url = installation["env"][name]
    scope = "SET portal.teams = '1'; SET portal.all_teams = ''"
    with psycopg.connect(url, application_name="by hand") as client:
        client.execute(scope)
        before = client.execute("SELECT max(id) FROM audit_entry").fetchone()[0]
        done = client.execute("UPDATE teams_team SET allowed_regions = %s", [name])
        assert done.rowcount == 1
        client.commit()
        # The scope is what it was: one team's rows.
        assert client.execute("SELECT count(*) FROM teams_team").fetchone() == (1,)
        found = client.execute(
            "SELECT action, actor_kind, actor_label, reason, target_type, target_id, team_id, changes "
            "FROM audit_entry WHERE id > %s",
            [before],
        ).fetchall()
    ((*said, changes),) = found
    who = urlsplit(url).username
    assert said == [
        "update",
        "database",
        who,
        "SQL past the portal: by hand",
        "teams.Team",
        "1",
        1,
    ]
    assert json.loads(changes)["allowed_regions"][1] == name
    for statement in ("TRUNCATE teams_team CASCADE", "UPDATE audit_entry SET reason = ''"):
        with psycopg.connect(url) as client, pytest.raises(psycopg.errors.InsufficientPrivilege):
            client.execute(f"{scope}; {statement}")


def test_the_passwords_are_stored_as_scram(installation):
    with psycopg.connect(installation["env"]["DATABASE_ADMIN_URL"]) as admin:
        rows = admin.execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'gatehouse_%'"
        ).fetchall()
    assert len(rows) == 3
    assert all(word.startswith("SCRAM-SHA-256$") for (word,) in rows)
    again = manage(installation["env"], "create_database_roles")
    assert "role gatehouse_web: checked" in again


def test_requests_of_two_teams_at_a_time_see_their_own_over_one_connection(installation):
    """Sixteen threads share one connection: a setting that outlived its transaction would show."""

    def ask(number):
        key, own, other = (
            (installation["key"], "assistant", "helpdesk"),
            (installation["sam"], "helpdesk", "assistant"),
        )[number % 2]
        if number % 5 == 0:
            headers = {**PROXY, "Authorization": f"Bearer {key}"}
            listed = requests.get(
                f"{installation['base']}/api/projects/", headers=headers, timeout=60
            ).json()["results"]
            teams = {row["team"] for row in listed}
            return teams == {"research" if number % 2 == 0 else "support"}
        mine = chat(installation, key, own, f"say: {number}", stream=number % 3 == 0)
        refused = chat(installation, key, other, "hello")
        return mine.status_code == 200 and str(number) in mine.text and refused.status_code == 404

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(ask, range(80)))
    found = counts(installation["env"]["DATABASE_URL"])
    assert set(found.values()) == {0}


def test_a_stream_writes_its_row_in_its_team(installation):
    answer = chat(installation, installation["sam"], "helpdesk", "say: streamed", stream=True)
    last = [line for line in answer.text.splitlines() if line.startswith("data: {")][-1]
    uid = json.loads(last[6:])["id"].removeprefix("chatcmpl-")
    said = shell(
        installation["env"],
        "from projects.models import Exchange\n"
        f"row = Exchange.objects.get(uid='{uid}')\n"
        "print(row.outcome, row.team.slug, row.answer)",
    )
    assert said == "answered support streamed"


def test_pages_of_each_person_show_their_teams_rows(installation):
    def page(email, path):
        headers = {**PROXY, "Cookie": cookie_of(installation["env"], email)}
        return requests.get(installation["base"] + path, headers=headers, timeout=60)

    assert "Helpdesk" in page("sam@example.com", "/").text
    assert "Assistant" not in page("sam@example.com", "/").text
    assert page("sam@example.com", "/playground/assistant/").status_code == 404
    listed = page("sam@example.com", "/admin/projects/project/").text
    assert "Helpdesk" in listed
    assert "Assistant" not in listed
    everything = page("auditor@example.com", "/admin/projects/project/").text
    assert "Assistant" in everything
    assert "Helpdesk" in everything
    made = page("olivia@example.com", "/admin/projects/project/add/")
    assert made.status_code == 200


def test_a_widgets_visitor_is_answered_in_its_team(installation):
    env = installation["env"]
    public = shell(
        env,
        "from widget.models import Widget; from projects.models import Project\n"
        "print(Widget.objects.create(project=Project.objects.get(slug='helpdesk'), name='W', "
        "allowed_domains=['shop.example']).public_id)",
    )
    headers = {**PROXY, "Origin": "https://shop.example"}
    base = installation["base"]
    begun = requests.post(f"{base}/widget/v1/session", json={"key": public}, headers=headers)
    assert begun.status_code == 200, begun.text
    headers["Authorization"] = f"Bearer {begun.json()['token']}"
    said = requests.post(f"{base}/widget/v1/chat", json={"message": "say: hi"}, headers=headers)
    assert '"text": "hi"' in said.text
    assert said.headers["Access-Control-Allow-Origin"] == "https://shop.example"


def test_the_workers_tasks_reach_every_team_and_their_narrow_ones_only_theirs(installation):
    said = shell(
        installation["env"],
        "from datetime import timedelta\n"
        "from django.utils import timezone\n"
        "from portal.tenancy import Scope, tenant\n"
        "from projects.models import Exchange, Project\n"
        "from projects.tasks import close_abandoned\n"
        "from teams.models import Team\n"
        "long_ago = timezone.now() - timedelta(hours=2)\n"
        "for team in Team.objects.all():\n"
        "    Exchange.objects.create(door='api', project_slug='x', team=team, created_at=long_ago)\n"
        "print(close_abandoned())\n"
        "support = Team.objects.get(slug='support')\n"
        "with tenant(Scope(teams=frozenset([support.pk]))):\n"
        "    print([p.slug for p in Project.objects.all()])\n"
        "print(Project.objects.count())",
    )
    assert said.splitlines() == ["2", "['helpdesk']", "3"]


def test_a_real_workers_narrow_task_reaches_its_team_only(installation, tmp_path):
    env = {name: value for name, value in installation["env"].items() if name != "DATABASE_URL"}
    worker = subprocess.Popen(
        [
            *(sys.executable, "-m", "celery", "-q", "-A", "portal.celery", "worker"),
            *("--include", "tests.tooling.narrow_task", "--concurrency", "1"),
            *("--without-gossip", "--without-mingle", "--loglevel", "ERROR"),
        ],
        cwd=ROOT,
        env=env,
        start_new_session=True,
    )
    path = tmp_path / "said"
    try:
        shell(
            env,
            f"from portal.celery import app\napp.send_task('tests.narrow', ['support', '{path}'])",
        )
        until = time.monotonic() + 60
        while not path.exists():
            assert worker.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait(60)
    said = json.loads(path.read_text())
    assert "row-level security" in said.pop("refused")
    assert said == {"inside": ["helpdesk"], "changed": 0, "outside": 3}


def serve(script, env):
    return subprocess.run(
        ["sh", f"deploy/{script}.sh"],
        cwd=ROOT,
        env={**env, "PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("script", ["web", "worker", "beat"])
def test_no_process_starts_in_a_role_that_may_become_a_strong_one(installation, script):
    env = dict(installation["env"])
    name = "DATABASE_URL" if script == "web" else "DATABASE_SYSTEM_URL"
    for other in {"DATABASE_URL", "DATABASE_SYSTEM_URL"} - {name}:
        del env[other]  # each knows its own only
    role = urlsplit(env[name]).username
    admin = env["DATABASE_ADMIN_URL"].replace("/postgres?", "/portal?")
    for strong, words in (("owner", "it owns the tables"), ("a superuser", "it is a superuser")):
        url = env["DATABASE_OWNER_URL"] if strong == "owner" else admin
        served = serve(script, {**env, name: url})
        assert served.returncode != 0
        assert words in served.stderr
    with psycopg.connect(admin, autocommit=True) as client:
        client.execute("CREATE ROLE strong BYPASSRLS")
        try:
            client.execute(f"GRANT strong TO {role}")
            served = serve(script, env)
        finally:
            client.execute("DROP ROLE strong")
    assert served.returncode != 0
    assert "it has BYPASSRLS" in served.stderr


def test_production_refuses_a_role_that_gets_past_the_policies(installation):
    env = dict(installation["env"])
    manage(env, "check", "--database", "default")
    for url, words in (
        (env["DATABASE_OWNER_URL"], "it owns the tables"),
        (env["DATABASE_ADMIN_URL"].replace("/postgres?", "/portal?"), "it is a superuser"),
    ):
        with pytest.raises(AssertionError, match=words):
            manage({**env, "DATABASE_URL": url}, "check", "--database", "default")
