"""How a question travels. Read this file first: one line a step, and the order is the security property.

    authenticate ─▶ read ─▶ access ─▶ key ─▶ limits ─▶ budget (reserve) ─▶ input guards ─▶ provider ─▶ output guards
    ─▶ settle, usage, audit

Every door translates its request into an `Arrival`, makes one call here, and translates back. Whatever happens,
the usage row is closed; what is refused, blocked or failed is in the trail too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from portal.errors import Refusal
from portal.keyring import Unreadable
from portal.providers.base import ProviderFailure
from portal.providers.registry import provider_for
from projects import ledger, steps
from projects.outcomes import OUTCOMES, refusal_of
from projects.passage import Passage
from projects.questions import Arrival
from projects.streaming import AnswerStream


def ask(arrival: Arrival) -> Passage | AnswerStream:
    """The answer, or the stream of it if the question wants one. Raises `Refusal`, never anything of a provider."""
    passage = enter(arrival)
    return AnswerStream(passage) if passage.question.stream else answer(passage)


def enter(arrival: Arrival) -> Passage:
    """Everything before the provider; what it returns goes to `answer` or into an `AnswerStream`."""
    passage = Passage(arrival)
    with closed_when_refused(passage):
        steps.authenticate(passage)
        steps.read(passage)
        steps.access(passage)
        steps.key(passage)
        steps.limits(passage)
        steps.budget(passage)
        steps.input_guards(passage)
    return passage


def answer(passage: Passage) -> Passage:
    """The provider's answer after the output guards; the guard's message if one blocked."""
    with closed_when_refused(passage):
        if passage.outcome != "blocked_input":
            provide(passage)
            steps.output_guards(passage)
        ledger.close(passage)
    return passage


def provide(passage: Passage) -> None:
    """Asks the provider. What the question costs counts from here on, answered or not."""
    ledger.release_connection()
    passage.reached_provider = True
    completion = provider_for(passage.route.provider).complete(passage.request)
    passage.answer = completion.text
    passage.finish_reason = completion.finish_reason
    passage.prompt_tokens = completion.prompt_tokens
    passage.completion_tokens = completion.completion_tokens
    passage.tokens_estimated = completion.estimated


@contextmanager
def closed_when_refused(passage: Passage) -> Iterator[None]:
    """Whatever breaks in the block: the row is closed with what is true, and the caller gets a `Refusal`."""
    try:
        yield
    except Refusal as refusal:
        _close_refused(passage, refusal)
        raise
    except ProviderFailure as failure:
        refused = refusal_of(failure)
        _close_refused(passage, refused)
        raise refused from failure
    except Unreadable as error:
        refused = Refusal("content_unreadable")
        _close_refused(passage, refused)
        raise refused from error
    except BaseException:
        ledger.close_failed(passage)
        raise


def _close_refused(passage: Passage, refusal: Refusal) -> None:
    """Nobody known asked: no row. Otherwise the row and the trail, or `audit_unavailable` if neither can be."""
    if passage.caller is None or passage.is_closed:
        return
    passage.outcome = refusal.code if refusal.code in OUTCOMES else "crashed"
    ledger.close(passage)
