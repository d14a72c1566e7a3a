"""Where a question may go: a project with all its exchange needs, and who may take that way.

The hot path asks this for every exchange, so answers are kept in the process for `LIFETIME` seconds at most and
dropped at once when anything they rest on changes here; other processes see a withdrawal within `LIFETIME`.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.models import User
from guards.engine import ActiveGuard
from guards.loading import platform_and_team_guards
from guards.models import Stage
from portal import tenancy
from portal.models import Model, Provider
from portal.recording import register_listener
from portal.tenancy import Scope, tenant
from projects.models import KeyProject, Project, ProjectGuard
from projects.rules import closed_by
from teams.models import Grant

LIFETIME = 3.0  # seconds; the promise is 5 s across processes
MAX_ENTRIES = 50_000
STRICTNESS = ("shadow", "warn", "redact", "block")


@dataclass(frozen=True, slots=True)
class Route:
    """A project as the journey needs it; plain values, safe to share between threads."""

    project_id: int
    slug: str
    name: str
    team_id: int
    allowed_addresses: str
    closed_by: Any  # why nobody is answered, in words; empty while it answers
    model: Model
    provider: Provider
    system_prompt: str = field(repr=False)
    parameters: Mapping[str, Any]
    rate_limit_per_minute: int
    monthly_budget: Any
    team_requests_per_minute: int | None
    team_monthly_budget: Any
    log_content: bool
    input_guards: tuple[ActiveGuard, ...] = field(default=())
    output_guards: tuple[ActiveGuard, ...] = field(default=())

    @property
    def is_open(self) -> bool:
        return not self.closed_by


class _Cache:
    """Values by key for a few seconds. A change while a value is being fetched keeps it from being stored."""

    def __init__(self) -> None:
        self._values: dict[Any, tuple[float, Any]] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def get(self, key: Any, fetch: Callable[[], Any]) -> Any:
        found = self._values.get(key)
        if found is not None and time.monotonic() < found[0]:
            return found[1]
        generation = self._generation
        value = fetch()
        with self._lock:
            if generation == self._generation:
                if len(self._values) >= MAX_ENTRIES:
                    self._values.clear()
                self._values[key] = (time.monotonic() + LIFETIME, value)
        return value

    def clear(self) -> None:
        with self._lock:
            self._generation += 1
            self._values.clear()


_cache = _Cache()


def scope_of(caller: Any) -> Scope:
    """Whose rows an exchange of this caller may touch: a visitor's team, or what the person may."""
    if caller.user is None:
        return Scope(teams=frozenset([caller.team_id]))
    return tenancy.scope_of(caller.user)


def route(slug: str, scope: Scope) -> Route | None:
    """The way of this project, or None where it is archived or not in scope. Constant queries when cold, none when warm.

    For callers of whom it is known that they may see the project: what one of them loaded serves them all.
    """
    return _cache.get(("route", slug), lambda: _load(slug, scope))


def may_see(user: Any, key: Any, slug: str) -> bool:
    return _cache.get(("see", user.pk, key and key.pk, slug), lambda: _sees(user, key, slug))


def may_chat(user: Any, key: Any, slug: str) -> bool:
    return _cache.get(("chat", user.pk, key and key.pk, slug), lambda: _chats(user, key, slug))


def forget() -> None:
    """Something that was believed turned out to be gone."""
    _cache.clear()


def _load(slug: str, scope: Scope) -> Route | None:
    with tenant(scope):
        return _loaded(slug)


def _loaded(slug: str) -> Route | None:
    rows = Project.objects.in_use().select_related("model__provider", "team")
    project = rows.filter(slug=slug).first()
    if project is None:
        return None
    granted = Grant.objects.filter(team_id=project.team_id, model_id=project.model_id).exists()
    chosen = list(platform_and_team_guards(project.team_id))
    for row in ProjectGuard.objects.select_related("guard").filter(
        project=project, guard__is_active=True
    ):
        chosen.append((row.stage, row.guard.activated(mode=row.mode)))
    return Route(
        project_id=project.pk,
        slug=project.slug,
        name=project.name,
        team_id=project.team_id,
        allowed_addresses=project.team.allowed_addresses,
        closed_by=closed_by(project, granted=granted),
        model=project.model,
        provider=project.model.provider,
        system_prompt=project.system_prompt,
        parameters=project.parameters,
        rate_limit_per_minute=project.rate_limit_per_minute,
        monthly_budget=project.monthly_budget,
        team_requests_per_minute=project.team.requests_per_minute,
        team_monthly_budget=project.team.monthly_budget,
        log_content=project.log_content,
        input_guards=_of_stage(chosen, Stage.INPUT),
        output_guards=_of_stage(chosen, Stage.OUTPUT),
    )


def _of_stage(chosen: list[tuple[str, ActiveGuard]], stage: Any) -> tuple[ActiveGuard, ...]:
    """By priority, each guard once: chosen in several places, its strictest mode holds."""
    unique: dict[str, ActiveGuard] = {}
    for where, guard in chosen:
        if where == stage and (
            guard.slug not in unique
            or STRICTNESS.index(guard.mode) > STRICTNESS.index(unique[guard.slug].mode)
        ):
            unique[guard.slug] = guard
    return tuple(sorted(unique.values(), key=lambda guard: (guard.priority, guard.slug)))


def _sees(user: Any, key: Any, slug: str) -> bool:
    return _reaches(user, key, slug, Project.objects.visible_to)


def _chats(user: Any, key: Any, slug: str) -> bool:
    return _reaches(user, key, slug, Project.objects.chattable_by)


def _reaches(user: Any, key: Any, slug: str, rows_of: Callable[[Any], Any]) -> bool:
    person = User.objects.filter(pk=user.pk, is_active=True).first()
    if person is None:
        return False
    with tenant(tenancy.scope_of(person)):
        return _key_reaches(key, slug) and rows_of(person).filter(slug=slug).exists()


def _key_reaches(key: Any, slug: str) -> bool:
    if key is None:
        return True
    slugs = KeyProject.objects.filter(key_id=key.pk).values_list("project__slug", flat=True)
    return not slugs or slug in slugs


register_listener(lambda label: _cache.clear())
