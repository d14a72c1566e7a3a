"""SQL past the recorder, on PostgreSQL: a trigger writes the entry, once, and none beside the recorder's."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from accounts.models import User
from audit import raw_writes
from audit.checks import check_raw_writes
from audit.models import Entry
from portal import classification, rotation
from portal.classification import PERSONAL, class_of, is_recorded
from portal.encryption import MASK
from portal.models import Provider
from portal.tenancy import NOTHING, POSTGRESQL, Scope, tenant
from projects.models import Project
from teams.models import Membership, Team
from teams.removal_actions import delete_team
from tests.audit.matrix import THIRD_PARTY
from tests.audit.test_matrix import BULK, MODELS, SIGNALLED, Case
from tests.cast import build_cast
from tests.strict import ROLE


def on_postgresql():
    return connection.vendor == POSTGRESQL


def sql(statement, *params):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def committed():
    """What waits for the end of the transaction happens, in a test that never ends its own."""
    connection.check_constraints()


class Since:
    """The entries of a block, once what waits for its end has happened."""

    def __enter__(self):
        committed()
        self._last = Entry.objects.order_by("-id").values_list("id", flat=True).first() or 0
        self.found = []
        return self

    def __exit__(self, *error):
        if error == (None, None, None):
            committed()
            self.found = list(Entry.objects.filter(pk__gt=self._last).order_by("id"))

    @property
    def only(self):
        (entry,) = self.found
        return entry

    @property
    def kinds(self):
        return [(entry.action, entry.actor_kind) for entry in self.found]


@pytest.fixture
def owner():
    """The tables' owner, with everything in sight."""
    if not on_postgresql():
        yield
        return
    committed()
    sql("RESET ROLE")
    yield
    if not connection.needs_rollback:
        sql(f"SET ROLE {ROLE}")


def hidden(sides):
    return [MASK if isinstance(side, dict) and "sealed" in side else side for side in sides]


def as_trigger(model, entry):
    """The recorder's changes as a trigger writes them, which has no key to seal with."""
    found = {}
    for name, sides in entry.changes.items():
        if name == "extra_headers":  # an empty object is stored as nothing
            continue
        is_personal = class_of(model._meta.get_field(name)) == PERSONAL
        found[name] = hidden(sides) if is_personal else sides
    return found


def same_row(one, other):
    names = ("action", "outcome", "target_type", "target_id", "target_label", "subject_id")
    return all(getattr(one, name) == getattr(other, name) for name in names)


@pytest.mark.django_db
@pytest.mark.parametrize("label", MODELS)
def test_raw_sql_leaves_the_entry_that_the_recorder_would_have(label, cast):
    """On SQLite it leaves none, and the documentation says so."""
    case = Case(label, cast)
    model, table = case.model, case.model._meta.db_table
    key = model._meta.pk.column
    if not on_postgresql():
        row = case.there()
        with Since() as raw:
            sql(f'DELETE FROM "{table}" WHERE "{key}" = %s', row.pk)
        assert raw.found == []
        return
    with transaction.atomic():
        with Since() as recorded:
            row = case.there()
            ((held,),) = sql(
                f'SELECT to_jsonb(t)::text FROM "{table}" t WHERE "{key}" = %s', row.pk
            )
            if label not in THIRD_PARTY:
                case.rows(row).update(**case.change)
            case.rows(row).delete()
        by_action = {entry.action: entry for entry in recorded.found if entry.target_type == label}
        transaction.set_rollback(True)
    made, updated, deleted = map(by_action.get, ("create", "update", "delete"))
    with Since() as raw:
        sql(
            f'INSERT INTO "{table}" SELECT * FROM jsonb_populate_record(NULL::"{table}", %s)',
            held,
        )
    assert raw.only.actor_kind == "database"
    assert same_row(raw.only, made)
    assert raw.only.team_id == made.team_id
    assert raw.only.changes == as_trigger(model, made)
    field = model._meta.get_field(case.line.field)
    value = next(iter(case.change.values()))
    value = field.get_db_prep_save(value.pk if field.is_relation else value, connection)
    with Since() as raw:
        sql(f'UPDATE "{table}" SET "{field.column}" = %s WHERE "{key}" = %s', value, row.pk)
    assert (raw.only.action, raw.only.actor_kind) == ("update", "database")
    if label not in THIRD_PARTY:
        changes = {field.name: as_trigger(model, updated)[field.name]}
        assert same_row(raw.only, updated)
        assert (raw.only.team_id, raw.only.changes) == (updated.team_id, changes)
    with Since() as raw:
        sql(f'DELETE FROM "{table}" WHERE "{key}" = %s', row.pk)
    assert raw.only.actor_kind == "database"
    assert same_row(raw.only, deleted)
    assert raw.only.team_id == deleted.team_id
    if label not in THIRD_PARTY:
        gone = as_trigger(model, deleted) | {field.name: [changes[field.name][1], None]}
        assert raw.only.changes.items() >= {k: v for k, v in gone.items() if k != "version"}.items()


