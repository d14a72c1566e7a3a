"""The steps of the journey, one function each, in the order in which `journey.enter` takes them."""

import time

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guards.engine import inspect
from portal.address_lists import listed
from portal.context import current
from portal.errors import Refusal
from portal.limits import Limit, take
from portal.providers.base import ChatRequest, estimate_tokens
from portal.tenancy import tenant
from projects import ledger, routes, rules
from projects.budgets import KEY, PROJECT, TEAM, Part, Reservation, micros
from projects.models import Conversation
from projects.passage import Passage
from projects.questions import HISTORY_MESSAGES, Turn, Visitor

COMPLETION_BOUND = 4096  # tokens an answer may have under a budget, where nobody set a bound
KEY_BURST_SECONDS = 2  # a key's burst is twice its requests a second (decision 2)
RIGHTS_EVERY = 2.0  # seconds between two looks at the caller's right while an answer streams
NO_ROOM = {
    KEY: gettext_lazy("The key's budget of this month has no room for this question."),
    PROJECT: gettext_lazy("The project's budget of this month has no room for this question."),
    TEAM: gettext_lazy("The team's budget of this month has no room for this question."),
}


def authenticate(passage: Passage) -> None:
    """Who asks. The door's way of identifying raises 401 itself; what has scopes needs *chat*."""
    passage.caller = passage.arrival.identify()
    passage.scope = routes.scope_of(passage.caller)
    if not passage.caller.may("chat"):
        raise Refusal("permission_denied", _("With this key or token one may not chat."))


def read(passage: Passage) -> None:
    """What is asked, in the contract's sizes and shapes; 400, 413 or 422 otherwise."""
    passage.question = passage.arrival.read()


def access(passage: Passage) -> None:
    """404 for what one may not see, 403 for what one may see but not ask."""
    caller, slug = passage.caller, passage.question.project
    passage.route = _route_for(passage)
    if not isinstance(caller, Visitor) and not routes.may_chat(caller.user, caller.key, slug):
        raise Refusal("permission_denied", _("You may see this project, but not chat in it."))
    if not passage.route.is_open:
        raise Refusal("permission_denied", passage.route.closed_by)
    if not rules.chats(passage.route.model):
        raise Refusal("permission_denied", rules.NO_CHAT)
    passage.address = current().address
    if not _comes_from_a_listed_address(passage, passage.route):
        raise Refusal("address_blocked", _("This team's projects are not used from your address."))
    if passage.question.conversation is not None and caller.user is not None:
        with tenant(passage.scope):
            _find_conversation(passage)


def _route_for(passage: Passage) -> routes.Route:
    caller, slug = passage.caller, passage.question.project
    seen = (
        slug == caller.project
        if isinstance(caller, Visitor)
        else routes.may_see(caller.user, caller.key, slug)
    )
    found = routes.route(slug, passage.scope) if seen else None
    if found is None:
        raise Refusal("not_found", _("There is no such project."))
    return found


def _comes_from_a_listed_address(passage: Passage, route: routes.Route) -> bool:
    """Visitors of a widget are strangers, and come from everywhere."""
    if isinstance(passage.caller, Visitor):
        return True
    return listed(passage.address, route.allowed_addresses)


def _find_conversation(passage: Passage) -> None:
    """The conversation to go on with, and what was said in it; a new one is saved when the exchange closes."""
    caller, uid = passage.caller, passage.question.conversation
    if not uid:
        if passage.question.replaces:
            raise Refusal("not_found", _("There is no such question in this conversation."))
        if not (caller.key and caller.key.no_content_log):
            passage.conversation = Conversation(
                project_id=passage.route.project_id, user_id=caller.user.pk
            )
        return
    found = (
        Conversation.objects.filter(
            uid=uid, project_id=passage.route.project_id, user_id=caller.user.pk
        )
        .defer("title")
        .first()
    )
    if found is None:
        raise Refusal("not_found", _("There is no such conversation."))
    passage.conversation = found
    said = found.messages.filter(withheld=False)
    if passage.question.replaces:
        passage.replaces = found.messages.first_of(passage.question.replaces)
        if passage.replaces is None:
            raise Refusal("not_found", _("There is no such question in this conversation."))
        said = said.filter(pk__lt=passage.replaces)
    newest = said.order_by("-id")[:HISTORY_MESSAGES]
    passage.history = tuple(
        Turn(message.role, message.content) for message in reversed(newest) if message.content
    )


def key(passage: Passage) -> None:
    """What is said can be kept, or need not be; `content_unreadable` where the owner's key does not open."""
    ledger.require_key(passage)


def limits(passage: Passage) -> None:
    """The limits of project, team and key, all or nothing and exact; 429 takes nothing."""
    route, caller = passage.route, passage.caller
    wanted = [Limit(f"project:{route.project_id}", route.rate_limit_per_minute, 60)]
    if route.team_requests_per_minute is not None:
        wanted.append(Limit(f"team:{route.team_id}", route.team_requests_per_minute, 60))
    if caller.key is not None:
        rate = caller.key.requests_per_second
        wanted.append(Limit(f"key:{caller.key.pk}", rate * KEY_BURST_SECONDS, KEY_BURST_SECONDS))
    if isinstance(caller, Visitor):
        wanted.append(Limit(f"visitor:{caller.id}", 20, 60))
    taken = take(wanted)
    passage.headers = taken.headers()
    if not taken.allowed:
        raise Refusal("rate_limited", retry_after=taken.retry_after, headers=passage.headers)


