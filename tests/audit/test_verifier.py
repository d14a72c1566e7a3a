"""The verifier as an expert has it: one file in an empty folder, an export, the checkpoints file and a public key."""

import base64
import gzip
import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from django.core.management import CommandError, call_command
from django.test import Client

from audit import checkpoint_file, proofs, sealing, signing, verifier
from audit.models import Checkpoint, Entry
from audit.trail import record
from audit.verifying import verify
from tests.audit.tampering import SEEDS, Trail, copy, own_the_database, run, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def trail(settings, tmp_path):
    settings.AUDIT_CHECKPOINT_FILE = str(tmp_path / "checkpoints.jsonl")
    settings.AUDIT_SIGNING_KEYS = [SEEDS[0]]
    return Trail(tmp_path)


class Expert:
    """Runs the file apart from everything of the portal."""

    def __init__(self, folder: Path, checkpoints: Path) -> None:
        self.folder, self.checkpoints = folder, checkpoints
        folder.mkdir()
        shutil.copy(verifier.__file__, folder / "verifier.py")

    def __call__(self, *arguments, keys=None):
        command = [sys.executable, "-I", "verifier.py", "--checkpoints", str(self.checkpoints)]
        for key in keys or [signing.public_text(signing.keys()[0])]:
            command += ["--public-key", key]
        done = subprocess.run(
            [*command, *map(str, arguments)],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def expert(trail, tmp_path):
    return Expert(tmp_path / "expert", trail.file)


def export(tmp_path, *options, name="export.jsonl"):
    path = tmp_path / name
    call_command("export_audit", "--output", str(path), *options)
    return path


def test_a_whole_export_is_verified_without_the_portal(expert, tmp_path, capsys):
    path = export(tmp_path)
    assert "16 entries in 4 checkpoints were written" in capsys.readouterr().out
    assert path.stat().st_mode & 0o777 == 0o600
    code, said, errors = expert("--export", path)
    assert (code, errors) == (0, "")
    assert said.startswith("The trail is intact: 16 entries in 4 checkpoints, the last of 20")
    assert expert("--export", path, "--quiet") == (0, "", "")
    assert "secret" not in path.read_text()


def test_a_compressed_one_too_and_it_is_one(expert, tmp_path):
    path = export(tmp_path, name="export.jsonl.gz")
    assert gzip.decompress(path.read_bytes()).startswith(b'{"format":"gatehouse-export/1"')
    assert expert("--export", path)[0] == 0
    path.write_bytes(path.read_bytes()[:-30])
    code, said, errors = expert("--export", path)
    assert (code, said) == (2, "")
    assert errors.startswith("Could not verify: ")


def test_what_was_done_is_named_with_exit_code_one(expert, trail, tmp_path):
    path = export(tmp_path)
    entry = trail.ids[2][1]
    path.write_text(
        path.read_text().replace(f'{{"entry":{{"id":{entry},', '{"entry":{"id":999999999,')
    )
    code, said, errors = expert("--export", path)
    assert (code, said) == (1, "")
    assert errors == f"NOT INTACT. deleted: entry {entry} is missing (checkpoint 3)\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--export", "nothing"], "nothing"),
        (["--export", "verifier.py"], "Could not verify"),
        ([], "required"),
        (["--export", "verifier.py", "--public-key", "short"], "Could not verify"),
    ],
)
def test_what_cannot_be_verified_is_exit_code_two(expert, arguments, words):
    code, said, errors = expert(*arguments)
    assert (code, said) == (2, "")
    assert words in errors


def test_its_help_explains_what_is_needed_and_what_the_answer_means(expert):
    code, said, _ = expert("--help")
    assert code == 0
    for word in ("What you need", "Exit code 0", "--until", "edited", "cut off", "public key"):
        assert word in said


def test_the_key_may_be_in_a_file(expert, trail, tmp_path):
    key, path, signer = tmp_path / "key.txt", export(tmp_path), signing.keys()[0]
    key.write_text(signing.public_text(signer) + "\n")
    assert expert("--export", path, keys=[str(key)])[0] == 0
    pem = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    key.write_bytes(signer.public_key().public_bytes(*pem))
    assert expert("--export", path, keys=[str(key)])[0] == 0
    key.write_text("-----BEGIN PUBLIC KEY-----")
    assert expert("--export", path, keys=[str(key)])[0] == 2