@pytest.mark.django_db(transaction=True)
def test_each_way_of_the_orm_leaves_one_entry_once_it_is_committed():
    """The third party's bulk writes too, which the recorder does not see and the trigger does."""
    cast = build_cast()
    assert not Entry.objects.filter(actor_kind="database").exists()
    for label in MODELS:
        case = Case(label, cast)
        made = {name: value for name, value in case.values.items() if name != "system_prompt"}
        for action in ("create", "update", "delete"):
            for way in SIGNALLED[action] + BULK[action]:
                by_database = label in THIRD_PARTY and way in BULK[action]
                if by_database and not on_postgresql():
                    continue
                given = () if action == "create" else (case.there(),)
                last = Entry.objects.latest("id").pk
                way(case, *given)
                found = Entry.objects.filter(pk__gt=last, target_type=label)
                assert [entry.action for entry in found] == [action], (label, way, found)
                assert (found[0].actor_kind == "database") == by_database
                rows = case.rows(given[0]) if given else case.model._base_manager.filter(**made)
                rows.delete()


@pytest.mark.django_db(transaction=True)
def test_a_deletion_with_all_that_goes_along_leaves_one_entry_a_row():
    """It asks the deferred constraints in its middle (`nothing_came_meanwhile`)."""
    cast = build_cast()
    last = Entry.objects.latest("id").pk
    delete_team(by=cast.admin, team=cast.research)
    found = Entry.objects.filter(pk__gt=last, action__in=("create", "update", "delete"))
    rows = [(entry.target_type, entry.target_id, entry.action) for entry in found]
    assert len(rows) > 10
    assert sorted(set(rows)) == sorted(rows)
    assert "database" not in {entry.actor_kind for entry in found}


@pytest.mark.django_db
def test_the_entry_says_who_was_connected_and_with_what(cast):
    if not on_postgresql():
        return
    with Since() as raw:
        sql("SET LOCAL application_name = 'psql'")
        sql("UPDATE teams_team SET name = 'Lab' WHERE slug = 'research'")
    ((user,),) = sql("SELECT session_user")
    entry = raw.only
    assert (entry.actor_kind, entry.actor_id, entry.actor_label) == ("database", user, user)
    assert entry.reason == f"SQL past the portal: psql as {ROLE}"
    assert (entry.address, entry.method, entry.request_id) == ("127.0.0.1", "", "")
    assert (entry.actor_user_id, entry.on_behalf_of_id, entry.status) == (None, None, None)
    assert entry.changes == {"name": ["Research", "Lab"]}


