"""The small cast that tests remember: who they are, what they own, and the keys they hold."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from accounts.actions import create_key
from accounts.models import User
from guards.defaults import ensure_default_guards
from guards.models import Guard
from portal.actions import ensure_offline_model
from portal.models import Model, Provider
from projects.models import Project, ProjectGuard, ProjectMember
from teams.models import Grant, Membership, Team

PASSWORD = "correct-horse-battery-9"


@dataclass
class Cast:
    """olivia owns research, where adam is admin, marco member, vera viewer, rita restricted; sam owns support."""

    admin: User
    auditor: User
    olivia: User
    adam: User
    marco: User
    vera: User
    rita: User
    sam: User
    research: Team
    support: Team
    model: Model
    assistant: Project
    drafts: Project
    helpdesk: Project
    guards: dict[str, Guard]

    def key(self, user: User, **options: Any) -> str:
        """The plaintext of a new key of this person."""
        return create_key(by=user, user=user, name="test", **options)[1]

    def bearer(self, user: User, **options: Any) -> dict[str, str]:
        """Headers for the test client."""
        return {"authorization": f"Bearer {self.key(user, **options)}"}

    def attach(self, project: Project, slug: str, stage: str, mode: str = "") -> ProjectGuard:
        return ProjectGuard.objects.create(
            project=project, guard=self.guards[slug], stage=stage, mode=mode
        )


def new_user(name: str, **flags: bool) -> User:
    user = User(email=f"{name}@example.com", name=name.title(), **flags)
    user.set_password(PASSWORD)
    user.save()
    return user


def build_cast() -> Cast:
    """Creates everybody; the assistant is guarded as in the demo organisation."""
    people = {name: new_user(name) for name in ("olivia", "adam", "marco", "vera", "sam")}
    people |= {
        "admin": new_user("admin", is_superuser=True),
        "auditor": new_user("auditor", is_auditor=True),
        "rita": new_user("rita", is_restricted=True),
    }
    research = Team.objects.create(slug="research", name="Research")
    support = Team.objects.create(slug="support", name="Support")
    for name, role in (
        ("olivia", "owner"),
        ("adam", "admin"),
        ("marco", "member"),
        ("vera", "viewer"),
        ("rita", "member"),
    ):
        Membership.objects.create(team=research, user=people[name], role=role)
    Membership.objects.create(team=support, user=people["sam"], role="owner")
    model = ensure_offline_model()
    for team in (research, support):
        Grant.objects.create(team=team, model=model)
    projects = {
        slug: Project.objects.create(
            slug=slug, name=slug.title(), team=team, model=model, visibility=visibility
        )
        for slug, team, visibility in (
            ("assistant", research, "public"),
            ("drafts", research, "private"),
            ("helpdesk", support, "public"),
        )
    }
    ProjectMember.objects.create(project=projects["assistant"], user=people["rita"])
    ProjectMember.objects.create(project=projects["drafts"], user=people["marco"])
    guards = {guard.slug: guard for guard in ensure_default_guards()}
    cast = Cast(
        **people, research=research, support=support, model=model, **projects, guards=guards
    )
    cast.attach(cast.assistant, "limits", "input")
    cast.attach(cast.assistant, "personal-data", "input", "redact")
    cast.attach(cast.assistant, "prompt-injection", "input", "block")
    cast.attach(cast.assistant, "secrets", "output", "block")
    return cast


def connect(cast: Cast, server: Any, **prices: str) -> Model:
    """Points all projects of research at the test's own model server; `input`/`output` prices per million."""
    provider = Provider(slug="server", name="Server", kind="openai", base_url=server.base_url)
    provider.read_timeout_s = 2.0
    provider.set_secret("sk-test-0123456789abcdef")
    provider.save()
    model = Model.objects.create(
        provider=provider,
        name="test-model",
        input_price_per_million=Decimal(prices.get("input", "1")),
        output_price_per_million=Decimal(prices.get("output", "2")),
    )
    Grant.objects.create(team=cast.research, model=model)
    for project in (cast.assistant, cast.drafts):
        project.model = model
        project.save()
    return model
