"""The catalogue of policies, and each table's policy tried as the application's role. (PostgreSQL's part of the suite.)"""

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client

from accounts import notices
from guards.models import Guard, GuardAttachment, GuardEvent
from portal import tenancy
from portal.row_security import OPEN, WITHOUT_POLICY, unprotected, ways_past
from portal.tenancy import EVERYTHING, NOTHING, Scope, tenant
from projects.actions import delete_conversation
from projects.models import (
    AccessReview,
    Conversation,
    Exchange,
    KeySpend,
    Message,
    PermissionSnapshot,
    PermissionSnapshotPart,
    Project,
    ProjectGuard,
    ReviewLine,
    Spend,
    TeamSpend,
    UsageDay,
)
from teams.models import Branding, Grant, Membership, Team
from tests.cast import build_cast
from tests.console.test_doors import rows
from tests.strict import ROLE
from widget.models import Widget

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def on_postgresql():
    """There is nothing to try elsewhere; the suite runs on both databases."""
    return connection.vendor == tenancy.POSTGRESQL


def tenant_models():
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and model._meta.db_table not in WITHOUT_POLICY
    ]


def test_every_table_is_under_a_policy_or_listed_with_its_reason(on_postgresql):
    assert len(tenant_models()) >= 15
    assert all(WITHOUT_POLICY.values())
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    assert set(WITHOUT_POLICY) - tables == {"django_migrations"}
    if on_postgresql:
        with connection.cursor() as cursor:
            assert unprotected(cursor) == []


def test_a_new_table_without_a_policy_is_found(on_postgresql):
    if not on_postgresql:
        return
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("CREATE TABLE forgotten (id bigint, team_id bigint)")
        assert unprotected(cursor) == ["forgotten"]
        cursor.execute("ALTER TABLE forgotten ENABLE ROW LEVEL SECURITY")
        cursor.execute("CREATE POLICY tenant ON forgotten USING (true)")
        assert unprotected(cursor) == ["forgotten"]  # not forced: its owner would see past it
        cursor.execute("ALTER TABLE forgotten FORCE ROW LEVEL SECURITY")
        assert unprotected(cursor) == ["forgotten"]  # a policy that lets everything through is none
        asks = "current_setting('portal.all_teams', true) = 'on'"
        for condition, found in (
            (asks, []),
            (f"{asks} OR true", ["forgotten"]),
            ("team_id = 1", ["forgotten"]),
            (f"{asks}) WITH CHECK (true", ["forgotten"]),
            (f"{asks}) WITH CHECK ({asks}", []),
        ):
            cursor.execute("DROP POLICY tenant ON forgotten")
            cursor.execute(f"CREATE POLICY tenant ON forgotten USING ({condition})")
            assert unprotected(cursor) == found, condition
        cursor.execute("CREATE POLICY another ON forgotten FOR SELECT USING (true)")
        assert unprotected(cursor) == ["forgotten"]
        cursor.execute(f"SET ROLE {ROLE}")


def test_every_open_policy_is_there_and_has_its_reason(on_postgresql):
    assert all(OPEN.values())
    if not on_postgresql:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename || ' ' || policyname FROM pg_policies")
        assert set(OPEN) <= {name for (name,) in cursor.fetchall()}


def test_every_policy_checks_what_is_written(on_postgresql):
    if not on_postgresql:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_policies WHERE policyname = 'tenant' AND cmd = 'ALL' "
            "AND permissive = 'PERMISSIVE' AND qual IS NOT NULL AND with_check IS NOT NULL"
        )
        whole = {name for (name,) in cursor.fetchall()}
        assert {model._meta.db_table for model in tenant_models()} <= whole
        cursor.execute(
            "SELECT tablename, policyname FROM pg_policies WHERE policyname <> 'tenant' "
            "AND NOT (cmd = 'INSERT' AND permissive = 'RESTRICTIVE' AND with_check IS NOT NULL)"
        )
        assert {f"{table} {policy}" for table, policy in cursor.fetchall()} <= set(OPEN)


def test_who_could_get_past_is_known(on_postgresql):
    if not on_postgresql:
        return
    with connection.cursor() as cursor:
        assert ways_past(cursor, ROLE) == []
        assert len(ways_past(cursor, "gatehouse")) == 3
        cursor.execute("RESET ROLE")
        for number, (attribute, words) in enumerate(
            (("SUPERUSER", "superuser"), ("BYPASSRLS", "BYPASSRLS"))
        ):
            strong, between, weak = (f"{name}_{number}" for name in ("strong", "between", "weak"))
            cursor.execute(f"CREATE ROLE {strong} {attribute}")
            cursor.execute(f"CREATE ROLE {between} NOINHERIT IN ROLE {strong}")
            cursor.execute(f"CREATE ROLE {weak} LOGIN NOINHERIT IN ROLE {between}")
            (found,) = ways_past(cursor, weak)
            assert words in found
        cursor.execute(f"SET ROLE {ROLE}")
        assert ways_past(cursor, "nobody-of-this-name") == ["there is no role nobody-of-this-name"]


