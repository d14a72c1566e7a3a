"""The demo organisation: two teams, six people, five guards, three projects, and a week of usage marked as demo data."""

import random
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from guards.defaults import ensure_default_guards
from guards.models import Mode, Stage
from portal.actions import ensure_offline_model
from portal.models import Model
from projects.models import Exchange, Project, ProjectGuard, ProjectMember, Visibility
from teams.models import Grant, Membership, Team

DOMAIN = "example.com"


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    label: str
    flags: dict[str, bool]
    role: tuple[str, str] | None


PEOPLE = (
    Person("auditor", "Audrey Auditor", {"is_auditor": True}, None),
    Person("olivia", "Olivia Owner", {}, ("research", "owner")),
    Person("marco", "Marco Member", {}, ("research", "member")),
    Person("rita", "Rita Restricted", {"is_restricted": True}, ("research", "member")),
    Person("sam", "Sam Support", {}, ("support", "owner")),
)


@transaction.atomic
def load_organisation() -> dict[str, str]:
    """Creates what is missing of the demo organisation; returns the passwords of the people it created, by e-mail."""
    passwords: dict[str, str] = {}
    admin = _person(settings.ADMIN_EMAIL, "Ada Admin", {"is_superuser": True}, passwords)
    research, _ = Team.objects.get_or_create(slug="research", defaults={"name": "Research"})
    support, _ = Team.objects.get_or_create(slug="support", defaults={"name": "Support"})
    teams = {"research": research, "support": support}
    people = {"admin": admin}
    for person in PEOPLE:
        email = f"{person.name}@{DOMAIN}"
        people[person.name] = user = _person(email, person.label, person.flags, passwords)
        if person.role:
            slug, role = person.role
            Membership.objects.get_or_create(team=teams[slug], user=user, defaults={"role": role})
    model = ensure_offline_model()
    for team in teams.values():
        Grant.objects.get_or_create(team=team, model=model)
    guards = {guard.slug: guard for guard in ensure_default_guards()}
    assistant = _project("assistant", "Assistant", research, model, Visibility.PUBLIC)
    drafts = _project("drafts", "Drafts", research, model, Visibility.PRIVATE)
    helpdesk = _project("helpdesk", "Helpdesk", support, model, Visibility.PUBLIC)
    ProjectMember.objects.get_or_create(project=assistant, user=people["rita"])
    ProjectMember.objects.get_or_create(project=drafts, user=people["marco"])
    for project in (assistant, helpdesk):
        for slug, stage, mode in GUARDED:
            ProjectGuard.objects.get_or_create(
                project=project, guard=guards[slug], stage=stage, defaults={"mode": mode}
            )
    for slug, stage, mode in GUARDED[-1:]:
        ProjectGuard.objects.get_or_create(
            project=drafts, guard=guards[slug], stage=stage, defaults={"mode": mode}
        )
    return passwords


GUARDED = (
    ("limits", Stage.INPUT, Mode.BLOCK),
    ("personal-data", Stage.INPUT, Mode.REDACT),
    ("prompt-injection", Stage.INPUT, Mode.BLOCK),
    ("secrets", Stage.OUTPUT, Mode.BLOCK),
)

DESCRIPTIONS = {
    "assistant": "Ask anything about your work; personal data is removed before it reaches the model.",
    "drafts": "Marco's private space for drafts.",
    "helpdesk": "Answers for customers, on our site and here.",
}
PROMPTS = {
    "assistant": "You help the people of the research team. Be brief and precise.",
    "drafts": "You help to write. Keep the author's tone.",
    "helpdesk": "You answer questions of customers. Be friendly, and say so when you do not know.",
}


