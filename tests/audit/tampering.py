"""A small sealed trail, somebody who owns the database, and both verifiers."""

import base64
import json
from pathlib import Path

from django.db import connection

from audit import checkpoint_file, sealed_export, sealing, signing, verifier, verifying
from audit.models import Checkpoint
from audit.trail import record

SEEDS = [base64.b64encode(bytes([number]) * 32).decode() for number in (7, 8)]
COLUMNS = ", ".join(verifier.FIELDS)
OTHERS = ", ".join(verifier.FIELDS[1:])


def write(count):
    for number in range(count):
        record(
            action="exported", target_label=f"t{number}", changes={"n": [number, "ä"]}, status=200
        )


def gap(size=2):
    """So many ids that nobody uses, as after a rollback; then one entry."""
    for _ in range(size):
        if connection.vendor == "postgresql":
            run("SELECT nextval(pg_get_serial_sequence('audit_entry', 'id'))")
        else:
            run("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'audit_entry'")
    write(1)


def run(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def copy(entry_id, to):
    run(
        f"INSERT INTO audit_entry ({COLUMNS}) SELECT {to}, {OTHERS} FROM audit_entry WHERE id = {entry_id}"
    )


def own_the_database():
    """From here on no trigger keeps anything; the test's transaction takes it back."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("RESET ROLE")
            cursor.execute("SET LOCAL session_replication_role = replica")
            return
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TRIGGER "{name}"')


class Trail:
    """Four checkpoints with four entries each, two free ids behind the third entry of each."""

    def __init__(self, tmp_path):
        self.folder = tmp_path
        for _ in range(4):
            write(3)
            gap()
            sealing.seal()
        self.lines = list(Checkpoint.objects.order_by("number").values_list("line", flat=True))
        self.ids = [list(verifier.ids_of(json.loads(line)["ids"])) for line in self.lines]
        assert [len(ids) for ids in self.ids] == [4, 4, 4, 4]
        self.keys = signing.public_keys()

    @property
    def file(self):
        return checkpoint_file.path()

    def inside(self, **options):
        """What the portal's own verification finds: None, or the problem."""
        try:
            verifying.verify(path=self.file, **options)
        except verifier.Problem as problem:
            return problem
        return None

    def export(self, name="trail.jsonl"):
        path = Path(self.folder) / name
        with sealed_export.whole_file(path) as file:
            sealed_export.write_trail(file)
        return path

    def outside(self, path=None, *, until=None, keys=None):
        """What the verifier finds that has the export, the checkpoints file and the public key alone."""
        path = path or self.export()
        try:
            book = verifier.Book(self.file, verifier.Chain(keys or self.keys), until=until)
            with path.open("rb") as file:
                file.readline()
                verifier.verify_export(file, book, tell=lambda entries: None)
        except verifier.Problem as problem:
            return problem
        return None


def named(problem):
    return problem and (problem.kind, problem.entry if problem.entry else problem.checkpoint)