@pytest.mark.django_db
def test_secrets_content_and_personal_values_are_masks(cast):
    if not on_postgresql():
        return
    Project.objects.filter(pk=cast.drafts.pk).update(description="x")
    with Since() as raw:
        sql(
            "UPDATE accounts_user SET email = 'canary@x.org', password = 'canary' WHERE id = %s",
            cast.vera.pk,
        )
        sql(
            "UPDATE projects_project SET system_prompt = 'canary'::bytea WHERE id = %s",
            cast.drafts.pk,
        )
    person, project = raw.found
    assert person.changes == {"email": [MASK, MASK], "password": [MASK, MASK]}
    assert person.subject_id == cast.vera.pk
    assert project.changes == {"system_prompt": ["", MASK]}
    ((held,),) = sql(
        "SELECT string_agg(e::text, '') FROM audit_entry e WHERE actor_kind = 'database'"
    )
    for word in ("canary", "vera@", b"canary".hex()):
        assert word not in held


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "actions"),
    [
        ("UPDATE teams_team SET name = name", []),
        ("UPDATE accounts_user SET last_login = now()", []),
        ("UPDATE teams_team SET id = 777 WHERE slug = 'new'", ["update"]),
        (
            "UPDATE teams_team SET name = 'A' WHERE slug = 'new'; UPDATE teams_team SET name = 'B' WHERE slug = 'new'",
            ["update"] * 2,
        ),
        (
            "UPDATE teams_team SET name = 'A' WHERE slug = 'new'; UPDATE teams_team SET name = 'New' WHERE slug = 'new'",
            ["update"] * 2,
        ),
        (
            "DELETE FROM teams_team WHERE slug = 'new'; INSERT INTO teams_group (source, name) VALUES ('', 'x')",
            ["delete", "create"],
        ),
        (
            "INSERT INTO teams_group (source, name) VALUES ('', 'x'); DELETE FROM teams_group",
            ["create", "delete"],
        ),
        (
            "INSERT INTO teams_group (source, name) VALUES ('', 'x') ON CONFLICT DO NOTHING",
            ["create"],
        ),
        (
            "INSERT INTO teams_team (slug, name, allowed_addresses, second_factor_required, requests_per_minute, "
            "allowed_regions, created_at) SELECT slug, 'Taken', '', false, 1, '', now() FROM teams_team "
            "WHERE slug = 'new' ON CONFLICT (slug) DO UPDATE SET name = EXCLUDED.name",
            ["update"],
        ),
        (
            "MERGE INTO teams_team t USING (SELECT 'new' AS slug) s ON t.slug = s.slug WHEN MATCHED THEN DELETE",
            ["delete"],
        ),
        (
            "WITH gone AS (DELETE FROM teams_team WHERE slug = 'new' RETURNING id) SELECT count(*) FROM gone",
            ["delete"],
        ),
    ],
)
def test_every_kind_of_statement_leaves_one_entry_a_changed_row(statement, actions, db):
    if not on_postgresql():
        return
    Team.objects.create(slug="new", name="New")
    with Since() as raw:
        sql(statement)
    assert raw.kinds == [(action, "database") for action in actions]


@pytest.mark.django_db
def test_a_copy_leaves_an_entry_a_row(db):
    if not on_postgresql():
        return
    with Since() as raw, connection.cursor() as cursor:
        copied = "COPY portal_addressrule (place, verdict, network, note) FROM STDIN"
        with cursor.copy(copied) as copy:
            copy.write_row(("console", "block", "192.0.2.1", "one"))
            copy.write_row(("console", "block", "192.0.2.2", "two"))
    assert [entry.changes["note"] for entry in raw.found] == [[None, "one"], [None, "two"]]


@pytest.mark.django_db
def test_a_changed_key_stands_under_the_old_one(db):
    if not on_postgresql():
        return
    team = Team.objects.create(slug="new", name="New")
    with Since() as raw:
        sql("UPDATE teams_team SET id = 777 WHERE slug = 'new'")
    assert (raw.only.target_id, raw.only.changes) == (str(team.pk), {"id": [team.pk, 777]})