def budget(passage: Passage) -> None:
    """Reserves the most that this exchange can cost, and opens its row; 402 where it does not fit into a budget."""
    passage.opened_at = timezone.now()
    too_small = ledger.open_row(passage, _reservation(passage))
    if too_small is not None:
        # Whose budget it is, is nothing for strangers.
        words = None if isinstance(passage.caller, Visitor) else NO_ROOM[too_small]
        raise Refusal("budget_exceeded", words)


def _reservation(passage: Passage) -> Reservation | None:
    """None where nobody set a budget."""
    parts = _parts(passage)
    if not parts:
        return None
    route = passage.route
    texts = [turn.text for turn in (*passage.history, *passage.question.turns)]
    prompt = estimate_tokens([route.system_prompt, *texts])
    price = route.model.price(prompt, _bound(passage))
    if price is None:
        raise Refusal("budget_exceeded", _("The model's price is unknown; a budget cannot hold."))
    return Reservation(month=passage.month, amount=micros(price), parts=parts)


def _parts(passage: Passage) -> tuple[Part, ...]:
    """The budgets that there are, in the order of their locks."""
    route, key = passage.route, passage.caller.key
    found = [
        (PROJECT, (route.project_id, route.team_id), route.monthly_budget),
        (TEAM, (route.team_id,), route.team_monthly_budget),
    ]
    if key is not None:
        found.insert(0, (KEY, (key.pk, key.user_id), key.monthly_budget))
    return tuple(Part(purse, owner, micros(usd)) for purse, owner, usd in found if usd is not None)


def _bound(passage: Passage) -> int:
    """The larger where both are said: which of them a provider knows is its own affair."""
    wanted = {**passage.route.parameters, **passage.question.parameters}
    return max((wanted[name] for name in rules.BOUNDS & set(wanted)), default=COMPLETION_BOUND)


def input_guards(passage: Passage) -> None:
    """Every text of the question through every input guard. A guard that cannot judge refuses: fail closed."""
    texts = [turn.text for turn in passage.question.turns]
    passage.input = inspect(texts, passage.route.input_guards, stage="input")
    if passage.input.unavailable:
        raise Refusal("guard_unavailable")
    if passage.input.blocked:
        passage.outcome = "blocked_input"
        passage.answer = passage.input.message
        passage.finish_reason = "content_filter"
        return
    passage.request = _compose(passage)


def _compose(passage: Passage) -> ChatRequest:
    """The project's prompt first, the client's system texts appended to it, then history and question."""
    turns = [
        Turn(turn.role, text)
        for turn, text in zip(passage.question.turns, passage.input.texts, strict=True)
    ]
    system = [passage.route.system_prompt, *(t.text for t in turns if t.role == "system")]
    prompt = "\n\n".join(text for text in system if text)
    messages = [{"role": "system", "content": prompt}] if prompt else []
    spoken = [*passage.history, *(turn for turn in turns if turn.role != "system")]
    messages += [{"role": turn.role, "content": turn.text} for turn in spoken]
    parameters = {**passage.route.parameters, **passage.question.parameters}
    if _parts(passage) and "max_completion_tokens" not in parameters:
        parameters.setdefault("max_tokens", COMPLETION_BOUND)
    return ChatRequest(model=passage.route.model.name, messages=messages, parameters=parameters)


def output_guards(passage: Passage) -> None:
    """The whole answer through every output guard, before any of it leaves."""
    passage.output = inspect([passage.answer], passage.route.output_guards, stage="output")
    judge_output(passage)


def judge_output(passage: Passage) -> None:
    """What the output guards' word means: refuse, replace by the guard's message, or the text after redaction."""
    if passage.output.unavailable:
        passage.answer = ""
        raise Refusal("guard_unavailable")
    if passage.output.blocked:
        passage.outcome = "blocked_output"
        passage.answer = passage.output.message
        passage.finish_reason = "content_filter"
    else:
        passage.outcome = "answered"
        passage.answer = passage.output.texts[0]


def still_allowed(passage: Passage, checked_at: float) -> tuple[bool, float]:
    """Whether the caller may still ask, looked up every two seconds through the routes' cache."""
    now = time.monotonic()
    if now - checked_at < RIGHTS_EVERY:
        return True, checked_at
    caller, slug = passage.caller, passage.question.project
    route = routes.route(slug, passage.scope)
    allowed = route is not None and route.is_open and rules.chats(route.model)
    allowed = allowed and _comes_from_a_listed_address(passage, route)
    if allowed and not isinstance(caller, Visitor):
        allowed = routes.may_chat(caller.user, caller.key, slug)
    if allowed and hasattr(caller, "is_live"):
        allowed = caller.is_live()
    return allowed, now
