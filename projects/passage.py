"""One exchange on its way: what is known of it so far. The journey fills it, the ledger writes it down."""

import time
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from guards.engine import Inspection
from portal.encryption import new_uid
from portal.providers.base import ChatRequest
from portal.tenancy import NOTHING, Scope
from projects.budgets import month_of
from projects.models import Conversation, Exchange
from projects.questions import Arrival, Question, Turn
from projects.routes import Route


@dataclass(slots=True)
class Passage:
    """`outcome` starts as *crashed*: whatever breaks, the usage row says something true."""

    arrival: Arrival
    uid: str = field(default_factory=new_uid)
    started: float = field(default_factory=time.monotonic)
    outcome: str = "crashed"
    caller: Any = None
    scope: Scope = NOTHING  # whose rows its transactions may touch
    question: Question | None = None
    route: Route | None = None
    address: str = ""  # where the caller is
    conversation: Conversation | None = None
    history: tuple[Turn, ...] = ()
    replaces: int | None = None  # the first message that gives way to this exchange
    request: ChatRequest | None = None
    row: Exchange | None = None  # of the usage log, once it is open
    is_closed: bool = False
    opened_at: datetime | None = None  # when its row is, and so which month it is paid from
    headers: dict[str, str] = field(default_factory=dict)
    input: Inspection | None = None
    output: Inspection | None = None
    answer: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tokens_estimated: bool = False
    reached_provider: bool = False
    provider_seconds_to_first: float | None = None
    latency_ms: int | None = None  # known once it is closed
    finish_reason: str = "stop"

    @property
    def project_slug(self) -> str:
        return self.question.project if self.question else self.arrival.project

    @property
    def month(self) -> date | None:
        return month_of(self.opened_at) if self.opened_at else None

    @property
    def acted_by_id(self) -> int | None:
        """The platform admin who asks in the caller's name, if one does."""
        impersonation = getattr(self.caller, "impersonation", None)
        return impersonation.admin.pk if impersonation is not None else None

    @property
    def cost(self) -> Any:
        """USD with 6 places; None where the model's price is unknown; 0 where no provider was asked."""
        if not self.reached_provider or self.route is None:
            return 0
        return self.route.model.price(self.prompt_tokens, self.completion_tokens)

    @property
    def guard(self) -> dict[str, Any] | None:
        """The contract's guard object: of the stage that was strictest, the output's where both were."""
        found = [i for i in (self.output, self.input) if i is not None and i.as_json() is not None]
        if not found:
            return None
        return max(found, key=lambda inspection: inspection.action).as_json()

    @property
    def log_content(self) -> bool:
        return bool(
            self.route
            and self.route.log_content
            and not (self.caller and self.caller.key and self.caller.key.no_content_log)
        )

    @property
    def sent_texts(self) -> list[str]:
        """The question's texts as the provider may see them: after the input guards."""
        if self.input is not None:
            return list(self.input.texts)
        return [turn.text for turn in self.question.turns] if self.question else []
