"""The trail as a file: what is in it, what is masked, who gets it, and what the trail says of it."""

import csv
import io
import json

import pytest
from django.test import Client

from audit import export
from audit.models import Entry
from audit.trail import record
from portal.encryption import MASK

URL = "/api/audit-entries/export/"


@pytest.fixture
def reader(cast):
    """Signed in just now, which is fresh."""

    def sign_in(name):
        client = Client()
        client.force_login(getattr(cast, name))
        return client

    return sign_in


def file_of(client, query=""):
    answer = client.get(f"{URL}?{query}")
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content).decode()


def lines_of(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_csv_holds_the_filtered_entries_oldest_first(cast, reader):
    client = reader("admin")
    for n in range(3):
        record(action="exported", target_type="x.Y", target_id=n, changes={"a": ["b", n]})
    rows = list(csv.DictReader(io.StringIO(file_of(client, "action=exported&format=csv"))))
    assert [row["target_id"] for row in rows] == ["0", "1", "2"]
    assert rows[2]["changes"] == "a: b → 2"
    assert tuple(rows[0]) == export.COLUMNS


def test_what_a_spreadsheet_could_run_stays_text(cast, reader):
    client = reader("admin")
    record(action="exported", target_label="=HYPERLINK(1)", reason="+1", changes={"=a": [1, 2]})
    [row] = csv.DictReader(io.StringIO(file_of(client, "action=exported")))
    assert row["target_label"] == "'=HYPERLINK(1)"
    assert row["reason"] == "'+1"
    assert row["changes"].startswith("'=a")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "ocsf"])
@pytest.mark.parametrize("person", ["admin", "auditor"])
def test_personal_data_is_in_it_only_where_it_was_asked_for(cast, reader, kind, person):
    client = reader(person)
    cast.marco.name = "Marco the Second"
    cast.marco.save()
    query = f"format={kind}&last=1h"
    text = file_of(client, query)
    for personal in ("@example.com", "Marco the Second", "127.0.0.1", "gAAAA"):
        assert personal not in text
    assert MASK in text
    text = file_of(client, f"{query}&personal=1")
    for personal in (f"{person}@example.com", "Marco the Second", "127.0.0.1"):
        assert personal in text
    assert "gAAAA" not in text


def test_who_may_not_get_personal_data_is_refused_it_and_gets_the_rest(cast, reader):
    client = reader("olivia")
    assert client.get(f"{URL}?personal=1").status_code == 403
    rows = lines_of(file_of(client, "format=jsonl"))
    assert rows
    assert {row["team_id"] for row in rows} == {cast.research.pk}


def test_it_asks_who_one_is_and_a_key_gets_none(cast):
    client = Client()
    client.force_login(cast.admin)
    session = client.session
    session["fresh_at"] -= 3600
    session.save()
    assert client.get(URL).json()["error"]["code"] == "fresh_authentication_required"
    answer = Client().get(URL, headers=cast.bearer(cast.admin))
    assert answer.json()["error"]["code"] == "fresh_authentication_required"
    client.force_login(cast.marco)
    assert client.get(URL).status_code == 403
    assert Client().get(URL).status_code == 401
    assert not Entry.objects.filter(action="trail_exported").exists()


def test_each_export_is_in_the_trail_with_its_filters_and_how_much_it_gave(cast, reader):
    client = reader("admin")
    for _ in range(3):
        record(action="exported")
    file_of(client, "format=jsonl&action=exported&actor=marco@example.com")
    begun = Entry.objects.get(action="trail_exported")
    assert begun.changes == {
        "format": "jsonl",
        "personal": False,
        "filters": {"action": "exported", "actor_user_id": cast.marco.pk},
    }
    assert begun.actor_user_id == cast.admin.pk
    file_of(client, "format=csv&action=exported")
    ended = Entry.objects.filter(action="trail_export_ended").latest("id")
    assert ended.changes == {"format": "csv", "count": 3, "whole": True}
    assert ended.actor_user_id == cast.admin.pk


def test_one_that_breaks_off_says_how_far_it_came(cast, reader, monkeypatch):
    monkeypatch.setattr(export, "BATCH", 2)
    monkeypatch.setattr(export, "PIECE", 10)
    client = reader("admin")
    for _ in range(9):
        record(action="exported")
    answer = client.get(f"{URL}?action=exported&format=jsonl")
    body = iter(answer.streaming_content)
    next(body)
    next(body)
    for (
        close
    ) in answer._resource_closers:  # as the server does; `close` would end the test's connection
        close()
    ended = Entry.objects.get(action="trail_export_ended")
    assert ended.changes == {"format": "jsonl", "count": 4, "whole": False}


def test_who_loses_the_right_meanwhile_gets_no_more(cast, reader, monkeypatch):
    monkeypatch.setattr(export, "BATCH", 2)
    monkeypatch.setattr(export, "PIECE", 10)
    client = reader("auditor")
    for _ in range(9):
        record(action="exported")
    body = iter(client.get(f"{URL}?action=exported&format=jsonl").streaming_content)
    next(body)
    type(cast.auditor).objects.filter(pk=cast.auditor.pk).update(is_auditor=False)
    with pytest.raises(Exception, match="permission_denied"):
        list(body)


def test_what_is_written_while_it_is_read_is_not_in_it(cast, reader, monkeypatch):
    monkeypatch.setattr(export, "BATCH", 2)
    monkeypatch.setattr(export, "PIECE", 10)
    client = reader("admin")
    for _ in range(4):
        record(action="exported")
    body = iter(client.get(f"{URL}?action=exported&format=jsonl").streaming_content)
    pieces = [next(body)]
    for _ in range(4):
        record(action="exported")
    pieces += list(body)
    assert len(b"".join(pieces).splitlines()) == 4


@pytest.mark.parametrize("query", ["format=xml", "from=x", "team_id=x"])
def test_what_it_does_not_understand_it_refuses(cast, reader, query):
    assert reader("admin").get(f"{URL}?{query}").status_code == 422


def test_the_console_leads_there_with_its_filters(cast, reader):
    client = reader("admin")
    page = client.get("/admin/audit/entry/export/?action=create&actor=x@example.com").content
    assert b"action: created" in page
    assert b'name="personal"' in page
    answer = client.get("/admin/audit/entry/export/?action=create&format=ocsf&personal=1")
    assert answer["Location"] == f"{URL}?action=create&format=ocsf&personal=1"
    assert b'name="personal"' not in reader("olivia").get("/admin/audit/entry/export/").content


def test_the_file_costs_the_same_questions_however_many_people_are_in_it(cast, reader):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from portal import keyring

    client = reader("admin")
    people = [type(cast.marco).objects.create(email=f"p{n}@example.com") for n in range(20)]
    costs = []
    for turn in range(2):
        keyring.forget()
        with CaptureQueriesContext(connection) as asked:
            file_of(client, "target_type=accounts.User&format=jsonl&personal=1")
        costs.append(len(asked))
        people += [
            type(cast.marco).objects.create(email=f"q{turn}-{n}@example.com") for n in range(40)
        ]
    assert costs[1] <= costs[0]