@pytest.mark.django_db
def test_sql_and_recorder_on_one_row_in_one_transaction_leave_an_entry_each(cast):
    """Whatever comes first, and whichever field it is."""
    if not on_postgresql():
        return
    row = f"WHERE id = {cast.research.pk:d}"
    with Since() as raw:
        Team.objects.filter(pk=cast.research.pk).update(name="By the recorder")
        sql(f"UPDATE teams_team SET requests_per_minute = 7 {row}")
    assert raw.kinds == [("update", "system"), ("update", "database")]
    assert raw.found[1].changes == {"requests_per_minute": [cast.research.requests_per_minute, 7]}
    with Since() as raw:
        sql(f"UPDATE teams_team SET name = 'By SQL' {row}")
        team = Team.objects.get(pk=cast.research.pk)
        team.name, team.monthly_budget = "By the recorder", "5.50"
        team.save()
        sql(f"UPDATE teams_team SET name = 'By SQL', monthly_budget = 500 {row}")
    assert [entry.changes for entry in raw.found if entry.actor_kind == "database"] == [
        {"name": ["By the recorder", "By SQL"]},
        {"name": ["By the recorder", "By SQL"], "monthly_budget": ["5.500000", "500.000000"]},
    ]
    assert len(raw.found) == 3
    with Since() as raw:
        Team.objects.create(slug="new", name="New")
        sql("UPDATE teams_team SET name = 'By SQL' WHERE slug = 'new'")
        sql("DELETE FROM teams_team WHERE slug = 'new'")
    assert [entry.action for entry in raw.found] == ["create", "update", "delete"]


@pytest.mark.django_db
def test_more_digits_than_are_stored_are_no_second_entry(cast):
    team = cast.research
    team.monthly_budget = "1.23456789"
    with Since() as recorded:
        team.save()
    assert recorded.only.changes == {"monthly_budget": [None, "1.234568"]}


@pytest.mark.django_db(transaction=True)
def test_what_is_undone_leaves_nothing():
    if not on_postgresql():
        return
    Team.objects.create(slug="new", name="New")
    last = Entry.objects.latest("id").pk
    with transaction.atomic():
        sql("UPDATE teams_team SET name = 'Lost'")
        transaction.set_rollback(True)
    assert not Entry.objects.filter(pk__gt=last).exists()
    with transaction.atomic():
        with transaction.atomic():
            sql("UPDATE teams_team SET name = 'Lost'")
            transaction.set_rollback(True)
        with transaction.atomic():
            sql("UPDATE teams_team SET requests_per_minute = 7")
    (entry,) = Entry.objects.filter(pk__gt=last)
    assert set(entry.changes) == {"requests_per_minute"}


@pytest.mark.django_db(transaction=True)
def test_without_its_entry_nothing_changes():
    if not on_postgresql():
        return
    Team.objects.create(slug="new", name="New")
    sql("RESET ROLE")
    sql("ALTER TABLE audit_entry ADD CONSTRAINT is_full CHECK (actor_kind <> 'database') NOT VALID")
    sql(f"SET ROLE {ROLE}")
    try:
        for statement in (
            "UPDATE teams_team SET name = 'Lost'",
            "DELETE FROM teams_team",
            "INSERT INTO teams_group (source, name) VALUES ('', 'x')",
        ):
            with pytest.raises(IntegrityError, match="is_full"):
                sql(statement)
        assert list(Team.objects.values_list("name", flat=True)) == ["New"]
        assert sql("SELECT count(*) FROM teams_group") == [(0,)]
    finally:
        sql("RESET ROLE")
        sql("ALTER TABLE audit_entry DROP CONSTRAINT is_full")
        sql(f"SET ROLE {ROLE}")


@pytest.mark.django_db
def test_a_scope_sees_no_more_afterwards_than_before(cast):
    if not on_postgresql():
        return
    scope = Scope(teams=frozenset([cast.support.pk]), user=cast.sam.pk)
    with Since() as raw, tenant(scope):
        sql("UPDATE teams_team SET name = 'Mine'")
        committed()
        assert [team.slug for team in Team.objects.all()] == ["support"]
    assert [entry.target_label for entry in raw.found] == ["support"]
    with Since() as raw, tenant(NOTHING):
        assert sql("UPDATE teams_team SET name = 'Nobody'") == 0
        sql("UPDATE portal_provider SET name = 'Named'")
        committed()
        assert not Team.objects.exists()
    assert {entry.target_type for entry in raw.found} == {"portal.Provider"}


