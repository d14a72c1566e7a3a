"""Legal holds on what was said in projects: what is refused, and what is hidden in place of being deleted."""

from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.signals import pre_delete
from django.utils import timezone

from accounts.models import User
from portal import keyring, legal_holds
from portal.legal_holds import Held
from projects.models import Conversation, Exchange, Message, Project

OF_TALK = {"teams": ("project__team_id",), "people": ("user_id",)}
OF_MESSAGE = {"teams": ("conversation__project__team_id",), "people": ("conversation__user_id",)}
OF_EXCHANGE = {"teams": ("team_id",), "people": ("user_id", "acted_by_id")}


def is_held(conversation: Conversation) -> bool:
    """In the transaction that would remove it."""
    holds = legal_holds.settled()
    return bool(holds) and _talks(holds).filter(pk=conversation.pk).exists()


def give_way(messages: QuerySet) -> None:
    """Messages in whose place others come are gone for everybody; under a hold they stay stored."""
    holds = legal_holds.settled()
    if holds:
        messages.filter(holds.rows(**OF_MESSAGE)).update(hidden_at=timezone.now())
        messages = messages.filter(hidden_at__isnull=True)
    with legal_holds.cleared():
        messages.delete()


def refuse_deletion(project: Project) -> None:
    """Raises `Refusal("conflict")` where something that was said in it is held."""
    holds = legal_holds.refuse_if_held(teams=[project.team_id])
    if not holds:
        return
    of_project = Q(project_id=project.pk)
    if _talks(holds).filter(of_project).exists() or _words(holds).filter(of_project).exists():
        legal_holds.refuse()


def _talks(holds: Held) -> QuerySet:
    return Conversation.with_hidden.filter(holds.rows(**OF_TALK))


def _words(holds: Held) -> QuerySet:
    return Exchange.objects.filter(holds.rows(**OF_EXCHANGE), question__isnull=False)


def _reaches(owner: str, holds: Held) -> bool:
    """Under a held team's or person's key; or a person's, whose words a held team's projects keep."""
    if owner in {keyring.team(team) for team in holds.teams}:
        return True
    _kind, _colon, number = owner.rpartition(":")
    if not number.isdecimal() or owner != keyring.person(number):
        return False
    person = int(number)
    return person in holds.people or _keeps_words_of(person, holds)


def _keeps_words_of(person: int, holds: Held) -> bool:
    mine = Q(user_id=person)
    return _talks(holds).filter(mine).exists() or _words(holds).filter(mine).exists()


def _before_talk(instance: Conversation, **_: Any) -> None:
    """The last net, below every door: who deletes one asked before, or it is refused."""
    if not legal_holds.is_cleared() and is_held(instance):
        legal_holds.refuse()


def _before_message(instance: Message, origin: Any = None, **_: Any) -> None:
    """Those that go along with their conversation were asked about with it."""
    if legal_holds.is_cleared() or Message not in (type(origin), getattr(origin, "model", None)):
        return
    holds = legal_holds.settled()
    held = Message.with_hidden.filter(holds.rows(**OF_MESSAGE), pk=instance.pk)
    if holds and held.exists():
        legal_holds.refuse()


def _before_person(instance: User, **_: Any) -> None:
    holds = legal_holds.settled()
    if holds and (instance.pk in holds.people or _keeps_words_of(instance.pk, holds)):
        legal_holds.refuse()


def install() -> None:
    legal_holds.register_reach(_reaches)
    for sender, ask in (
        (Conversation, _before_talk),
        (Message, _before_message),
        (User, _before_person),
    ):
        pre_delete.connect(ask, sender=sender, dispatch_uid="projects.holds")
