"""What is asked, and the shapes it arrives in: every door reads its request into one `Question`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from portal.errors import Refusal
from projects.rules import BOUNDS, MOST_TOKENS

PARAMETERS: dict[str, tuple[type, ...]] = {
    "temperature": (int, float),
    "top_p": (int, float),
    "max_tokens": (int,),
    "max_completion_tokens": (int,),
    "presence_penalty": (int, float),
    "frequency_penalty": (int, float),
    "seed": (int,),
    "stop": (str, list),
    "response_format": (dict,),
}
ROLES = {"system", "developer", "user", "assistant"}
# Parameters of the OpenAI API that change nothing in what we do, and are therefore accepted.
HARMLESS = {"user", "n", "stream_options", "metadata", "store", "logprobs"}
MAX_MESSAGES = 500
HISTORY_MESSAGES = 40  # the newest messages of a conversation that go to the model with a question


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: `role` is system, user or assistant; `text` all of its text parts."""

    role: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Question:
    """One question to a project. `conversation`: None keeps none, "" begins one, else its uid.

    `replaces` is the uid of an exchange of that conversation: it and what followed give way to this question, in
    the transaction that writes the answer down. A refused question replaces nothing.
    """

    project: str
    turns: tuple[Turn, ...] = field(repr=False)
    stream: bool = False
    conversation: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    include_usage: bool = False
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A stranger at a widget: may ask its one project, nothing else. `id` is the visitor session's."""

    project: str
    id: str
    team_id: int
    user: None = None
    key: None = None

    def may(self, scope: str) -> bool:
        return scope == "chat"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request at a door, not yet looked at: `identify` says who asks, `read` what is asked; both may refuse."""

    door: Any  # one of Exchange.Door
    identify: Callable[[], Any]
    read: Callable[[], Question]
    project: str = ""


def invalid(field_name: str, words: str) -> Refusal:
    """422 that names the field and never echoes its value."""
    return Refusal("validation_failed", fields={field_name: [words]})


def checked_text(value: Any, field_name: str) -> str:
    """A text within the platform's cap (decision 8), without NUL and lone surrogates."""
    if not isinstance(value, str):
        raise invalid(field_name, _("Write a text."))
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise Refusal("invalid_encoding") from None
    if size > settings.MAX_MESSAGE_BYTES:
        raise invalid(field_name, _("A message has at most 32 KiB of text."))
    if "\x00" in value:
        raise invalid(field_name, _("NUL characters are not allowed."))
    return value


def read_message(data: Any, *, project: str) -> Question:
    """The body of `POST /api/projects/{slug}/chat/` and of the playground."""
    if not isinstance(data, Mapping):
        raise Refusal("invalid_request")
    text = checked_text(data.get("message"), "message")
    if not text.strip():
        raise invalid("message", _("Write a message."))
    stream = data.get("stream", False)
    if not isinstance(stream, bool):
        raise invalid("stream", _("Either true or false."))
    conversation = data.get("conversation") or ""
    if not isinstance(conversation, str) or len(conversation) > 32:
        raise Refusal("not_found")
    return Question(project, (Turn("user", text),), stream, conversation)


def read_temporary(data: Any, *, project: str, history: Any) -> Question:
    """A question of a chat that is kept nowhere: the page holds what was said, and sends all of it each time.

    `history` is a list of `{"role": "user" | "assistant", "content"}`; the newest 40 go along, and pass the guards.
    """
    question = read_message(data, project=project)
    if not isinstance(history, list) or len(history) > MAX_MESSAGES:
        raise invalid("history", _("At most 500 messages."))
    turns = tuple(_turn(message, number) for number, message in enumerate(history))
    if any(turn.role == "system" for turn in turns):
        raise invalid("history", _("Only questions and answers."))
    return replace(question, turns=(*turns[-HISTORY_MESSAGES:], *question.turns), conversation=None)


def read_completion(data: Any) -> Question:
    """The body of `POST /v1/chat/completions`: text parts of every message, known parameters by type."""
    if not isinstance(data, Mapping):
        raise Refusal("invalid_request")
    model = data.get("model")
    if not isinstance(model, str) or not model:
        raise invalid("model", _("Name a project."))
    messages = data.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("messages", _("Send at least one message."))
    if len(messages) > MAX_MESSAGES:
        raise invalid("messages", _("At most 500 messages."))
    stream = data.get("stream") or False
    if not isinstance(stream, bool):
        raise invalid("stream", _("Either true or false."))
    options = data.get("stream_options") or {}
    include_usage = isinstance(options, Mapping) and options.get("include_usage") is True
    turns = tuple(_turn(message, number) for number, message in enumerate(messages))
    if all(turn.role == "system" for turn in turns):
        raise invalid("messages", _("Send a message of the user."))
    return Question(model, turns, stream, None, _parameters(data), include_usage)


def _turn(message: Any, number: int) -> Turn:
    name = f"messages.{number}"
    if not isinstance(message, Mapping) or message.get("role") not in ROLES:
        raise invalid(name, _("A message has a role (system, user or assistant) and a content."))
    role = "system" if message["role"] in ("system", "developer") else message["role"]
    content = message.get("content")
    if isinstance(content, list):
        parts = []
        for part in content:
            if not isinstance(part, Mapping) or part.get("type") != "text":
                raise invalid(name, _("This project takes text parts only."))
            parts.append(checked_text(part.get("text"), name))
        content = "\n".join(parts)
    return Turn(role, checked_text(content, name))


def _parameters(data: Mapping[str, Any]) -> dict[str, Any]:
    known = {"model", "messages", "stream"} | HARMLESS
    found: dict[str, Any] = {}
    value: Any
    for name, value in data.items():
        if name in known or value is None:
            continue
        if name not in PARAMETERS:
            raise invalid(str(name)[:64], _("This parameter is not supported."))
        if not isinstance(value, PARAMETERS[name]) or isinstance(value, bool):
            raise invalid(name, _("This value has the wrong type."))
        if name in BOUNDS and not 1 <= int(str(value)) <= MOST_TOKENS:
            raise invalid(name, _("Between 1 and 1,000,000."))
        found[name] = value
    if data.get("n") not in (None, 1):
        raise invalid("n", _("One answer at a time."))
    return found
