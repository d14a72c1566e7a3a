"""Row-level security on PostgreSQL: one policy for each tenant table, written by migrations, and who could get past it.

A policy names the teams, the person, or everything, from the settings that `portal.tenancy` says. For what is read each
setting stands in a sub-select, which PostgreSQL evaluates once a statement and not once a row. Planning one costs more
than evaluating it a few times: so what is written, and what small tables hold, is judged row by row (`by_row`).
"""

import re
from typing import Any

from django.db import migrations

_SETTINGS = (
    "string_to_array(nullif(current_setting('portal.teams', true), ''), ',')::bigint[]",
    "nullif(current_setting('portal.user', true), '')::bigint",
    "current_setting('portal.all_teams', true)",
)
_TEAMS, _ME, _ALL_TEAMS = _SETTINGS
TEAMS = f"(SELECT {_TEAMS})::bigint[]"
ME = f"(SELECT {_ME})"
EVERYTHING = f"(SELECT {_ALL_TEAMS}) = 'on'"

OF_TEAM = f"team_id = ANY ({TEAMS})"
OF_ME = f"user_id = {ME}"
SOMEBODY = (
    "(SELECT coalesce(current_setting('portal.teams', true), '') "
    "|| coalesce(current_setting('portal.user', true), '')) <> ''"
)
OF_PLATFORM = f"(team_id IS NULL AND {SOMEBODY})"


def by_row(condition: str) -> str:
    """The same condition, evaluated for each row."""
    for setting in _SETTINGS:
        condition = condition.replace(f"(SELECT {setting})", f"({setting})")
    return condition


def through(table: str, column: str) -> str:
    """Rows that hang on a row of another tenant table, which has a policy of its own."""
    return f"EXISTS (SELECT 1 FROM {table} AS owner WHERE owner.id = {column})"  # noqa: S608 - names in migrations


# Tables that hold no tenant's rows, or are read before anybody's teams are known; each with its reason.
WITHOUT_POLICY: dict[str, str] = {
    "account_emailaddress": "belongs to a person, who may be in many teams",
    "account_emailconfirmation": "belongs to a person; no row is ever made",
    "accounts_impersonation": "read to find out who asks; the reason is encrypted",
    "accounts_key": "read to find out who asks",
    "accounts_recoverycode": "asked while somebody signs in; hashes alone",
    "accounts_recoverydevice": "asked while somebody signs in",
    "accounts_session": "read to find out who asks; opens nothing without its cookie",
    "accounts_sighting": "asked while somebody signs in; hashes alone",
    "accounts_totpdevice": "asked while somebody signs in; its secret is under the person's key",
    "accounts_tokenfamily": "read to find out who asks; opens nothing without its secret",
    "accounts_user": "read to find out who asks",
    "audit_checkpoint": "the platform's seals: hashes and numbers alone",
    "audit_prune": "which ids of the trail went, and by which seal; numbers alone",
    "auth_group": "not used",
    "auth_group_permissions": "not used",
    "auth_permission": "written by migrations",
    "django_admin_log": "not written",
    "django_content_type": "written by migrations",
    "django_migrations": "written by migrations",
    "portal_addressrule": "the platform's; asked before anybody is known",
    "portal_bucket": "counters of the limiter, without any content",
    "portal_cspreport": "what browsers say of our pages, without any content",
    "portal_datakey": "wrapped by the key ring; opens nothing by itself",
    "portal_model": "the platform's catalogue",
    "portal_provider": "the platform's connections",
    "projects_permissionsnapshot": "on which days the matrix was stored; numbers alone",
    "portal_retentionrun": "the platform's log of what retention removed; counts alone",
    "portal_setting": "the platform's; asked before anybody is known",
    "projects_keyproject": "confines a key: a row that is not seen would widen it",
}
# Policies that are open to everybody in one direction, by table and policy; each with its reason.
OPEN: dict[str, str] = {
    "accounts_notice tenant": "whoever acts may leave a notice for somebody else",
    "audit_entry tenant": "everybody adds; triggers refuse every change",
    "teams_customrole tenant_reads": "read with the memberships: what its holders may in which team",
    "teams_membership tenant_reads": "read to find out which teams are whose",
    "teams_teamarchive tenant_reads": "read to find out which teams are nobody's any more",
}