@pytest.fixture
def everything(cast):
    """One row of everything in each of the two teams."""
    found = [row for row in rows(cast).values() if row is not None]
    notices.tell(cast.marco.pk, "guessing", address="192.0.2.1")
    cast.key(cast.marco)
    KeySpend.objects.create(key=cast.marco.keys.first(), month="2026-11-01")
    for project in (cast.assistant, cast.helpdesk):
        talk = project.conversations.create(user=cast.marco)
        talk.messages.create(role="user", content="x")
        Exchange.objects.create(project=project, project_slug=project.slug, team=project.team)
        GuardEvent.objects.create(team=project.team, guard_version=1)
        Spend.objects.get_or_create(project=project, month="2026-11-01")
        TeamSpend.objects.get_or_create(team=project.team, month="2026-11-01")
        ProjectGuard.objects.get_or_create(
            project=project, guard=cast.guards["words"], stage="input"
        )
        Widget.objects.create(project=project, name="w")
        Branding.objects.get_or_create(team=project.team)
        UsageDay.objects.get_or_create(
            day="2025-11-01", team_id=project.team_id, project_slug=project.slug
        )
        review = AccessReview.objects.create(team_id=project.team_id, due_on="2026-12-01")
        day = f"2026-11-{project.pk % 28 + 1:02}"
        snapshot = PermissionSnapshot.objects.create(day=day)
        PermissionSnapshotPart.objects.create(
            snapshot=snapshot, team_id=project.team_id, chunk=1, data=b"x"
        )
        ReviewLine.objects.create(review=review, team_id=project.team_id, kind="membership")
        guard = Guard.objects.create(slug=f"own-{project.slug}", kind="limits", team=project.team)
        GuardAttachment.objects.create(guard=guard, team=project.team, stage="input")
    return found


def in_sight(model):
    return model._base_manager.order_by().count()


def test_without_a_context_every_tenant_table_is_empty(cast, everything, on_postgresql):
    before = {model: in_sight(model) for model in tenant_models()}
    assert all(before.values()), before
    with tenant(NOTHING):
        for model in tenant_models():
            is_read_by_all = f"{model._meta.db_table} tenant_reads" in OPEN
            expected = 0 if on_postgresql and not is_read_by_all else before[model]
            assert in_sight(model) == expected, model
    assert {model: in_sight(model) for model in tenant_models()} == before


def test_in_one_teams_context_there_is_nothing_of_the_other(cast, everything, on_postgresql):
    if not on_postgresql:
        return
    with tenant(Scope(teams=frozenset([cast.support.pk]))):
        assert [team.slug for team in Team.objects.all()] == ["support"]
        assert [row.slug for row in Project.objects.all()] == ["helpdesk"]
        for model, path in (
            (Grant, "team_id"),
            (Branding, "team_id"),
            (Exchange, "team_id"),
            (GuardEvent, "team_id"),
            (Conversation, "project__team_id"),
            (Message, "conversation__project__team_id"),
            (Spend, "project__team_id"),
            (TeamSpend, "team_id"),
            (ProjectGuard, "project__team_id"),
            (Widget, "project__team_id"),
            (AccessReview, "team_id"),
            (ReviewLine, "team_id"),
            (PermissionSnapshotPart, "team_id"),
        ):
            teams = set(model._base_manager.order_by().values_list(path, flat=True))
            assert teams == {cast.support.pk}, model
        assert set(Guard.objects.values_list("team_id", flat=True)) == {None, cast.support.pk}