@pytest.mark.django_db
def test_a_data_migration_is_recorded(cast):
    """Its models are not those of the recorder."""
    if not on_postgresql():
        return
    historical = MigrationLoader(connection).project_state().apps.get_model("teams", "Team")
    assert not is_recorded(historical)
    with Since() as raw:
        historical.objects.filter(slug="research").update(name="Migrated")
        historical.objects.create(slug="new", name="New")
    assert raw.kinds == [("update", "database"), ("create", "database")]


# Ciphertexts


@pytest.fixture
def sealed(db):
    provider = Provider(slug="x", name="X", kind="openai", base_url="https://api.example.com/v1")
    provider.set_secret("sk-live-9876543210abcdef")
    provider.save()
    return provider


@pytest.mark.django_db
def test_a_save_that_only_encrypts_anew_leaves_no_entry(sealed):
    with Since() as saved:
        before = sql("SELECT secret FROM portal_provider WHERE slug = 'x'")
        sealed.save()
        Provider.objects.bulk_update([sealed], ["secret"])
        assert sql("SELECT secret FROM portal_provider WHERE slug = 'x'") != before
    assert saved.found == []
    with Since() as saved:
        sealed.name = "Y"
        sealed.save()
    assert saved.only.changes == {"name": ["X", "Y"]}
    sealed.set_secret("sk-live-another-0123456789")
    with Since() as saved:
        sealed.save()
    assert saved.only.changes["secret"] == [MASK, MASK]


@pytest.mark.django_db
def test_a_ciphertext_that_somebody_else_changes_leaves_one(sealed):
    """The word that the value is the same holds for the row, the field and the transaction, as far as it is not undone."""
    if not on_postgresql():
        return
    other = Provider.objects.create(slug="y", name="Y", kind="offline")
    with Since() as raw:
        with transaction.atomic():
            sealed.save()
            transaction.set_rollback(True)
        sql("UPDATE portal_provider SET secret = 'x' WHERE slug = 'x'")
        other.save()
        sql("UPDATE portal_provider SET secret = 'x' WHERE slug = 'y'")
        sql(
            "SELECT set_config('portal.resealed', %s, true)", f"\nportal.Provider {other.pk} name\n"
        )
        sql("UPDATE portal_provider SET name = 'Z' WHERE slug = 'y'")
    assert [entry.changes for entry in raw.found] == [
        {"secret": [MASK, MASK]},
        {"secret": ["", MASK]},
        {"name": ["Y", "Z"]},
    ]


@pytest.mark.django_db(transaction=True)
def test_a_rotation_leaves_its_own_event_and_no_other():
    cast = build_cast()
    cast.drafts.system_prompt = "Be kind."
    cast.drafts.save()
    last = Entry.objects.latest("id").pk
    rotation.renew_data_keys()
    assert rotation.rotate_all().renewed
    assert not Entry.objects.filter(pk__gt=last).exists()
    assert Project.objects.get(pk=cast.drafts.pk).system_prompt == "Be kind."
    sql("UPDATE projects_project SET system_prompt = '' WHERE slug = 'drafts'")
    found = Entry.objects.filter(pk__gt=last)
    assert [entry.changes for entry in found] == [{"system_prompt": [MASK, ""]}] * on_postgresql()


# Tables


