"""Access reviews: what their lines say, who decides about which, what deciding does, and what the trail keeps of it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actions import save_user
from accounts.models import User
from audit.models import Entry
from portal.context import Actor, RequestContext, entered
from portal.errors import Refusal
from projects.actions import assign_member
from projects.models import AccessReview, Exchange, Project, ProjectMember, ReviewLine
from projects.review_actions import (
    attest_line,
    attest_lines,
    close_review,
    open_review,
    revoke_line,
)
from projects.review_lines import present
from projects.review_result import COLUMNS, rows
from teams.actions import add_member, change_role, remove_member
from teams.models import CustomRole, Membership, Team

DUE = timezone.localdate() + timedelta(days=7)


@pytest.fixture
def review(cast):
    return open_review(by=cast.admin, team=cast.research, due_on=DUE, note="Each quarter")


def line_of(review, user, kind="membership", **more):
    return review.lines.get(user=user, kind=kind, **more)


def refusal(deed, **arguments):
    with pytest.raises(Refusal) as caught:
        deed(**arguments)
    return caught.value


# Opening


def test_lines_say_what_is_the_case_in_the_team(cast, review):
    members = review.lines.filter(kind="membership").values_list("user__email", "role")
    assert dict(members) == {
        "adam@example.com": "admin",
        "marco@example.com": "member",
        "olivia@example.com": "owner",
        "rita@example.com": "member",
        "vera@example.com": "viewer",
    }
    assigned = review.lines.filter(kind="assignment")
    assert set(assigned.values_list("user__email", "project_slug", "role")) == {
        ("rita@example.com", "assistant", "member"),
        ("marco@example.com", "drafts", "member"),
    }
    assert review.lines.count() == 7
    assert set(review.lines.values_list("team_id", "of_team", "team_slug", "decision")) == {
        (cast.research.pk, cast.research.pk, "research", "")
    }


def test_a_review_of_the_platform_has_every_team_and_the_platforms_own_rights(cast):
    save_user(by=cast.admin, user=_as(cast.auditor, is_superuser=True), fields=["is_superuser"])
    review = open_review(by=cast.admin, team=None, due_on=DUE)
    rights = review.lines.filter(kind="platform").values_list("user__email", "role")
    assert set(rights) == {
        ("admin@example.com", "platform-admin"),
        ("auditor@example.com", "platform-admin"),
        ("auditor@example.com", "auditor"),
    }
    assert set(review.lines.exclude(kind="platform").values_list("team_slug", flat=True)) == {
        "research",
        "support",
    }
    assert set(review.lines.values_list("team_id", flat=True)) == {None}


def _as(user, **flags):
    for name, value in flags.items():
        setattr(user, name, value)
    return user


def test_lines_know_since_when_and_the_last_use(cast):
    before = open_review(by=cast.admin, team=cast.research, due_on=DUE)
    joined = line_of(before, cast.marco).since
    assert joined is not None
    assert line_of(before, cast.marco, "assignment").since is not None
    change_role(
        by=cast.admin,
        membership=Membership.objects.get(team=cast.research, user=cast.marco),
        role="viewer",
    )
    for number, project in enumerate((cast.drafts, cast.assistant, cast.helpdesk)):
        Exchange.objects.create(
            project=project,
            project_slug=project.slug,
            team=project.team,
            user=cast.marco,
            created_at=datetime(2026, 11, 1 + number, tzinfo=UTC),
        )
    after = open_review(by=cast.admin, team=cast.research, due_on=DUE)
    assert line_of(after, cast.marco).since > joined
    assert line_of(after, cast.marco).last_used_at.day == 2  # not that of the other team
    assert line_of(after, cast.marco, "assignment").last_used_at.day == 1
    assert line_of(after, cast.vera).last_used_at is None


def test_a_custom_role_is_named(cast):
    own = CustomRole.objects.create(team=cast.research, name="Helper", base="viewer")
    membership = Membership.objects.get(team=cast.research, user=cast.vera)
    change_role(by=cast.admin, membership=membership, role="viewer", custom_role=own)
    review = open_review(by=cast.admin, team=cast.research, due_on=DUE)
    line = line_of(review, cast.vera)
    assert (line.role, line.custom_role, line.right) == ("viewer", "Helper", "viewer (Helper)")


def test_opening_reads_the_same_however_many_there_are(cast):
    def reads():
        with CaptureQueriesContext(connection) as captured:
            open_review(by=cast.admin, team=None, due_on=DUE)
        return [query["sql"] for query in captured if query["sql"].startswith("SELECT")]

    few = reads()
    for number in range(60):
        user = User.objects.create(email=f"u{number}@example.com", is_auditor=number % 2 == 0)
        Membership.objects.create(team=cast.research, user=user)
        ProjectMember.objects.create(project=cast.drafts, user=user)
    assert len(reads()) == len(few)


@pytest.mark.parametrize("name", ["adam", "marco", "vera", "rita", "sam", "auditor"])
def test_only_owners_of_the_team_and_platform_admins_open_one(cast, name):
    person = getattr(cast, name)
    assert refusal(open_review, by=person, team=cast.research, due_on=DUE).status == 403
    assert not AccessReview.objects.exists()
    assert open_review(by=cast.olivia, team=cast.research, due_on=DUE).lines.exists()


@pytest.mark.parametrize("name", ["olivia", "adam", "auditor"])
def test_only_platform_admins_review_the_platform(cast, name):
    assert refusal(open_review, by=getattr(cast, name), team=None, due_on=DUE).status == 403


def test_it_is_not_due_in_the_past(cast):
    yesterday = timezone.localdate() - timedelta(days=1)
    found = refusal(open_review, by=cast.admin, team=cast.research, due_on=yesterday)
    assert (found.code, list(found.fields)) == ("validation_failed", ["due_on"])


def test_who_administers_sees_their_teams_reviews_alone(cast, review):
    platform = open_review(by=cast.admin, team=None, due_on=DUE)
    seen = {
        name: set(AccessReview.objects.visible_to(getattr(cast, name)).values_list("pk", flat=True))
        for name in ("admin", "auditor", "olivia", "adam", "marco", "vera", "rita", "sam")
    }
    both, own = {review.pk, platform.pk}, {review.pk}
    assert seen == {
        **{name: both for name in ("admin", "auditor")},
        **{name: own for name in ("olivia", "adam")},
        **{name: set() for name in ("marco", "vera", "rita", "sam")},
    }
    lines = ReviewLine.objects.visible_to(cast.olivia)
    assert set(lines.values_list("review_id", flat=True)) == own
    assert not ReviewLine.objects.visible_to(cast.sam).exists()


# Deciding


def test_attesting_changes_nothing_but_the_line(cast, review):
    line = attest_line(by=cast.olivia, line=line_of(review, cast.marco), note="In the project")
    line.refresh_from_db()
    assert (line.decision, line.decided_by, line.note) == (
        "attested",
        cast.olivia,
        "In the project",
    )
    assert line.decided_at is not None
    assert Membership.objects.filter(team=cast.research, user=cast.marco).exists()


def test_revoking_a_membership_takes_it_and_ends_the_sessions(cast, review):
    epoch = cast.marco.session_epoch
    line = revoke_line(by=cast.olivia, line=line_of(review, cast.marco))
    assert line.decision == "revoked"
    assert not Membership.objects.filter(team=cast.research, user=cast.marco).exists()
    cast.marco.refresh_from_db()
    assert cast.marco.session_epoch > epoch


def test_revoking_an_assignment_takes_the_assignment_alone(cast, review):
    revoke_line(by=cast.olivia, line=line_of(review, cast.marco, "assignment"))
    assert not ProjectMember.objects.filter(user=cast.marco).exists()
    assert Membership.objects.filter(team=cast.research, user=cast.marco).exists()
    assert not Project.objects.chattable_by(cast.marco).filter(slug="drafts").exists()


def test_revoking_a_right_on_the_platform_takes_that_right(cast):
    second = User.objects.create(email="second@example.com", is_superuser=True, is_auditor=True)
    review = open_review(by=cast.admin, team=None, due_on=DUE)
    revoke_line(by=cast.admin, line=line_of(review, second, "platform", role="platform-admin"))
    second.refresh_from_db()
    assert (second.is_superuser, second.is_auditor) == (False, True)
    assert line_of(review, second, "platform", role="auditor").is_open


def test_the_last_owner_stays_and_the_line_stays_open(cast, review):
    line = line_of(review, cast.olivia)
    found = refusal(revoke_line, by=cast.admin, line=line)
    assert (found.code, str(found.message)) == ("conflict", "A team keeps at least one owner.")
    line.refresh_from_db()
    assert line.is_open
    assert Membership.objects.filter(team=cast.research, user=cast.olivia).exists()


def test_what_groups_gave_is_not_taken_by_an_owner(cast):
    Membership.objects.filter(team=cast.research, user=cast.marco).update(from_groups=True)
    review = open_review(by=cast.admin, team=cast.research, due_on=DUE)
    line = line_of(review, cast.marco)
    assert line.from_groups
    assert "groups" in str(refusal(revoke_line, by=cast.olivia, line=line).message)
    assert revoke_line(by=cast.admin, line=line).decision == "revoked"


@pytest.mark.parametrize("deed", [attest_line, revoke_line])
def test_nobody_decides_about_their_own_line(cast, review, deed):
    line = line_of(review, cast.olivia)
    assert "own line" in str(refusal(deed, by=cast.olivia, line=line).message)
    line.refresh_from_db()
    assert line.is_open


def test_nobody_decides_about_themselves_while_they_act_as_somebody_else(cast):
    add_member(by=cast.admin, team=cast.research, user=cast.admin)
    review = open_review(by=cast.admin, team=cast.research, due_on=DUE)
    line = line_of(review, cast.admin)
    with entered(RequestContext(actor=Actor("user", str(cast.admin.pk), cast.admin.email))):
        assert refusal(attest_line, by=cast.olivia, line=line).status == 403
        assert "own line" in str(refusal(attest_line, by=cast.olivia, line=line).message)


@pytest.mark.parametrize("flag", ["is_superuser", "is_auditor"])
def test_nobody_decides_about_somebody_stronger(cast, review, flag):
    save_user(by=cast.admin, user=_as(cast.vera, **{flag: True}), fields=[flag])
    line = line_of(review, cast.vera)
    for deed in (attest_line, revoke_line):
        assert "stronger" in str(refusal(deed, by=cast.olivia, line=line).message)
    assert Membership.objects.filter(team=cast.research, user=cast.vera).exists()
    assert attest_line(by=cast.admin, line=line).decision == "attested"


@pytest.mark.parametrize("name", ["adam", "marco", "vera", "rita", "sam", "auditor"])
@pytest.mark.parametrize("deed", [attest_line, revoke_line])
def test_others_decide_nothing(cast, review, deed, name):
    line = line_of(review, cast.marco, "assignment")
    assert refusal(deed, by=getattr(cast, name), line=line).status == 403
    assert refusal(close_review, by=getattr(cast, name), review=review).status == 403


def test_a_decision_stands(cast, review):
    line = line_of(review, cast.marco)
    attest_line(by=cast.olivia, line=line)
    for deed in (attest_line, revoke_line):
        assert refusal(deed, by=cast.admin, line=line).code == "conflict"
    assert Membership.objects.filter(team=cast.research, user=cast.marco).exists()


# What changed since the opening


def test_what_changed_is_attested_only_as_what_it_is_now(cast, review):
    line = line_of(review, cast.marco)
    membership = Membership.objects.get(team=cast.research, user=cast.marco)
    change_role(by=cast.admin, membership=membership, role="admin")
    found = refusal(attest_line, by=cast.olivia, line=line)
    assert found.code == "conflict"
    assert "from member to admin" in str(found.message)
    assert refusal(attest_line, by=cast.olivia, line=line, right="viewer").code == "conflict"
    done = attest_line(by=cast.olivia, line=line, right="admin")
    assert (done.decision, done.attested_as) == ("attested", "admin")


def test_what_was_given_again_is_not_what_was_reviewed(cast, review):
    membership = Membership.objects.get(team=cast.research, user=cast.marco)
    remove_member(by=cast.admin, membership=membership)
    add_member(by=cast.admin, team=cast.research, user=cast.marco)
    line = line_of(review, cast.marco)
    assert "given again" in str(refusal(attest_line, by=cast.olivia, line=line).message)
    assert attest_line(by=cast.olivia, line=line, right="member").decision == "attested"


def test_an_assignment_that_was_given_again_is_seen(cast, review):
    ProjectMember.objects.filter(user=cast.marco).delete()
    assign_member(by=cast.admin, project=cast.drafts, user=cast.marco)
    line = line_of(review, cast.marco, "assignment")
    assert refusal(attest_line, by=cast.olivia, line=line).code == "conflict"


@pytest.mark.parametrize("deed", [attest_line, revoke_line])
@pytest.mark.parametrize("kind", ["membership", "assignment"])
def test_what_is_gone_is_never_attested(cast, review, deed, kind):
    Membership.objects.filter(team=cast.research, user=cast.marco).delete()
    ProjectMember.objects.filter(user=cast.marco).delete()
    done = deed(by=cast.olivia, line=line_of(review, cast.marco, kind))
    assert done.decision == "gone"
    assert Entry.objects.filter(action="access_gone", target_label=review.uid).count() == 1


def test_a_person_who_is_erased_leaves_a_line_without_a_name(cast, review):
    key = line_of(review, cast.marco).pk
    cast.marco.keys.all().delete()
    cast.marco.delete()
    line = ReviewLine.objects.get(pk=key)
    assert line.user is None
    assert present([line])[key].is_gone
    assert not any("marco" in str(cell) for row in rows(review) for cell in row)
    assert attest_line(by=cast.olivia, line=line).decision == "gone"


def test_a_review_outlives_its_team(cast, review):
    Project.objects.filter(team=cast.research).delete()
    Team.objects.filter(pk=cast.research.pk).delete()
    kept = AccessReview.objects.get(pk=review.pk)
    assert kept.team_slug == "research"
    assert all(now.is_gone for now in present(kept.lines.all()).values())
    assert close_review(by=cast.admin, review=kept).is_closed
    assert set(kept.lines.values_list("decision", flat=True)) == {"gone"}


# Many at once


def test_many_lines_are_attested_together_each_under_the_rules_of_one(cast, review):
    change_role(
        by=cast.admin,
        membership=Membership.objects.get(team=cast.research, user=cast.adam),
        role="member",
    )
    ProjectMember.objects.filter(user=cast.marco).delete()
    done = attest_lines(by=cast.olivia, lines=review.lines.all(), note="All known")
    assert (done.attested, done.gone) == (4, 1)
    assert {line.user.email for line, _words in done.refused} == {
        "olivia@example.com",  # their own
        "adam@example.com",  # changed
    }
    assert set(review.lines.open().values_list("user__email", flat=True)) == {
        "olivia@example.com",
        "adam@example.com",
    }
    assert Entry.objects.filter(action="access_attested", reason="All known").count() == 4
    assert Entry.objects.filter(action="access_gone").count() == 1


def test_many_lines_cost_the_same_queries(cast):
    for number in range(40):
        user = User.objects.create(email=f"u{number}@example.com")
        Membership.objects.create(team=cast.research, user=user)
    review = open_review(by=cast.admin, team=cast.research, due_on=DUE)
    lines = list(review.lines.filter(kind="membership", user__email__startswith="u"))
    counts = []
    for chosen in (lines[:2], lines[2:]):
        with CaptureQueriesContext(connection) as captured:
            assert attest_lines(by=cast.admin, lines=chosen).attested == len(chosen)
        counts.append(len(captured))
    assert counts[0] == counts[1]


# Closing


def test_closing_needs_every_line_decided(cast, review):
    attest_lines(by=cast.admin, lines=review.lines.exclude(user=cast.vera))
    found = refusal(close_review, by=cast.admin, review=review)
    assert (found.code, str(found.message)) == ("conflict", "1 line is still open.")
    review.refresh_from_db()
    assert not review.is_closed


def test_closing_notes_what_is_gone(cast, review):
    attest_lines(by=cast.admin, lines=review.lines.exclude(user=cast.vera))
    Membership.objects.filter(user=cast.vera).delete()
    closed = close_review(by=cast.admin, review=review)
    assert closed.closed_by == cast.admin
    assert line_of(review, cast.vera).decision == "gone"


def test_a_closed_review_changes_no_more(cast, review):
    attest_lines(by=cast.admin, lines=review.lines.all())
    close_review(by=cast.admin, review=review)
    line = review.lines.first()
    for deed in (attest_line, revoke_line):
        assert "closed" in str(refusal(deed, by=cast.admin, line=line).message)
    assert "closed" in str(refusal(close_review, by=cast.admin, review=review).message)


# The trail and the result


def test_each_deed_is_in_the_trail_with_the_reviews_uid(cast, review):
    attest_line(by=cast.olivia, line=line_of(review, cast.vera), note="Looks at usage")
    revoke_line(by=cast.olivia, line=line_of(review, cast.marco), note="Left")
    attest_lines(by=cast.admin, lines=review.lines.open())
    close_review(by=cast.admin, review=review)
    about = Entry.objects.filter(target_label=review.uid).order_by("id")
    assert list(about.values_list("action", "reason"))[:4] == [
        ("create", ""),
        ("access_review_opened", "Each quarter"),
        ("access_attested", "Looks at usage"),
        ("access_revoked", "Left"),
    ]
    assert about.last().action == "access_review_closed"
    revoked = about.get(action="access_revoked")
    assert revoked.team_id == cast.research.pk
    assert revoked.changes["person"] == cast.marco.pk
    assert (revoked.changes["right"], revoked.changes["team"]) == ("member", "research")
    assert "example.com" not in str(revoked.changes)
    assert Entry.objects.filter(action="delete", target_type="teams.Membership").exists()


@pytest.mark.parametrize("deed", [attest_line, revoke_line])
def test_without_the_trail_nothing_is_decided(cast, review, deed, monkeypatch):
    def broken(entries):
        raise Refusal("audit_unavailable")

    line = line_of(review, cast.marco)
    monkeypatch.setattr("audit.trail.write", broken)
    assert refusal(deed, by=cast.olivia, line=line).code == "audit_unavailable"
    line.refresh_from_db()
    assert line.is_open
    assert Membership.objects.filter(team=cast.research, user=cast.marco).exists()


def test_the_result_has_a_line_for_each_right(cast, review):
    revoke_line(by=cast.olivia, line=line_of(review, cast.marco), note="=cmd()")
    head, *lines = rows(review)
    assert head == COLUMNS
    found = [dict(zip(head, line, strict=True)) for line in lines]
    assert len(found) == 7
    marco = next(f for f in found if f["person"] == "marco@example.com" and not f["project"])
    assert (marco["decision"], marco["decided_by"]) == ("revoked", "olivia@example.com")
    assert {f["decision"] for f in found} == {"open", "revoked"}
    assert {f["review"] for f in found} == {review.uid}