def test_nothing_is_written_into_another_team(cast, everything, on_postgresql):
    if not on_postgresql:
        return
    mine = Scope(teams=frozenset([cast.support.pk]), user=cast.sam.pk)
    Exchange.objects.create(project_slug="x", team=cast.support, user=cast.sam)
    Exchange.objects.create(project_slug="x", user=cast.sam)
    GuardEvent.objects.create(guard_version=1, team=cast.support, user=cast.sam)
    own = cast.helpdesk.conversations.create(user=cast.sam)
    former = cast.assistant.conversations.create(user=cast.sam)  # of a team that Sam has left
    message = own.messages.create(role="user", content="x")
    moved = Message(pk=message.pk, uid=message.uid, conversation=former, role="user", content="x")
    ways = (
        lambda: Exchange.objects.create(project_slug="x", team=cast.research),
        lambda: Exchange.objects.filter(team=cast.support).update(team=cast.research),
        lambda: GuardEvent.objects.create(guard_version=1, team=cast.research),
        lambda: Guard.objects.bulk_create([Guard(slug="new", kind="limits", team=cast.research)]),
        lambda: Guard.objects.bulk_create([Guard(slug="new", kind="limits", team=None)]),
        lambda: Grant.objects.filter(team=cast.support).update(team=cast.research),
        lambda: Widget.objects.create(project_id=cast.assistant.pk, name="mine"),
        lambda: Conversation.objects.create(project_id=cast.assistant.pk, user=cast.marco),
        # Nor in one's own name.
        lambda: Exchange.objects.create(project_slug="x", team=cast.research, user=cast.sam),
        lambda: Exchange.objects.filter(user=cast.sam).update(team=cast.research),
        lambda: GuardEvent.objects.create(guard_version=1, team=cast.research, user=cast.sam),
        lambda: GuardEvent.objects.filter(user=cast.sam).update(team=cast.research),
        lambda: Conversation.objects.create(project_id=cast.assistant.pk, user=cast.sam),
        lambda: Conversation.objects.filter(user=cast.sam).update(project=cast.assistant),
        lambda: Message.objects.create(conversation=former, role="user", content="x"),
        lambda: moved.save(),
        lambda: Membership.objects.bulk_create(
            [Membership(team=cast.research, user=cast.sam, role="owner")]
        ),
        lambda: Membership.objects.filter(user=cast.sam).update(team=cast.research),
        lambda: Spend.objects.bulk_create(
            [Spend(project=cast.assistant, team=cast.research, month="2026-12-01")]
        ),
        lambda: TeamSpend.objects.bulk_create([TeamSpend(team=cast.research, month="2026-12-01")]),
        lambda: Team.objects.create(slug="new", name="New"),
        lambda: AccessReview.objects.create(team_id=cast.research.pk, due_on="2026-12-01"),
        lambda: AccessReview.objects.create(team_id=None, due_on="2026-12-01"),
        lambda: AccessReview.objects.update(team_id=cast.research.pk),
    )
    for number, way in enumerate(ways):
        with pytest.raises(DatabaseError, match="row-level security"), tenant(mine):
            way()
        assert Team.objects.filter(slug="new").count() == 0, number
    with tenant(mine):
        assert Project.objects.filter(slug="assistant").update(name="Mine") == 0
        assert Project.objects.filter(slug="assistant").delete()[0] == 0
        theirs = Membership.objects.filter(team=cast.research)
        assert theirs.count() == 5  # read by all, and nothing else
        assert theirs.update(role="viewer") == 0
        assert theirs._raw_delete("default") == 0
    assert Project.objects.get(slug="assistant").name == "Assistant"


def test_a_row_that_repeats_its_projects_team_cannot_name_another(cast, on_postgresql):
    if not on_postgresql:
        return
    mine = Scope(teams=frozenset([cast.support.pk]), user=cast.sam.pk)
    theirs = Spend(project=cast.assistant, team=cast.support, month="2026-12-01")
    with pytest.raises(IntegrityError, match="same_team"), tenant(mine):
        Spend.objects.bulk_create([theirs])


def test_ones_own_usage_is_seen_wherever_it_was(cast, on_postgresql):
    if not on_postgresql:
        return
    Exchange.objects.create(project_slug="x", user=cast.marco)
    Exchange.objects.create(project_slug="y", user=cast.sam)
    with tenant(Scope(user=cast.marco.pk)):
        assert [row.project_slug for row in Exchange.objects.all()] == ["x"]