@pytest.mark.django_db
def test_every_recorded_table_has_its_triggers_and_no_other(db):
    """An exchange writes usage rows, conversations, counters: none of them asks anything."""
    tables = set(raw_writes.recorded_tables())
    assert {Team._meta.db_table, User._meta.db_table, "account_emailaddress"} < tables
    hot = "exchange conversation message spend keyspend teamspend"
    assert not {f"projects_{name}" for name in hot.split()} & tables
    if not on_postgresql():
        return
    with connection.cursor() as cursor:
        assert raw_writes.unguarded(cursor) == []
    found = sql(
        "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid "
        "WHERE proname = ANY (%s)",
        ["audit_raw_write", "audit_raw_link", "audit_no_truncate"],
    )
    assert {name for (name,) in found} == tables


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER audit_raw_rows ON teams_team",
        "DROP TRIGGER audit_raw_columns ON teams_team",
        "DROP TRIGGER audit_no_truncate ON teams_team",
        "ALTER TABLE teams_team DISABLE TRIGGER audit_raw_columns",
        "ALTER TABLE teams_team ENABLE REPLICA TRIGGER audit_raw_columns",
        "ALTER TABLE teams_team DISABLE TRIGGER USER",
        "DROP TRIGGER audit_raw_rows ON teams_team; CREATE CONSTRAINT TRIGGER audit_raw_rows AFTER INSERT ON teams_team "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_raw_write('{}')",
    ],
)
def test_a_table_without_them_is_named_and_not_served_in_production(statement, owner, settings):
    if not on_postgresql():
        return
    settings.DEVELOPMENT, settings.PROCESS = False, "web"
    sql(statement)
    with connection.cursor() as cursor:
        assert raw_writes.unguarded(cursor) == ["teams_team"]
    (problem,) = check_raw_writes(None, databases=["default"])
    assert (problem.id, "teams_team." in problem.msg) == ("audit.E001", True)
    raw_writes.refresh()
    assert check_raw_writes(None, databases=["default"]) == []
    with Since() as raw:
        sql("INSERT INTO teams_group (source, name) VALUES ('', 'x')")
    assert raw.kinds == [("create", "database")]


@pytest.mark.django_db
def test_a_function_of_somebody_elses_is_found_and_replaced(owner):
    if not on_postgresql():
        return
    sql(
        "CREATE OR REPLACE FUNCTION audit_raw_write() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
    )
    with connection.cursor() as cursor:
        assert set(raw_writes.unguarded(cursor)) == set(raw_writes.recorded_tables())
        raw_writes.refresh()
        assert raw_writes.unguarded(cursor) == []


@pytest.mark.django_db
def test_what_is_no_longer_recorded_loses_them_and_what_is_gets_them(owner, monkeypatch):
    if not on_postgresql():
        return
    monkeypatch.setitem(classification.EXEMPT_MODELS, "teams.Team", "not any more")
    raw_writes.refresh()
    with Since() as raw:
        sql("INSERT INTO teams_group (source, name) VALUES ('', 'x')")
        sql("DELETE FROM teams_team")
    assert len(raw.found) == 1
    assert not sql(
        "SELECT 1 FROM pg_trigger WHERE tgrelid = 'teams_team'::regclass AND tgname LIKE 'audit%%'"
    )
    monkeypatch.delitem(classification.EXEMPT_MODELS, "teams.Team")
    raw_writes.refresh()
    with connection.cursor() as cursor:
        assert raw_writes.unguarded(cursor) == []


@pytest.mark.django_db
def test_a_table_can_still_change(owner):
    """A column changes its type or goes, and a new one is a mask until the next migrate has told the trigger what it is."""
    if not on_postgresql():
        return
    Team.objects.create(slug="new", name="New")
    committed()
    sql("ALTER TABLE teams_team ALTER COLUMN name TYPE varchar(300)")
    sql("ALTER TABLE teams_team ADD COLUMN extra text")
    with Since() as raw:
        sql("UPDATE teams_team SET extra = 'canary', name = 'N'")
    assert raw.only.changes == {"extra": [None, MASK], "name": ["New", "N"]}
    sql("ALTER TABLE teams_team DROP COLUMN extra")
    with Since() as raw:
        sql("UPDATE teams_team SET name = 'M'")
    assert raw.only.changes == {"name": ["N", "M"]}


@pytest.mark.django_db
def test_truncate_is_refused_to_the_owner_too(owner):
    if not on_postgresql():
        return
    for table in raw_writes.recorded_tables():
        with pytest.raises(DatabaseError, match="recorded one by one"), transaction.atomic():
            sql(f'TRUNCATE "{table}" CASCADE')