def _person(email: str, name: str, flags: dict[str, bool], passwords: dict[str, str]) -> User:
    user = User.objects.filter(email=email.lower()).first()
    if user is not None:
        return user
    given = settings.ADMIN_PASSWORD if flags.get("is_superuser") else ""
    password = given or "-".join(secrets.token_hex(3) for _ in range(4))
    user = User(email=email.lower(), name=name, **flags)
    user.set_password(password)
    user.save()
    passwords[user.email] = "(as set in PORTAL_ADMIN_PASSWORD)" if given else password
    return user


def _project(slug: str, name: str, team: Team, model: Model, visibility: Any) -> Project:
    project, _ = Project.objects.get_or_create(
        slug=slug,
        defaults={
            "name": name,
            "team": team,
            "model": model,
            "visibility": visibility,
            "description": DESCRIPTIONS[slug],
            "system_prompt": PROMPTS[slug],
        },
    )
    return project


OUTCOMES: tuple[tuple[str, int, str, str, list[str]], ...] = (
    ("answered", 200, "", "", []),
    ("answered", 200, "redact", "input", ["personal-data"]),
    ("blocked_input", 200, "block", "input", ["prompt-injection"]),
    ("blocked_output", 200, "block", "output", ["secrets"]),
    ("provider_timeout", 504, "", "", []),
    ("rate_limited", 429, "", "", []),
)
WEIGHTS = (80, 11, 4, 1, 2, 2)
ASKERS: dict[str, tuple[str, ...]] = {
    "assistant": ("olivia", "marco", "rita"),
    "drafts": ("marco",),
    "helpdesk": ("sam",),
}


def load_usage() -> int:
    """A week of believable usage, once: office hours, quiet nights, each row marked as demo data. Returns the rows."""
    if Exchange.objects.filter(is_demo=True).exists():
        return 0
    dice = random.Random(2026)  # noqa: S311 - the same believable week on every machine
    projects = Project.objects.filter(slug__in=ASKERS).select_related("model__provider")
    people = {user.email.split("@")[0]: user for user in User.objects.filter(is_superuser=False)}
    now = timezone.now()
    rows = [
        _exchange(dice, project, people[dice.choice(ASKERS[project.slug])], moment)
        for project in projects
        for moment in _moments(dice, now)
    ]
    rows.sort(key=lambda row: row.created_at)
    return len(Exchange.objects.bulk_create(rows, batch_size=200))


def _moments(dice: random.Random, now: datetime) -> list[datetime]:
    found = []
    for days_ago in range(7, 0, -1):
        day = (now - timedelta(days=days_ago)).replace(minute=0, second=0, microsecond=0)
        busy = 25 if day.weekday() < 5 else 5
        for _ in range(dice.randint(busy // 2, busy)):
            hour = min(23, max(0, round(dice.gauss(13, 3))))
            found.append(
                day.replace(hour=hour, minute=dice.randrange(60), second=dice.randrange(60))
            )
    return [moment for moment in found if moment < now]


def _exchange(dice: random.Random, project: Project, user: Any, moment: datetime) -> Exchange:
    outcome, status, action, stage, guards = dice.choices(OUTCOMES, WEIGHTS)[0]
    asked = outcome in {"answered", "blocked_output"}
    latency = max(40, round(dice.gauss(900, 350))) if asked else dice.randrange(2, 30)
    return Exchange(
        created_at=moment,
        closed_at=moment + timedelta(milliseconds=latency),
        door=dice.choices(Exchange.Door.values[:3], (6, 2, 2))[0],
        outcome=outcome,
        status=status,
        project=project,
        project_slug=project.slug,
        team_id=project.team_id,
        user=user,
        provider_slug=project.model.provider.slug,
        model_name=project.model.name,
        streamed=dice.random() < 0.7,
        prompt_tokens=dice.randrange(20, 900) if asked else 0,
        completion_tokens=dice.randrange(10, 600) if asked else 0,
        tokens_estimated=asked,
        cost=Decimal(0),
        latency_ms=latency,
        first_token_ms=latency // 4 if asked else None,
        guard_action=action,
        guard_stage=stage,
        guards=guards,
        is_demo=True,
    )