def test_who_left_a_team_still_deletes_their_own_conversation_there(cast):
    """Its usage rows stay the team's, and their content goes."""
    talk = cast.assistant.conversations.create(user=cast.sam, title="x")
    row = Exchange.objects.create(
        project_slug="x", team=cast.research, user=cast.sam, conversation=talk, question="x"
    )
    with tenant(Scope(teams=frozenset([cast.support.pk]), user=cast.sam.pk)):
        delete_conversation(by=cast.sam, conversation=talk)
    row = Exchange.objects.get(pk=row.pk)
    assert (row.team, row.conversation, row.question) == (cast.research, None, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", ["sam", "admin"])
@pytest.mark.parametrize("used_by", ["a visitor", "a member", "themselves", "nobody"])
def test_an_owner_deletes_the_team_whoever_used_it(used_by, who):
    """What it used stays, of no team and without content; a person's own rows stay theirs."""
    cast = build_cast()
    user = {"a member": cast.marco, "themselves": cast.sam}.get(used_by)
    if used_by != "nobody":
        visitor = "v" if used_by == "a visitor" else ""
        row = Exchange.objects.create(
            project_slug="helpdesk", team=cast.support, user=user, visitor=visitor, question="x"
        )
        event = GuardEvent.objects.create(team=cast.support, guard_version=1, user=user)
    client = Client()
    client.force_login(getattr(cast, who))
    page = f"/admin/teams/team/{cast.support.pk}/delete/"
    assert client.get(page).status_code == 200
    if used_by != "nobody":  # to be asked whether changes nothing
        assert Exchange.objects.get(pk=row.pk).team_id == cast.support.pk
    assert client.post(page, {"name": "Support"}).status_code == 302
    assert not Team.objects.filter(slug="support").exists()
    if used_by != "nobody":
        kept = Exchange.objects.get(pk=row.pk)
        assert (kept.team_id, kept.user, kept.question) == (None, user, None)
        assert GuardEvent.objects.get(pk=event.pk).team_id is None


def test_the_functions_that_see_past_policies_are_closed_to_strangers(on_postgresql):
    if not on_postgresql:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, proacl::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
            "WHERE n.nspname = 'public' AND prosecdef"
        )
        found = dict(cursor.fetchall())
        assert len(found) >= 4
        assert [
            name for name, acl in found.items() if acl is None or "{=" in acl or ",=" in acl
        ] == []
        cursor.execute("RESET ROLE")
        cursor.execute("CREATE ROLE stranger")
        cursor.execute("SET ROLE stranger")
        with (
            pytest.raises(DatabaseError, match="permission denied for function"),
            transaction.atomic(),
        ):
            cursor.execute("SELECT portal_project_slug_is_taken('assistant')")
        cursor.execute(f"RESET ROLE; SET ROLE {ROLE}")


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("what", ["projects", "guards"])
def test_a_slug_stays_also_where_the_other_row_is_not_seen(cast, what, taken):
    new = ("assistant" if what == "projects" else "theirs") if taken else "free"
    Guard.objects.create(slug="own", kind="limits", team=cast.support)
    Guard.objects.create(slug="theirs", kind="limits", team=cast.research)
    path = "/api/projects/helpdesk/" if what == "projects" else "/api/guards/own/"
    answer = Client().patch(path, {"slug": new}, "application/json", headers=cast.bearer(cast.sam))
    if what == "projects":
        assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["slug"])
    else:  # not a field of a guard that is there
        assert (answer.status_code, answer.json()["slug"]) == (200, "own")
    assert Client().get(path, headers=cast.bearer(cast.sam)).status_code == 200


@pytest.mark.parametrize("scheme", ["Basic dXNlcjpwYXNzd29yZA==", "Bearer gh_nothing"])
def test_a_header_of_somebody_in_between_empties_no_page(cast, scheme):
    """Pages know sessions only; at an interface the header still decides alone."""
    client = Client()
    client.force_login(cast.marco)
    assert "Assistant" in client.get("/", headers={"authorization": scheme}).content.decode()
    assert client.get("/api/projects/", headers={"authorization": scheme}).status_code == 401


def test_a_scope_holds_within_another_and_the_outer_one_afterwards(cast, on_postgresql):
    if not on_postgresql:
        return
    teams = [frozenset([team.pk]) for team in (cast.research, cast.support)]
    with tenant(Scope(teams=teams[0])):
        assert [team.slug for team in Team.objects.all()] == ["research"]
        with tenant(Scope(teams=teams[1])):
            assert [team.slug for team in Team.objects.all()] == ["support"]
        assert [team.slug for team in Team.objects.all()] == ["research"]
        with pytest.raises(LookupError), tenant(EVERYTHING):
            raise LookupError(Team.objects.count())
        assert [team.slug for team in Team.objects.all()] == ["research"]


def test_a_taken_slug_is_said_also_where_its_row_is_not_seen(cast):
    """Not a crash, in the form and at the API."""
    scope = Scope(teams=frozenset([cast.support.pk]), user=cast.sam.pk)
    for model, slug in ((Project, "assistant"), (Guard, "own")):
        if model is Guard:
            Guard.objects.create(slug="own", kind="limits", team=cast.research)
        with tenant(scope), pytest.raises(ValidationError) as caught:
            model(slug=slug, team=cast.support).validate_unique()
        assert "slug" in caught.value.message_dict
    body = {
        "slug": "assistant",
        "name": "Mine",
        "team": "support",
        "model": cast.model.pk,
    }
    answer = Client().post(
        "/api/projects/", body, "application/json", headers=cast.bearer(cast.sam)
    )
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, ["slug"])


def test_what_only_the_policy_refuses_is_a_refusal_and_no_crash(cast, on_postgresql, monkeypatch):
    if not on_postgresql:
        return
    monkeypatch.setattr("teams.scopes._known.of", lambda user: Scope(user=user.pk))
    body = {"slug": "new", "name": "New", "kind": "limits", "team": "research"}
    answer = Client().post(
        "/api/guards/", body, "application/json", headers=cast.bearer(cast.olivia)
    )
    assert answer.status_code in (403, 422)
    with transaction.atomic():
        assert not Guard.objects.filter(slug="new").exists()