def test_one_entry_is_proven_alone(expert, trail, tmp_path, capsys):
    entry = trail.ids[1][3]
    path = export(tmp_path, "--entry", str(entry), name="entry.json")
    assert f"Entry {entry} was written with its proof" in capsys.readouterr().out
    said = json.loads(path.read_text())
    assert (said["entry"]["id"], said["proof"]["checkpoint"], said["proof"]["index"]) == (
        entry,
        2,
        3,
    )
    assert expert("--entry", path) == (0, "The entry is as it was sealed.\n", "")
    path.write_text(json.dumps(said, indent=4))
    assert expert("--entry", path)[0] == 0
    selected = export(tmp_path, "--action", "exported", name="selected.jsonl")
    selected.write_text("".join(selected.read_text().splitlines(keepends=True)[:2]))
    assert expert("--entry", selected)[0] == 0
    said["entry"]["reason"] = "another"
    path.write_text(json.dumps(said))
    code, _, errors = expert("--entry", path)
    assert code == 1
    assert f"entry {entry}: it is not as it was sealed" in errors
    with pytest.raises(CommandError, match="not sealed yet"):
        call_command("export_audit", "--output", str(path), "--entry", "999999")


def proof_of(trail, entry):
    return json.loads(json.dumps(proofs.Proofs().of(entry)))


