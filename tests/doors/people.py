"""Everybody who knocks: what they present at a door, as their browser or program would."""

from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from teams.models import CustomRole, Membership
from tests.cast import Cast, new_user
from widget.models import Widget

PORTAL = {"origin": "http://testserver"}  # where a widget's preview stands


@dataclass
class Person:
    """`ask` leaves the browser as it was: what a page puts into a cookie goes with the rest."""

    client: Client = field(default_factory=Client)
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None) -> HttpResponse:
        """A dictionary goes as a form, or as JSON to the interfaces."""
        cookies = SimpleCookie(self.client.cookies.output(header="", sep="; "))
        programs = (
            path.startswith(("/api/", "/permissions/", "/v1/", "/widget/")) and method != "GET"
        )
        sent = (body, "application/json") if programs else (body,)
        headers = {**self.headers, **(PORTAL if path.startswith("/widget/") else {})}
        try:
            return getattr(self.client, method.lower())(path, *sent, headers=headers)
        finally:
            self.client.cookies = cookies


def _browser(user: User) -> Person:
    person = Person()
    person.client.force_login(user)
    return person


def _program(cast: Cast, user: User, **options: Any) -> Person:
    return Person(headers=cast.bearer(user, requests_per_second=1000, **options))


def _inactive() -> Person:
    """With the session from before."""
    user = new_user("ida", is_superuser=True)
    person = _browser(user)
    user.is_active = False
    user.save()
    return person


def _looking(cast: Cast) -> Person:
    person = _browser(new_user("ada", is_superuser=True))
    wanted = {"reason": "Ticket 4711: a page is missing", "minutes": "15"}
    answer = person.client.post(f"/admin/accounts/user/{cast.marco.pk}/impersonate/", wanted)
    assert answer.status_code == 302
    return person


def _visitor(cast: Cast) -> Person:
    widget = Widget.objects.create(project=cast.assistant, name="Chat")
    body = {"key": widget.public_id}
    got = Client().post("/widget/v1/session", body, "application/json", headers=PORTAL).json()
    return Person(headers={"authorization": f"Bearer {got['token']}"})


KEPT = (
    "portal.use_console",
    "projects.view_project",
    "projects.change_project",
    "accounts.view_user",
)


def _custom(cast: Cast) -> User:
    """Administers the team, but may look after its projects only."""
    user = new_user("nora")
    role = CustomRole.objects.create(
        team=cast.research, name="Project keeper", base="admin", permissions=list(KEPT)
    )
    Membership.objects.create(team=cast.research, user=user, role="admin", custom_role=role)
    return user


def everybody(cast: Cast) -> dict[str, Person]:
    """By the names that the tables use; research is the team of most of them."""
    return {
        "stranger": Person(),
        "inactive": _inactive(),
        "teamless": _browser(new_user("tom")),
        "restricted": _browser(cast.rita),
        "viewer": _browser(cast.vera),
        "member": _browser(cast.marco),
        "lead": _browser(cast.adam),  # admin of the team
        "owner": _browser(cast.olivia),
        "custom": _browser(_custom(cast)),  # a part of what a team admin may
        "foreign": _browser(cast.sam),  # owner of another team
        "auditor": _browser(cast.auditor),
        "admin": _browser(cast.admin),  # of the platform
        "looking": _looking(cast),  # the platform admin as the member, read-only
        "key": _program(cast, cast.marco),  # of the member, with all that they may
        "chat-key": _program(cast, cast.marco, scopes=["chat"]),
        "confined-key": _program(cast, cast.marco, projects=["drafts"]),
        "visitor": _visitor(cast),
    }