@pytest.mark.django_db
def test_a_many_to_many_table_without_a_model_is_recorded_from_either_side(owner, monkeypatch):
    monkeypatch.delitem(classification.EXEMPT_MODELS, "auth.Group")
    if not on_postgresql():
        return
    raw_writes.refresh()
    group = Group.objects.create(name="x")
    one, two, three = Permission.objects.order_by("pk")[:3]
    with Since() as recorded:
        group.permissions.add(one)
        two.group_set.add(group)
        group.permissions.remove(one)
    assert [entry.actor_kind for entry in recorded.found] == ["system"] * 3
    with Since() as raw:
        sql(
            "INSERT INTO auth_group_permissions (group_id, permission_id) VALUES (%s, %s)",
            group.pk,
            three.pk,
        )
        sql("DELETE FROM auth_group_permissions WHERE permission_id = %s", two.pk)
    assert [(entry.target_type, entry.target_id) for entry in raw.found] == [
        ("auth.Group", str(group.pk))
    ] * 2
    assert [entry.changes for entry in raw.found] == [
        {"permissions": {"added": [three.pk]}},
        {"permissions": {"removed": [two.pk]}},
    ]
    with Since() as recorded:
        group.delete()
    assert recorded.kinds == [("delete", "system")]


@pytest.mark.django_db
def test_nobody_calls_the_functions_or_hides_behind_a_table_of_the_same_name(cast):
    if not on_postgresql():
        return
    with Since() as raw:
        sql("CREATE TEMP TABLE audit_entry (LIKE public.audit_entry)")
        sql("SET LOCAL search_path = pg_temp, public")
        sql("UPDATE teams_team SET name = 'Lab' WHERE slug = 'research'")
        committed()
        sql("SET LOCAL search_path = public")
        sql("DROP TABLE pg_temp.audit_entry")
    assert raw.kinds == [("update", "database")]
    with pytest.raises(DatabaseError), transaction.atomic():
        sql("SELECT audit_raw_write()")


@pytest.mark.django_db(transaction=True)
def test_an_entry_from_before_a_restore_covers_nothing():
    """Transactions are counted anew in another cluster, so an old entry may have the number of a new one."""
    if not on_postgresql():
        return
    team = Team.objects.create(slug="new", name="New")
    entry = Entry.objects.latest("id")
    values = (
        "created_at, 'update', outcome, actor_kind, actor_id, actor_label, on_behalf_of, target_type, target_id, "
        "target_label, %s, reason, method, path, address, request_id, %s::text::xid8"
    )
    columns = values.replace("'update'", "action").replace("%s::text::xid8", "xact")
    columns = columns.replace("%s", "changes")
    for tried in range(5):
        ((number,),) = sql("SELECT pg_current_xact_id()::text::bigint + 20")
        sql(
            f"INSERT INTO audit_entry ({columns}) SELECT {values} FROM audit_entry WHERE id = %s",
            f'{{"name": ["{team.name}", "{tried}"]}}',
            number,
            entry.pk,
        )
        while sql("SELECT pg_current_xact_id()::text::bigint") < [(number - 1,)]:
            pass
        last = Entry.objects.latest("id").pk
        with transaction.atomic():
            ((mine,),) = sql("SELECT pg_current_xact_id()::text::bigint")
            sql("UPDATE teams_team SET name = %s WHERE id = %s", str(tried), team.pk)
        assert Entry.objects.filter(pk__gt=last).count() == 1
        if mine == number:
            return
        team.refresh_from_db()
    pytest.fail("somebody else was always faster")


@pytest.mark.django_db
def test_membership_of_a_team_that_goes_with_it_is_recorded(cast):
    """Children that SQL deletes with their team still name it."""
    if not on_postgresql():
        return
    with Since() as raw:
        sql("DELETE FROM teams_membership WHERE user_id = %s", cast.vera.pk)
    assert raw.only.team_id == cast.research.pk
    assert raw.only.target_type == Membership._meta.label
