"""The checkpoints in the console: how sealing stands, what a checkpoint says, and a warning where it does not go on."""

import base64
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from django.test import Client

from audit import checkpoint_file, sealing, sealing_state
from audit.models import Checkpoint, Entry

LIST = "/admin/audit/checkpoint/"


@pytest.fixture(autouse=True)
def a_key_and_a_file(settings, tmp_path):
    settings.AUDIT_SIGNING_KEYS = [base64.b64encode(b"k" * 32).decode()]
    settings.AUDIT_CHECKPOINT_FILE = str(tmp_path / "checkpoints.jsonl")


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def test_it_says_what_waits_then_when_all_was_sealed(cast):
    client = signed_in(cast.auditor)
    waiting = Entry.objects.count()
    page = client.get(LIST).content.decode()
    assert f"{waiting} entries" in page or f"{waiting + 1} entries" in page
    sealing.seal()
    page = client.get(LIST).content.decode()
    assert "in step" in page
    assert "0 entries" in page
    number = Checkpoint.objects.latest("number").number
    detail = client.get(f"{LIST}{number}/change/").content.decode()
    assert "root" in detail
    assert f"Checkpoint {number}" in detail


def test_an_entrys_page_names_the_checkpoint_that_seals_it(cast):
    client = signed_in(cast.admin)
    entry = Entry.objects.latest("id")
    url = f"/admin/audit/entry/{entry.pk}/change/"
    assert "Not sealed yet" in client.get(url).content.decode()
    sealing.seal()
    page = client.get(url).content.decode()
    number = Checkpoint.objects.latest("number").number
    assert f"Sealed by checkpoint {number}," in page
    assert f"{LIST}{number}/change/" in page


def test_the_proof_of_an_entry_is_downloaded_from_its_page(cast):
    client = signed_in(cast.admin)
    entry = Entry.objects.latest("id")
    url = f"/admin/audit/entry/{entry.pk}/proof/"
    assert client.get(url).status_code == 409
    sealing.seal()
    header, line = map(json.loads, client.get(url).content.splitlines())
    assert header["selection"] == {"id": entry.pk}
    assert line["entry"]["id"] == entry.pk
    assert line["proof"]["checkpoint"] == Checkpoint.objects.latest("number").number
    assert url in client.get(f"/admin/audit/entry/{entry.pk}/change/").content.decode()
    assert signed_in(cast.sam).get(url).status_code == 404


def test_the_public_key_is_shown_and_downloaded(cast):
    client = signed_in(cast.auditor)
    state = sealing_state.state()
    page = client.get(LIST).content.decode()
    assert state.fingerprint in page
    assert state.public_key in page
    answer = client.get(f"{LIST}public-key/")
    key = serialization.load_pem_public_key(answer.content)
    assert base64.b64encode(key.public_bytes_raw()).decode() == state.public_key
    assert "attachment" in answer["Content-Disposition"]


def test_a_process_without_the_key_names_the_one_that_signed_and_offers_no_file(cast, settings):
    sealing.seal()
    name = sealing_state.state().fingerprint
    settings.AUDIT_SIGNING_KEYS = []
    client = signed_in(cast.auditor)
    page = client.get(LIST).content.decode()
    assert name in page
    assert "public-key/" not in page
    assert client.get(f"{LIST}public-key/").status_code == 404


def test_a_process_without_the_file_says_so_and_makes_none(cast):
    page = signed_in(cast.auditor).get(LIST).content.decode()
    assert "The checkpoints file is not here" in page
    assert not checkpoint_file.path().exists()


def test_a_file_that_is_ahead_is_named_here_and_on_the_start_page(cast):
    sealing.seal()
    with checkpoint_file.path().open("a") as file:
        file.write('{"number":99}\n')
    client = signed_in(cast.admin)
    for url in (LIST, "/admin/"):
        assert "Nothing is sealed until somebody has looked" in client.get(url).content.decode(), (
            url
        )


def test_what_waits_too_long_is_warned_of(cast, monkeypatch):
    client = signed_in(cast.admin)
    assert "overdue" not in client.get("/admin/").content.decode()
    monkeypatch.setattr(sealing_state, "OVERDUE", timedelta(seconds=-1))
    for url in (LIST, "/admin/"):
        assert "Sealing is overdue" in client.get(url).content.decode(), url
    assert "Sealing is overdue" not in signed_in(cast.olivia).get("/admin/").content.decode()


def test_team_admins_see_none_of_it(cast):
    client = signed_in(cast.olivia)
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}public-key/").status_code == 403
