"""What a project must be to be saved, and to answer: a granted model, where its team allows it, priced under a budget.

Saving asks `check`, at whatever door; the journey asks `closed_by` of every exchange, because all of it may change later.
"""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from portal.models import Model
from teams.models import Grant, Team

OFF = _("This project is switched off.")
NOT_GRANTED = _("The team is not granted this model.")
MODEL_OFF = _("This project's model is switched off.")
ELSEWHERE = _("This model's provider is not in a region that the team allows.")
BOUNDS = {"max_tokens", "max_completion_tokens"}  # parameters that say how long an answer may be
MOST_TOKENS = 1_000_000
NO_CHAT = _("One does not chat with this project: its model is for something else.")
UNPRICED = _("A budget needs a model whose prices are known.")
UNPRICED_IN_TEAM = _("The team has a budget, and so needs models whose prices are known.")


def check(projects: Iterable[Any]) -> None:
    """Raises ValidationError for the first that may not be saved like this; a few queries for all of them."""
    rows = [row for row in projects if row.team_id and row.model_id]
    granted = _grants(rows)
    for row in rows:
        mistakes = _mistakes(row, (row.team_id, row.model_id) in granted)
        if mistakes:
            raise ValidationError(mistakes)


def _grants(rows: list[Any]) -> set[tuple[int, int]]:
    if not rows:
        return set()
    found = Grant.objects.filter(
        team_id__in={row.team_id for row in rows}, model_id__in={row.model_id for row in rows}
    )
    return set(found.order_by().values_list("team_id", "model_id"))


def _mistakes(project: Any, granted: bool) -> dict[str, Any]:
    if not granted:
        return {"model": NOT_GRANTED}
    if not project.model.provider.computes_in(project.team.allowed_regions):
        return {"model": ELSEWHERE}
    if project.model.price(1, 1) is None:
        if project.monthly_budget is not None:
            return {"monthly_budget": UNPRICED}
        if project.team.monthly_budget is not None:
            return {"model": UNPRICED_IN_TEAM}
    if not isinstance(project.parameters, dict):
        return {"parameters": _("Write an object.")}
    if not all(_is_bound(project.parameters[name]) for name in BOUNDS & set(project.parameters)):
        return {"parameters": _("An answer has between 1 and 1,000,000 tokens.")}
    return {}


def _is_bound(tokens: Any) -> bool:
    """What is reserved of budgets rests on it: less than one would reserve nothing, or give back."""
    return type(tokens) is int and 1 <= tokens <= MOST_TOKENS


def closed_by(project: Any, *, granted: bool) -> Any:
    """Why it answers nobody, in words; empty where it does."""
    model, provider = project.model, project.model.provider
    if not project.is_active:
        return OFF
    if not granted:
        return NOT_GRANTED
    if not (model.is_active and provider.is_active):
        return MODEL_OFF
    if not provider.computes_in(project.team.allowed_regions):
        return ELSEWHERE
    return ""


def chats(model: Model) -> bool:
    return model.kind == Model.Kind.CHAT


def unpriced_models(team: Team) -> list[Model]:
    """Those that the team's projects would be asked with, and that no budget can hold."""
    rows = Model.objects.filter(
        projects__team=team, projects__is_active=True, projects__archived_at__isnull=True
    )
    found = rows.select_related("provider").distinct().order_by("name", "pk")
    return [model for model in found if model.price(1, 1) is None]
