"""A conversation as its reader sees it: questions and answers, what guards did, what it cost. A few queries in all."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guards.models import Guard, GuardEvent
from portal import cells
from portal.encryption import readable
from portal.markdown import render
from projects.models import Conversation, Exchange, Message
from projects.passage import Passage
from projects.questions import Turn

MESSAGES_SHOWN = 500  # on one page; what was said before is a link away


@dataclass(frozen=True, slots=True)
class GuardWord:
    """What a guard did, for people: `names` of the guards, `found` in words, never any of the text."""

    action: str
    stage: str
    names: str
    found: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One message. `exchange` is the uid by which it can be asked anew; empty where the usage row is gone."""

    role: str
    text: str = field(repr=False)
    exchange: str = ""
    withheld: bool = False
    html: SafeString | str = ""
    guard: GuardWord | None = None
    figures: str = ""
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Transcript:
    """`earlier` is the id of the oldest message shown, where there are older ones."""

    said: list[Said] = field(default_factory=list)
    earlier: int | None = None

    @property
    def last_question(self) -> Said | None:
        asked = (said for said in reversed(self.said) if said.role == Message.Role.USER)
        return next(asked, None)


def transcript(conversation: Conversation, *, before: int | None = None) -> Transcript:
    """The newest messages, or those before the message with the id `before`; oldest first."""
    rows = conversation.messages.select_related("exchange").defer(
        "exchange__question", "exchange__answer"
    )
    if before is not None:
        rows = rows.filter(pk__lt=before)
    newest = list(rows.order_by("-id")[: MESSAGES_SHOWN + 1])
    shown = newest[:MESSAGES_SHOWN][::-1]
    words = guard_words(row.exchange for row in shown if row.exchange and row.exchange.guard_action)
    earlier = shown[0].pk if len(newest) > MESSAGES_SHOWN else None
    return Transcript([_said(row, words) for row in shown], earlier)


def _said(row: Message, words: dict[str, GuardWord]) -> Said:
    exchange = row.exchange
    text = readable(
        row, "content", _("(This message cannot be read: its key is missing or wrong.)")
    )
    said = Said(row.role, text, exchange.uid if exchange else "", row.withheld)
    if row.role == Message.Role.USER or exchange is None:
        return said if row.role == Message.Role.USER else replace(said, html=render(text))
    return replace(
        said,
        html=render(text),
        guard=words.get(exchange.uid),
        figures=figures_of(exchange),
        stopped=exchange.outcome == "aborted",
    )


def guard_words(exchanges: Iterable[Exchange]) -> dict[str, GuardWord]:
    """By the exchange's uid; two queries however many exchanges there are."""
    rows = {exchange.uid: exchange for exchange in exchanges}
    if not rows:
        return {}
    names = names_of({slug for exchange in rows.values() for slug in exchange.guards})
    found: dict[str, list[dict]] = defaultdict(list)
    for event in GuardEvent.objects.filter(exchange__in=rows).only(
        "exchange", "guard_slug", "findings"
    ):
        if event.guard_slug in rows[event.exchange].guards:
            found[event.exchange].extend(event.findings)
    return {
        uid: GuardWord(
            row.guard_action, row.guard_stage, _listed(row.guards, names), in_words(found[uid])
        )
        for uid, row in rows.items()
    }


def names_of(slugs: Iterable[str]) -> dict[str, str]:
    """What people call these guards; a guard that is gone keeps its slug."""
    wanted = set(slugs)
    known = dict(Guard.objects.filter(slug__in=wanted).values_list("slug", "name"))
    return {slug: known.get(slug) or slug for slug in wanted}


def in_words(findings: Iterable[dict[str, Any]]) -> str:
    """What was found, each thing once: "credit card, email"."""
    categories = {str(finding.get("category", "")).replace("_", " ") for finding in findings}
    return ", ".join(sorted(filter(None, categories)))


def _listed(slugs: Iterable[str], names: dict[str, str]) -> str:
    return ", ".join(names[slug] for slug in slugs)


def spoken(guard: dict[str, Any]) -> GuardWord:
    """The contract's guard object in words; one query."""
    names = names_of(guard["guards"])
    return GuardWord(
        guard["action"],
        guard["stage"],
        _listed(guard["guards"], names),
        in_words(guard.get("findings", ())),
    )


def figures_of(source: Exchange | Passage) -> str:
    """Tokens, cost and time of an answer in one line: "31 tokens · $0.0012 · 1.4 s". ≈ marks an estimate."""
    tokens = source.prompt_tokens + source.completion_tokens
    words = ngettext("%s token", "%s tokens", tokens) % f"{tokens:,}"
    if source.tokens_estimated and tokens:
        words = f"≈ {words}"
    cost = _("cost unknown") if source.cost is None else cells.money(source.cost)
    parts = [words, cost]
    if source.latency_ms is not None:
        parts.append(cells.span_of(source.latency_ms))
    if source.acted_by_id is not None:
        parts.append(_("asked by a platform admin in your name"))
    return " · ".join(parts)


def of_passage(passage: Passage) -> tuple[Said, Said]:
    """Question and answer of an exchange that is kept nowhere, as a stored one would be shown."""
    withheld = passage.outcome == "blocked_input"
    asked = Said(
        str(Message.Role.USER),
        "" if withheld else passage.sent_texts[-1],
        passage.uid,
        withheld,
    )
    answered = Said(
        str(Message.Role.ASSISTANT),
        passage.answer,
        passage.uid,
        passage.outcome == "blocked_output",
        render(passage.answer),
        spoken(passage.guard) if passage.guard else None,
        figures_of(passage),
    )
    return asked, answered


def as_said(turn: Turn) -> Said:
    """A turn that the page of a temporary chat holds."""
    html = render(turn.text) if turn.role == Message.Role.ASSISTANT else ""
    return Said(turn.role, turn.text, html=html)