def _checked(condition: str) -> str:
    return "true" if condition.lower() == "true" else by_row(f"{EVERYTHING} OR {condition}")


class TenantPolicy(migrations.RunSQL):
    """Enables and forces row-level security on a table: `sees` for reading, `writes` for what is written.

    `adds` is asked of new rows beside it, and `reads` opens more to reading alone. All of them hold for everything too.
    On other databases it does nothing.
    """

    def __init__(
        self,
        table: str,
        sees: str,
        writes: str | None = None,
        *,
        is_small: bool = False,
        adds: str = "",
        reads: str = "",
    ) -> None:
        self.table, self.sees, self.writes, self.is_small = table, sees, writes or sees, is_small
        self.adds, self.reads = adds, reads
        super().__init__(migrations.RunSQL.noop, migrations.RunSQL.noop)

    def deconstruct(self) -> Any:
        options = {"is_small": self.is_small, "adds": self.adds, "reads": self.reads}
        chosen = {name: value for name, value in options.items() if value}
        return self.__class__.__name__, [self.table, self.sees, self.writes], chosen

    def statements(self) -> list[str]:
        sees = f"{EVERYTHING} OR {self.sees}"
        found = [
            f"ALTER TABLE {self.table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {self.table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {self.table} "
            f"USING ({by_row(sees) if self.is_small else sees}) WITH CHECK ({_checked(self.writes)})",
        ]
        if self.adds:
            found.append(
                f"CREATE POLICY tenant_adds ON {self.table} AS RESTRICTIVE FOR INSERT "
                f"WITH CHECK ({_checked(self.adds)})"
            )
        if self.reads:
            found.append(
                f"CREATE POLICY tenant_reads ON {self.table} FOR SELECT USING ({self.reads})"
            )
        return found

    def database_forwards(
        self, app_label: Any, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            for statement in self.statements():
                schema_editor.execute(statement)

    def database_backwards(
        self, app_label: Any, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            for policy in ("tenant", "tenant_adds", "tenant_reads"):
                schema_editor.execute(f"DROP POLICY IF EXISTS {policy} ON {self.table}")
            schema_editor.execute(f"ALTER TABLE {self.table} NO FORCE ROW LEVEL SECURITY")
            schema_editor.execute(f"ALTER TABLE {self.table} DISABLE ROW LEVEL SECURITY")


class SameTeam(migrations.RunSQL):
    """A table that repeats the team of a row it hangs on, so that its policy need not look there: both are one.

    On other databases it does nothing.
    """

    def __init__(self, table: str, owner: str, column: str) -> None:
        self.table, self.owner, self.column = table, owner, column
        super().__init__(migrations.RunSQL.noop, migrations.RunSQL.noop)

    def deconstruct(self) -> Any:
        return self.__class__.__name__, [self.table, self.owner, self.column], {}

    def database_forwards(
        self, app_label: Any, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(
                f"ALTER TABLE {self.owner} ADD CONSTRAINT {self.owner}_team UNIQUE (id, team_id)"
            )
            schema_editor.execute(
                f"ALTER TABLE {self.table} ADD CONSTRAINT {self.table}_same_team FOREIGN KEY "
                f"({self.column}, team_id) REFERENCES {self.owner} (id, team_id)"
            )

    def database_backwards(
        self, app_label: Any, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(
                f"ALTER TABLE {self.table} DROP CONSTRAINT IF EXISTS {self.table}_same_team"
            )
            schema_editor.execute(
                f"ALTER TABLE {self.owner} DROP CONSTRAINT IF EXISTS {self.owner}_team"
            )


class Looker(migrations.RunSQL):
    """A SECURITY DEFINER function: the one answer that precedes tenancy, and nothing else of the row.

    It runs as the owner with everything in sight for its own duration. On other databases it does nothing.
    """

    def __init__(self, signature: str, returns: str, query: str) -> None:
        self.signature, self.returns, self.query = signature, returns, query
        super().__init__(migrations.RunSQL.noop, migrations.RunSQL.noop)

    def deconstruct(self) -> Any:
        return self.__class__.__name__, [self.signature, self.returns, self.query], {}

    def database_forwards(
        self, app_label: Any, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(
                f"CREATE FUNCTION {self.signature} RETURNS {self.returns} LANGUAGE plpgsql VOLATILE "
                "SECURITY DEFINER SET search_path = public, pg_temp AS $$ "
                "DECLARE before text := current_setting('portal.all_teams', true); "
                "BEGIN PERFORM set_config('portal.all_teams', 'on', true); "
                f"{self._answering()}; "
                "PERFORM set_config('portal.all_teams', coalesce(before, ''), true); RETURN"
                f"{'' if self._is_set else ' found_value'}; END $$".replace(
                    "DECLARE ",
                    "DECLARE " if self._is_set else f"DECLARE found_value {self.returns}; ",
                )
            )
            # The portal's roles have their right from `create_database_roles`.
            schema_editor.execute(f"REVOKE EXECUTE ON FUNCTION {self.signature} FROM PUBLIC")

    @property
    def _is_set(self) -> bool:
        return self.returns.startswith("SETOF")

    def _answering(self) -> str:
        """A function's own SET clause would need a superuser; what is set within ends with the transaction anyway."""
        return f"RETURN QUERY {self.query}" if self._is_set else f"found_value := ({self.query})"

    def database_backwards(
        self, app_label: Any, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {self.signature}")


# What a role could do about the policies, and how the tables of a database stand.

BYPASSES = """
SELECT EXISTS (SELECT 1 FROM pg_roles p WHERE p.rolsuper AND pg_has_role(r.oid, p.oid, 'MEMBER')),
       EXISTS (SELECT 1 FROM pg_roles p WHERE p.rolbypassrls AND pg_has_role(r.oid, p.oid, 'MEMBER')),
       EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
                  AND pg_has_role(r.oid, c.relowner, 'MEMBER'))
  FROM pg_roles r WHERE r.rolname = coalesce(nullif(%s, ''), current_user)
"""
TABLES = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
       coalesce(json_agg(json_build_array(p.polname, pg_get_expr(p.polqual, c.oid),
                                          pg_get_expr(p.polwithcheck, c.oid)))
                FILTER (WHERE p.polname IS NOT NULL), '[]')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_policy p ON p.polrelid = c.oid
 WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
 GROUP BY c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity ORDER BY c.relname
"""
SETTING = re.compile(r"current_setting\('portal\.[a-z_]+'::text, true\)")


def ways_past(cursor: Any, role: str = "") -> list[str]:
    """How this role (the connection's own if none is named) could get past the policies; empty is good."""
    cursor.execute(BYPASSES, [role])
    found = cursor.fetchone()
    if found is None:
        return [f"there is no role {role}"]
    words = (
        "it is a superuser, or may become one",
        "it has BYPASSRLS, or may become a role that does",
        "it owns the tables, or belongs to who does",
    )
    return [word for word, holds in zip(words, found, strict=True) if holds]


def unprotected(cursor: Any) -> list[str]:
    """Tables that are neither forced to policies which ask the settings, nor listed with a reason."""
    cursor.execute(TABLES)
    return [
        name
        for name, is_forced, policies in cursor.fetchall()
        if name not in WITHOUT_POLICY
        and not (is_forced and policies and all(_asks(name, *policy) for policy in policies))
    ]


def _asks(table: str, policy: str, *conditions: str | None) -> bool:
    """Whether a policy asks the settings for all it lets through; *true* beside them lets through anything."""
    if f"{table} {policy}" in OPEN:
        return True
    return all(
        condition is None
        or (SETTING.search(condition) and not re.search(r"\btrue\b", SETTING.sub("", condition)))
        for condition in conditions
    )