CHANGES = {
    "another index": lambda found: found["proof"].update(index=1),
    "a negative index": lambda found: found["proof"].update(index=-1),
    "another checkpoint": lambda found: found["proof"].update(checkpoint=1),
    "no such checkpoint": lambda found: found["proof"].update(checkpoint=99),
    "a shorter path": lambda found: found["proof"]["path"].pop(),
    "a longer path": lambda found: found["proof"]["path"].append("00" * 32),
    "another path": lambda found: found["proof"]["path"].reverse(),
    "no path": lambda found: found["proof"].pop("path"),
    "an entry less": lambda found: found["entry"].pop("reason"),
    "another time": lambda found: found["entry"].update(
        created_at="2020-01-01T00:00:00.000000+00:00"
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_proof_proves_nothing(trail, what):
    found = proof_of(trail, trail.ids[1][2])
    book = verifier.Book(trail.file, verifier.Chain(trail.keys))
    count = [json.dumps(found).encode()]
    assert verifier.verify_selection(count, book, tell=lambda entries: None) == 1
    CHANGES[what](found)
    with pytest.raises(verifier.Problem):
        verifier.verify_selection([json.dumps(found).encode()], book, tell=lambda entries: None)


def test_a_value_that_stands_twice_is_refused(trail):
    """A reader would see the first, a machine the last."""
    line = json.dumps(proof_of(trail, trail.ids[0][0])).replace('{"id"', '{"action": "other", "id"')
    book = verifier.Book(trail.file, verifier.Chain(trail.keys))
    with pytest.raises(verifier.Problem):
        verifier.verify_selection([line.encode()], book, tell=lambda entries: None)


def test_a_selection_carries_its_proofs_and_says_that_it_is_one(expert, trail, tmp_path, capsys):
    run_ids = trail.ids[1]
    path = export(tmp_path, "--target-id", "", "--from", "2020-01-01", "--to", "2999-01-01T00:00")
    assert "16 entries were written, each with its proof." in capsys.readouterr().out
    lines = path.read_text().splitlines()
    assert len(lines) == 17
    code, said, _ = expert("--export", path)
    assert (code, "A selection" in said) == (0, True)
    path.write_text("\n".join(lines[:3] + lines[9:]) + "\n")
    assert expert("--export", path)[0] == 0  # what is not there cannot be missed
    path.write_text("\n".join(lines).replace('"target_label":"t1"', '"target_label":"t9"'))
    assert expert("--export", path)[0] == 1
    nothing = export(tmp_path, "--action", "nothing")
    assert json.loads(nothing.read_text())["selection"] == {"action": "nothing"}
    assert run_ids


def test_an_export_is_itself_in_the_trail(tmp_path, trail):
    export(tmp_path, "--action", "exported")
    entry = Entry.objects.latest("id")
    assert (entry.action, entry.changes["action"]) == ("audit_exported", [None, "exported"])


def test_a_refused_export_leaves_no_file(trail, tmp_path):
    own_the_database()
    run(f"UPDATE audit_entry SET reason = 'x' WHERE id = {trail.ids[1][1]}")
    with pytest.raises(CommandError, match=f"NOT INTACT. edited: entry {trail.ids[1][1]}"):
        export(tmp_path, "--action", "exported")
    assert list(tmp_path.glob("*export*")) == []


def test_texts_of_every_kind_are_read_back_from_an_export(trail, tmp_path):
    for text in (
        ',"action":"x',
        "ends with a comma,",
        '"',
        "\\",
        ']\n[ "},{"',
        "\u2028 ü 𝄞 \x7f \x01",
        ',"',
    ):
        record(action="exported", target_label=text, reason=text, changes={text: [text, ","]})
    sealing.seal()
    assert (trail.inside(), trail.outside()) == (None, None)


LINES = {
    "a value twice": lambda line: line.replace(b'"reason":', b'"reason":"","reason":'),
    "a value more": lambda line: line.replace(b"}}", b',"more":"x"}}'),
    "another name": lambda line: line.replace(b'"reason":', b'"raeson":'),
    "no names": lambda line: line.replace(b'"reason":', b""),
    "spaces": lambda line: line.replace(b":", b": "),
    "another escape": lambda line: line.replace(b'"exported"', b'"export\\u0065d"'),
    "nothing": lambda line: b"{}",
    "noise": lambda line: b"\xff\xfe",
}


@pytest.mark.parametrize("what", LINES)
def test_a_line_of_an_export_is_exactly_the_entry(trail, what):
    path = trail.export()
    lines = path.read_bytes().split(b"\n")
    place = next(n for n, line in enumerate(lines) if f'"id":{trail.ids[1][1]},'.encode() in line)
    lines[place] = LINES[what](lines[place])
    path.write_bytes(b"\n".join(lines))
    problem = trail.outside(path)
    assert (problem.kind, problem.entry) == ("edited", trail.ids[1][1])


def test_entries_before_the_first_checkpoint_are_inserted(trail):
    path = trail.export()
    header, first, entry, *rest = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([header, entry, first, *rest]))
    assert trail.outside(path).kind == "inserted"


def swapped(lines, one, two):
    lines[one], lines[two] = lines[two], lines[one]


EXPORTS = {
    "swapped": (lambda lines: swapped(lines, 8, 9), "reordered", (1, 1)),
    "twice": (lambda lines: lines.insert(9, lines[8]), "inserted", (1, 1)),
    "gone": (lambda lines: lines.pop(9), "deleted", (1, 2)),
    "two gone": (lambda lines: [lines.pop(8), lines.pop(8)], "gap", (1, 1)),
    "the tail": (lambda lines: lines.__delitem__(slice(16, None)), "cut off", (3, 0)),
    "the last ones": (lambda lines: lines.__delitem__(slice(19, None)), "cut off", (3, 2)),
    "from elsewhere": (lambda lines: lines.insert(9, lines[14]), "inserted", (2, 2)),
}


@pytest.mark.parametrize("way", EXPORTS)
def test_a_tampered_export_is_found(trail, way):
    tamper, kind, (checkpoint, place) = EXPORTS[way]
    path = trail.export()
    lines = path.read_bytes().splitlines()
    tamper(lines)
    path.write_bytes(b"\n".join(lines) + b"\n")
    problem = trail.outside(path)
    assert (problem.kind, problem.entry) == (kind, trail.ids[checkpoint][place])


def test_a_file_that_goes_on_is_cut_off_unless_one_says_until_when(expert, trail, tmp_path):
    path = export(tmp_path)
    write(2)
    sealing.seal()
    first = Checkpoint.objects.get(number=5).first_id
    code, _, errors = expert("--export", path)
    assert (code, f"from entry {first} on" in errors, "--until 4" in errors) == (1, True, True)
    assert expert("--export", path, "--until", "4")[0] == 0
    assert expert("--export", export(tmp_path), "--until", "2")[0] == 0


def test_an_older_file_holds_what_it_knows_and_signatures_hold_the_rest(expert, trail, tmp_path):
    path = export(tmp_path)
    trail.file.write_text(trail.lines[0] + "\n")
    code, said, _ = expert("--export", path)
    assert (code, "lacks the last 3" in said) == (0, True)
    path.write_text(path.read_text().replace('\\"number\\":3', '\\"number\\":4'))
    code, _, errors = expert("--export", path)
    assert (code, "checkpoint 3 was changed" in errors) == (1, True)


def test_the_first_key_leads_to_the_next_and_nothing_leads_back(expert, trail, tmp_path, settings):
    first = signing.public_text(signing.keys()[0])
    settings.AUDIT_SIGNING_KEYS = [SEEDS[1], SEEDS[0]]
    write(1)
    sealing.seal()
    second = signing.public_text(signing.keys()[0])
    path = export(tmp_path)
    assert expert("--export", path, keys=[first])[0] == 0
    assert expert("--export", path, keys=[first, second])[0] == 0
    code, _, errors = expert("--export", path, keys=[second])
    assert (code, "checkpoint 1 is signed by the key" in errors) == (1, True)
    other = base64.b64encode(bytes(32)).decode()
    assert expert("--export", path, keys=[other])[0] == 1
    # The portal itself follows its own newest key back: sealing goes on only from what it signed.
    settings.AUDIT_SIGNING_KEYS = [SEEDS[1]]
    assert trail.inside() is None
    found = verify(path=trail.file)
    assert "Checkpoints 1 to 5 are signed by keys that are configured no more" in found.notes[0]
    assert trail.inside(keys=[verifier.public_key(second)]).checkpoint == 1
    assert verify(path=trail.file, keys=[verifier.public_key(first)]).notes == []


def test_a_key_that_handed_over_signs_no_more(trail, settings):
    settings.AUDIT_SIGNING_KEYS = [SEEDS[1], SEEDS[0]]
    write(1)
    sealing.seal()
    settings.AUDIT_SIGNING_KEYS = [SEEDS[0], SEEDS[1]]
    write(1)
    sealing.seal()
    problem = trail.inside(keys=signing.public_keys())
    assert (problem.kind, problem.checkpoint) == ("checkpoint", 8)


def test_a_lost_key_is_said_and_then_both_are_named(trail, settings, expert, tmp_path, capsys):
    keys = [signing.public_text(signing.keys()[0])]
    settings.AUDIT_SIGNING_KEYS = [SEEDS[1]]
    write(1)
    with pytest.raises(CommandError, match="not in PORTAL_AUDIT_SIGNING_KEY"):
        call_command("seal_audit")
    call_command("seal_audit", "--after-lost-key")
    keys.append(signing.public_text(signing.keys()[0]))
    path = export(tmp_path)
    assert expert("--export", path, keys=keys[:1])[0] == 1
    assert expert("--export", path, keys=keys)[0] == 0


def test_what_a_signed_line_pruned_is_not_missed_and_what_is_left_must_fit(trail):
    sealing.seal_prune(ranges=[[1, 2]])
    own_the_database()
    assert (trail.inside(), trail.outside()) == (None, None)
    run(
        f"DELETE FROM audit_entry WHERE id IN ({trail.ids[0][0]}, {trail.ids[0][2]}, {trail.ids[1][3]})"
    )
    assert (trail.inside(), trail.outside()) == (None, None)
    run(f"UPDATE audit_entry SET reason = 'x' WHERE id = {trail.ids[1][1]}")
    for problem in (trail.inside(), trail.outside()):
        assert (problem.kind, problem.entry) == ("edited", trail.ids[1][1])
    run(f"DELETE FROM audit_entry WHERE id <= {trail.ids[1][3]}")
    assert (trail.inside(), trail.outside()) == (None, None)
    copy(trail.ids[2][0], 1_000_000)
    run(f"UPDATE audit_entry SET id = {trail.ids[0][2] + 1} WHERE id = 1000000")
    for problem in (trail.inside(), trail.outside()):
        assert (problem.kind, problem.entry) == ("inserted", trail.ids[0][2] + 1)
    run(f"DELETE FROM audit_entry WHERE id < {trail.ids[2][1]}")
    for problem in (trail.inside(), trail.outside()):
        assert (problem.kind, problem.entry) == ("deleted", trail.ids[2][0])


def ended(generator):
    """What it returns at its end."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def test_an_archive_is_verified_by_the_hash_that_a_line_signs(expert, trail, tmp_path, settings):
    from audit import archive, sealed

    settings.AUDIT_ARCHIVE_DIR = str(tmp_path / "archive")
    chosen = [one for one in sealed.between(1, 3) if one.number != 2]
    sealing.seal_prune(ranges=[[1, 1], [3, 3]], archive=ended(archive.write(chosen)))
    (path,) = (tmp_path / "archive").iterdir()
    assert expert("--export", path) == (0, "The archive is intact: 8 entries.\n", "")
    other = tmp_path / "other.gz"
    other.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).rsplit(b"\n", 2)[0] + b"\n"))
    code, _, errors = expert("--export", other)
    assert (code, "none that a checkpoint names" in errors) == (1, True)


def test_the_command_says_so_and_seals_the_rest(trail, capsys):
    write(3)
    call_command("verify_audit", "--no-seal")
    assert capsys.readouterr().out == "The trail is intact: 16 entries in 4 checkpoints.\n"
    assert Checkpoint.objects.count() == 4
    call_command("verify_audit")
    assert capsys.readouterr().out.endswith("3 more entries were sealed.\n")
    assert sealing.seal() == 0
    own_the_database()
    run(f"UPDATE audit_entry SET reason = 'x' WHERE id = {trail.ids[2][2]}")
    with pytest.raises(
        CommandError, match=f"edited: entry {trail.ids[2][2]} is not as it was"
    ) as said:
        call_command("verify_audit", "--checkpoints", str(trail.file))
    assert said.value.returncode == 1
    with pytest.raises(CommandError, match="is not there") as said:
        call_command("verify_audit", "--checkpoints", "nowhere")
    assert said.value.returncode == 2


def test_progress_is_shown_on_a_terminal_alone(trail, tmp_path):
    path, (ours, theirs) = trail.export(), pty.openpty()
    command = [
        sys.executable,
        "-I",
        verifier.__file__,
        "--checkpoints",
        str(trail.file),
        "--export",
        str(path),
    ]
    command += ["--public-key", signing.public_text(signing.keys()[0])]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "entries" in shown
    assert " a second" in shown
    assert "[" in shown


def test_the_api_proves_an_entry_to_who_may_read_it(cast, settings, tmp_path):
    settings.AUDIT_CHECKPOINT_FILE = str(tmp_path / "checkpoints.jsonl")
    settings.AUDIT_SIGNING_KEYS = [SEEDS[0]]
    record(action="exported", target_label="only-support", team_id=cast.support.pk)
    entry = Entry.objects.latest("id")
    url = f"/api/audit-entries/{entry.pk}/proof/"
    mine, theirs = cast.bearer(cast.sam), cast.bearer(cast.olivia)
    response = Client().get(url, headers=mine)
    assert (response.status_code, "not sealed yet" in response.content.decode()) == (409, True)
    sealing.seal()
    response = Client().get(url, headers=mine)
    book = verifier.Book(checkpoint_file.path(), verifier.Chain(signing.public_keys()))
    assert verifier.verify_selection([response.content], book, tell=lambda entries: None) == 1
    assert response.json()["entry"]["id"] == entry.pk
    assert Client().get(url, headers=theirs).status_code == 404
    assert Client().get(url).status_code == 401
    own_the_database()
    run(f"UPDATE audit_entry SET reason = 'x' WHERE id = {entry.pk - 1}")
    response = Client().get(url, headers=mine)
    assert (response.status_code, "not as it was sealed" in response.content.decode()) == (
        409,
        True,
    )


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


def test_the_console_gives_the_verifier_that_is_in_use(cast):
    page = signed_in(cast.olivia).get("/admin/audit/entry/export/")
    assert "/admin/audit/entry/verifier.py" in page.content.decode()
    response = signed_in(cast.olivia).get("/admin/audit/entry/verifier.py")
    assert response.content == Path(verifier.__file__).read_bytes()
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert signed_in(cast.vera).get("/admin/audit/entry/verifier.py").status_code in (302, 403, 404)
