"""What PostgreSQL does with a change that came past the recorder: the functions behind the triggers of `raw_writes`."""

from portal.encryption import MASK
from portal.resealing import SETTING

WRITE = "audit_raw_write"
LINK = "audit_raw_link"
REFUSE = "audit_no_truncate"

# `spec` is what `raw_writes.specification` says of the table. Both functions run as the table's owner, who is under the
# policies too: everything is in sight for their own duration, and the caller's scope holds again afterwards.
_BEGIN = """
    scope := current_setting('portal.all_teams', true);
    ignored := set_config('portal.all_teams', 'on', true);
"""
_END = """
    ignored := set_config('portal.all_teams', coalesce(scope, ''), true);
    RETURN NULL;
"""

# A row that is older than this transaction has a positive age: so an entry with the same number from before a restore,
# where transactions are counted anew, covers nothing.
_OURS = "e.xact = pg_current_xact_id() AND age(e.xmin) <= 0 AND e.actor_kind <> 'database'"

_INSERT = """
    INSERT INTO audit_entry (created_at, action, outcome, actor_kind, actor_id, actor_label, on_behalf_of_id,
                             on_behalf_of, target_type, target_id, target_label, subject_id, team_id, changes,
                             reason, method, path, address, request_id)
    VALUES (clock_timestamp(), {action}, 'done', 'database', session_user, session_user, NULL,
            '', {type}, left(key, 100), left({label}, 200), {subject}, {team}, {changes},
            'SQL past the portal: ' || coalesce(nullif(current_setting('application_name'), ''), 'unnamed program')
                || CASE current_setting('role') WHEN 'none' THEN '' ELSE ' as ' || current_setting('role') END,
            '', '', coalesce(host(inet_client_addr()), ''), '');
"""

# How a column's value stands in the trail, as `audit.changes` writes it.
_SHOWN = """
    CASE WHEN {value} IS NULL OR {value} = 'null' THEN 'null'::jsonb
         WHEN {value} IN ('""', '"\\\\x"') THEN '""'::jsonb
         WHEN kind IN ('exact', 'shown') THEN {value}
         WHEN kind = 'number' THEN to_jsonb({value} #>> '{{}}')
         WHEN kind = 'time' THEN to_jsonb(to_char(({value} #>> '{{}}')::timestamptz AT TIME ZONE 'UTC',
             CASE WHEN {value} #>> '{{}}' LIKE '%.%' THEN 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
                  ELSE 'YYYY-MM-DD"T"HH24:MI:SS"Z"' END))
         ELSE '"{mask}"'::jsonb END
"""

# An entry of the recorder's covers a change if it names every field that changed, with the same two values where they
# stand in clear: what SQL did to a row beside the recorder is seen, whatever the recorder did to it before or after.
_UNLIKE = """
    SELECT 1 FROM jsonb_each(differs) AS mine(field, sides)
     WHERE NOT e.changes::jsonb ? field
        OR CASE kinds->>field
           WHEN 'exact' THEN e.changes::jsonb->field <> sides
           WHEN 'number' THEN (e.changes::jsonb->field->>0)::numeric IS DISTINCT FROM (sides->>0)::numeric
                           OR (e.changes::jsonb->field->>1)::numeric IS DISTINCT FROM (sides->>1)::numeric
           WHEN 'time' THEN (e.changes::jsonb->field->>0)::timestamptz IS DISTINCT FROM (sides->>0)::timestamptz
                         OR (e.changes::jsonb->field->>1)::timestamptz IS DISTINCT FROM (sides->>1)::timestamptz
           ELSE false END
"""

_HEAD = (
    "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$"
)

