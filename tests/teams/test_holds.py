"""Legal holds: nothing of a held team or person goes, by retention, by hand or by erasure, and nobody of them is told."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from guards.models import GuardEvent
from portal import keyring
from portal.errors import Refusal
from portal.legal_holds import held
from portal.retention import apply, due
from projects.actions import delete_conversation
from projects.holds import give_way
from projects.models import Conversation, Exchange, Message
from projects.removal_actions import delete_project
from teams.models import LegalHold, Team
from teams.removal_actions import delete_team
from tests.accounts.test_fresh import browser

OLD = timedelta(days=1000)


@pytest.fixture(params=["team", "person"])
def house(request, cast):
    """Marco of research said something long ago, and sam of support; research or marco is held."""
    cast.rows = {}
    for who, project in (("marco", cast.assistant), ("sam", cast.helpdesk)):
        user, moment = getattr(cast, who), timezone.now() - OLD
        talk = Conversation.objects.create(project=project, user=user, title="t", updated_at=moment)
        row = Exchange.objects.create(
            project=project,
            project_slug=project.slug,
            team=project.team,
            user=user,
            conversation=talk,
            question="What?",
            answer="That.",
            created_at=moment,
            closed_at=moment,
        )
        talk.messages.create(role="user", content="What?", exchange=row)
        GuardEvent.objects.create(
            guard_version=1, team=project.team, user=user, created_at=moment, exchange=row.uid
        )
        cast.rows[who] = (talk, row)
    whom = {"team": {"held_team": cast.research}, "person": {"held_person": cast.marco}}
    cast.hold = LegalHold.objects.create(reason="A court asked", **whom[request.param])
    return cast


def left(house, who):
    talk, row = house.rows[who]
    return (
        Conversation.objects.filter(pk=talk.pk).exists(),
        talk.messages.exists(),
        Exchange.objects.filter(pk=row.pk, question__isnull=False).exists(),
        GuardEvent.objects.filter(exchange=row.uid).exists(),
    )


@pytest.mark.django_db
def test_retention_takes_nothing_of_them_until_it_is_lifted(house):
    counts = due()
    for name in ("contents", "conversations", "events"):
        assert (counts[name].total, counts[name].held_total) == (1, 1), name
    apply()
    assert left(house, "marco") == (True,) * 4
    assert left(house, "sam") == (False,) * 4
    house.hold.delete()
    apply()
    assert left(house, "marco") == (False,) * 4
    assert not Exchange.objects.exists()


@pytest.mark.django_db
def test_what_its_owner_deletes_is_gone_for_them_and_stays_stored(house):
    talk, row = house.rows["marco"]
    client = browser(house.marco)
    page = f"/playground/assistant/{talk.uid}/"
    assert client.get(page).status_code == 200
    assert client.post(f"{page}delete/").status_code == 302
    assert client.get(page).status_code == 404
    assert client.get(f"/api/conversations/{talk.uid}/").status_code == 404
    assert b"deleted" not in client.get("/playground/assistant/").content
    kept = Conversation.with_hidden.get(pk=talk.pk)
    assert kept.hidden_at
    assert Message.with_hidden.filter(conversation=talk, content__isnull=False).exists()
    assert Exchange.objects.get(pk=row.pk).question == "What?"
    entry = Entry.objects.get(action="conversation_hidden")
    assert (entry.team_id, entry.reason) == (None, "legal hold")
    assert not Entry.objects.visible_to(house.olivia).filter(pk=entry.pk).exists()
    apply()
    assert Conversation.with_hidden.filter(pk=talk.pk).exists()
    house.hold.delete()
    apply()
    assert not Conversation.with_hidden.filter(pk=talk.pk).exists()


@pytest.mark.django_db
def test_messages_that_give_way_to_others_stay_stored(house):
    for who, is_kept in (("marco", True), ("sam", False)):
        talk, _row = house.rows[who]
        said = talk.messages.get()
        give_way(talk.messages.all())
        assert not talk.messages.exists()
        assert Message.with_hidden.filter(pk=said.pk).exists() is is_kept
    house.hold.delete()
    Conversation.objects.update(updated_at=timezone.now())
    apply()
    assert not Message.with_hidden.exists()


@pytest.mark.django_db
def test_neither_project_nor_team_nor_person_goes_and_nobody_is_told_why(house):
    for deed in (
        lambda: delete_project(by=house.admin, project=house.assistant),
        lambda: delete_team(by=house.admin, team=house.research),
        lambda: User.objects.filter(pk=house.marco.pk).delete(),
        house.marco.delete,
        house.rows["marco"][0].delete,
        Conversation.objects.filter(user=house.marco).delete,
        Message.objects.filter(conversation=house.rows["marco"][0]).delete,
        lambda: keyring.destroy(keyring.person(house.marco.pk)),
    ):
        with pytest.raises(Refusal) as refusal, transaction.atomic():
            deed()
        assert refusal.value.code == "conflict"
        assert "hold" not in str(refusal.value.message).lower()
    assert left(house, "marco") == (True,) * 4
    delete_project(by=house.admin, project=house.helpdesk)
    keyring.destroy(keyring.person(house.sam.pk))
    house.hold.delete()
    delete_project(by=house.admin, project=house.assistant)
    delete_team(by=house.admin, team=house.research)
    assert not Team.objects.filter(slug="research").exists()


@pytest.mark.django_db
def test_in_the_console_the_answer_is_409_and_nothing_happened(house):
    answer = browser(house.admin).post(
        f"/admin/projects/project/{house.assistant.pk}/delete/", {"name": "assistant"}
    )
    assert answer.status_code == 409
    assert left(house, "marco") == (True,) * 4


@pytest.mark.django_db
def test_deleting_ones_own_is_deleting_where_nothing_is_held(house):
    talk, row = house.rows["sam"]
    delete_conversation(by=house.sam, conversation=talk)
    assert not Conversation.with_hidden.filter(pk=talk.pk).exists()
    assert Exchange.objects.get(pk=row.pk).question is None


@pytest.mark.django_db
def test_platform_admins_place_and_lift_it_with_a_reason_and_the_trail_keeps_both(cast):
    client = browser(cast.admin)
    page = "/admin/teams/legalhold/add/"
    assert client.post(page, {"held_team": cast.research.pk, "reason": ""}).status_code == 200
    both = {"held_team": cast.research.pk, "held_person": cast.marco.pk, "reason": "x"}
    assert b"Choose either a team or a person." in client.post(page, both).content
    assert not LegalHold.objects.exists()
    sent = {"held_team": cast.research.pk, "reason": "Case 7 O 12/26"}
    assert client.post(page, sent).status_code == 302
    hold = LegalHold.objects.get()
    assert (hold.placed_by, held().teams) == (cast.admin, {cast.research.pk})
    placed = Entry.objects.get(target_type="teams.LegalHold", action="create")
    assert placed.changes["reason"] == [None, "Case 7 O 12/26"]
    assert (
        client.post(f"/admin/teams/legalhold/{hold.pk}/delete/", {"post": "yes"}).status_code == 302
    )
    assert Entry.objects.filter(target_type="teams.LegalHold", action="delete").exists()
    for who in ("olivia", "marco"):
        seen = Entry.objects.visible_to(getattr(cast, who))
        assert not seen.filter(target_type="teams.LegalHold").exists()
        assert browser(getattr(cast, who)).get("/admin/teams/legalhold/").status_code in (302, 403)


@pytest.mark.django_db
def test_a_key_places_no_hold_and_whom_it_is_about_sees_nothing_of_it(house):
    assert Client().get(
        "/admin/teams/legalhold/", headers=house.bearer(house.admin)
    ).status_code in (302, 403)
    assert b"hold" not in browser(house.marco).get("/account/").content.lower()