FUNCTIONS: dict[str, str] = {
    WRITE: """
#variable_conflict use_variable
DECLARE
    spec jsonb := TG_ARGV[0];
    verb text := CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'DELETE' THEN 'delete' ELSE 'update' END;
    was jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    becomes jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    held jsonb := coalesce(becomes, was);
    key text := coalesce(was, becomes)->>(spec->>'key');
    resealed text := current_setting('%(setting)s', true);
    differs jsonb;
    kinds jsonb;
    team bigint;
    scope text;
    ignored text;
BEGIN
    SELECT coalesce(jsonb_object_agg(field, jsonb_build_array(%(shown_was)s, %(shown_becomes)s)), '{}'),
           jsonb_object_agg(field, kind) INTO differs, kinds
      FROM (SELECT coalesce(spec->'fields'->column_name->>0, column_name) AS field,
                   coalesce(spec->'fields'->column_name->>1, 'masked') AS kind,
                   was->column_name AS old_value, becomes->column_name AS new_value
              FROM jsonb_object_keys(held) AS column_name
             WHERE NOT spec->'skipped' ? column_name) AS columns
     WHERE CASE verb WHEN 'update' THEN old_value IS DISTINCT FROM new_value
                     ELSE coalesce(old_value, new_value) NOT IN ('null', '""', '"\\\\x"') END
       AND (verb <> 'update' OR kind <> 'sealed' OR resealed IS NULL
            OR position(format(E'\\n%%s %%s %%s\\n', spec->>'type', key, field) IN resealed) = 0);
    IF verb = 'update' AND differs = '{}' THEN
        RETURN NULL;
    END IF;
    %(begin)s
    PERFORM 1 FROM audit_entry e
      WHERE e.target_id = key AND e.target_type = spec->>'type' AND e.action = verb AND %(ours)s
        AND NOT EXISTS (%(unlike)s);
    IF FOUND THEN
        %(end)s
    END IF;
    IF spec ? 'team_of' THEN
        EXECUTE format('SELECT team_id FROM %%I WHERE %%I = %%L', spec->'team_of'->>1, spec->'team_of'->>2,
                       held->>(spec->'team_of'->>0)) INTO team;
    ELSE
        team := held->>(spec->>'team');
    END IF;
    %(insert)s
    %(end)s
END""",
    # A row of a many-to-many table that has no model: a change of one side, seen from either (`spec->'sides'`: type, column,
    # and by which name it reads the other).
    LINK: """
#variable_conflict use_variable
DECLARE
    spec jsonb := TG_ARGV[0];
    near jsonb := spec->'sides'->0;
    far jsonb := spec->'sides'->1;
    held jsonb;
    key text;
    verb text;
    scope text;
    ignored text;
BEGIN
    %(begin)s
    FOR verb, held IN
        SELECT 'removed', to_jsonb(OLD) WHERE TG_OP <> 'INSERT' UNION ALL
        SELECT 'added', to_jsonb(NEW) WHERE TG_OP <> 'DELETE'
    LOOP
        key := held->>(near->>1);
        PERFORM 1 FROM audit_entry e
          WHERE %(ours)s AND (
                e.target_id = key AND e.target_type = near->>0
                AND e.changes::jsonb->(near->>2)->verb @> (held->(far->>1))
             OR e.target_id = held->>(far->>1) AND e.target_type = far->>0
                AND e.changes::jsonb->(far->>2)->verb @> (held->(near->>1)));
        CONTINUE WHEN FOUND;
        %(insert_link)s
    END LOOP;
    %(end)s
END""",
    REFUSE: """
BEGIN
    RAISE insufficient_privilege USING MESSAGE = 'rows of ' || TG_TABLE_NAME || ' are recorded one by one: DELETE them';
END""",
}


def body(name: str) -> str:
    """What stands in the catalogue as the source of this function."""
    return FUNCTIONS[name] % {
        "setting": SETTING,
        "begin": _BEGIN.strip(),
        "end": _END.strip(),
        "ours": _OURS,
        "unlike": _UNLIKE.strip(),
        "shown_was": _SHOWN.format(value="old_value", mask=MASK).strip(),
        "shown_becomes": _SHOWN.format(value="new_value", mask=MASK).strip(),
        "insert": _INSERT.format(
            action="verb",
            type="spec->>'type'",
            label="coalesce(nullif(held->>(spec->>'label'), ''), (spec->>'name') || ' ' || key)",
            subject="(held->>(spec->>'subject'))::bigint",
            team="team",
            changes="differs::text",
        ).strip(),
        "insert_link": _INSERT.format(
            action="'update'",
            type="near->>0",
            label="(spec->>'name') || ' ' || key",
            subject="NULL",
            team="NULL",
            changes=(
                "jsonb_build_object(near->>2, "
                "jsonb_build_object(verb, jsonb_build_array(held->(far->>1))))::text"
            ),
        ).strip(),
    }


def creating(name: str) -> list[str]:
    """Statements that make the function, or bring it up to date; nobody calls it but triggers."""
    return [
        f"CREATE OR REPLACE FUNCTION {name}() {_HEAD}{body(name)}$body$",
        f"REVOKE EXECUTE ON FUNCTION {name}() FROM PUBLIC",
    ]
