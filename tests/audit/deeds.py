"""Deeds that need more than a body: rows made ready for them, a factor, a link, a second step.

`PREPARED` is by method and route. Each makes what the deed needs in the house and gives the deed; the walk undoes both.
"""

import re
from collections.abc import Callable
from typing import Any

from django.core import mail
from django.test import Client

from accounts import notices
from accounts.models import PendingChange, TokenFamily, User
from accounts.token_actions import sign_in
from audit.models import Destination
from portal.context import Actor, acting
from portal.models import Provider, Setting
from projects.models import AccessReview
from projects.removal_actions import archive_project
from projects.review_actions import attest_line
from teams.models import CustomRole, Group
from teams.removal_actions import archive_team
from tests.accounts.codes import (
    BEGIN,
    CODES,
    ENROL,
    REMOVE,
    SET_UP,
    VERIFY,
    browser,
    code_of,
    demand,
    first_step,
    pending,
    post_code,
    secret_on,
    signed_in,
    with_factor,
)
from tests.audit.walk import Deed, Walker
from tests.cast import PASSWORD
from tests.doors.bodies import NEW_PASSWORD
from tests.doors.house import RESEARCH, House
from tests.doors.people import Person

Prepare = Callable[[Walker], Deed]

# What changes in a console's form; `_as_shown` of the doors sends all else as it is.
CHANGED: dict[str, Any] = {
    "portal.AddressRule": {"note": "A guesser"},
    "portal.Provider": {"name": "Newer"},
    "portal.Model": {"label": "Newer"},
    "accounts.Key": {"requests_per_second": 3},
    "accounts.User": {"name": "Newer"},
    "teams.Branding": {"app_name": "Newer"},
    "teams.Group": {"name": "newer"},
    "teams.GroupMapping": {"role": "admin"},
    "teams.Membership": {"role": "viewer"},
    "teams.CustomRole": {"name": "Newer"},
    "teams.Team": {"name": "Newer"},
    "guards.Guard": {"name": "Newer"},
    "guards.GuardAttachment": {"mode": "warn"},
    "projects.Project": {"description": "Newer"},
    "projects.ProjectMember": lambda house: {"user": house.cast.vera.pk},
    "projects.KeyProject": lambda house: {"project": house.second[RESEARCH].pk},
    "projects.ProjectGuard": {"mode": "warn"},
    "widget.Widget": {"name": "Newer"},
    "audit.Destination": {"name": "Newer"},
    "teams.LegalHold": {"reason": "Another court asked"},
}
ADDED: dict[str, Any] = {
    "teams.LegalHold": lambda house: {
        "held_team": house.cast.support.pk,
        "reason": "A court asked",
    },
}


def changed(house: House, label: str, table: dict[str, Any] = CHANGED) -> dict[str, Any]:
    found = table.get(label, {})
    return found(house) if callable(found) else found


def _sent(client: Client, path: str, body: Any, asks: Callable[[], Any] | None = None) -> Deed:
    return Deed(Person(client), path, body, asks=asks)


def _marco(walker: Walker) -> User:
    """As he is stored: what is undone is not undone in objects."""
    return User.objects.get(pk=walker.house.cast.marco.pk)


def _sign_in(walker: Walker) -> Deed:
    body = {"login": "marco@example.com", "password": PASSWORD}
    return _sent(Client(), "/account/login/", body)


def _sign_out(walker: Walker) -> Deed:
    client = browser(_marco(walker))
    return _sent(client, "/account/logout/", {})


def _set_up(walker: Walker) -> Deed:
    client = browser(_marco(walker))
    client.post(BEGIN)
    secret = secret_on(client.get(SET_UP))
    return _sent(client, SET_UP, None, lambda: post_code(client, code_of(secret), SET_UP))


def _with_factor(walker: Walker) -> tuple[Client, str]:
    user = _marco(walker)
    secret, _codes = with_factor(user)
    return signed_in(user, secret), secret


def _codes(walker: Walker) -> Deed:
    return _sent(_with_factor(walker)[0], CODES, {})


def _remove(walker: Walker) -> Deed:
    return _sent(_with_factor(walker)[0], REMOVE, {})


def _verify(walker: Walker) -> Deed:
    secret, _codes = with_factor(_marco(walker))
    client, _ = first_step("marco@example.com")
    return _sent(client, VERIFY, None, lambda: post_code(client, code_of(secret)))


def _enrol(walker: Walker) -> Deed:
    demand(walker.house.cast.research)
    client, _ = first_step("marco@example.com")
    client.get(ENROL)
    secret = pending(walker.house.cast.marco).secret
    return _sent(client, ENROL, None, lambda: post_code(client, code_of(secret), ENROL))


def _end(walker: Walker) -> Deed:
    return Deed(walker.house.people["looking"], "/account/impersonation/end/", {})


def _new_password(walker: Walker) -> Deed:
    Client().post("/account/password/reset/", {"email": "marco@example.com"})
    while notices.mail_due():
        pass
    bodies = [message.body for message in mail.outbox]
    link = next(
        found[0]
        for body in bodies
        if (found := re.search(r"/account/password/reset/key/\S+", body))
    )
    client = Client()
    path = client.get(link)["Location"]
    return _sent(client, path, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})


def _refresh(walker: Walker) -> Deed:
    user = _marco(walker)
    with acting(Actor("user", str(user.pk), user.email)):
        issued = sign_in(by=user, name="cli", scopes=[], mfa=False)
    assert TokenFamily.objects.filter(user=user).exists()
    return Deed(Person(), "/api/auth/token/refresh/", {"refresh": issued.refresh})


def _of_admin(walker: Walker, path: str, body: Any = None, method: str = "POST") -> Deed:
    return Deed(walker.people["admin"], path, body or {}, method)


def _provider(walker: Walker, path: str, method: str = "POST") -> Deed:
    row = Provider.objects.create(slug="idle", name="Idle", kind="offline")
    return _of_admin(walker, path.format(pk=row.pk, slug=row.slug), {"post": "yes"}, method)


def _model(walker: Walker, path: str, method: str = "POST") -> Deed:
    return _of_admin(walker, path.format(pk=walker.house.spare.pk), {"post": "yes"}, method)


def _role(walker: Walker, path: str, method: str = "POST") -> Deed:
    team = walker.house.cast.research
    row = CustomRole.objects.create(team=team, name="Idle", base="viewer")
    return _of_admin(walker, path.format(pk=row.pk), {"post": "yes"}, method)


def _archived_team(walker: Walker, path: str) -> Deed:
    team = walker.house.cast.research
    archive_team(by=walker.house.cast.admin, team=team)
    return _of_admin(walker, path.format(pk=team.pk, slug=team.slug))


def _archived_project(walker: Walker, path: str) -> Deed:
    project = walker.house.cast.assistant
    archive_project(by=walker.house.cast.admin, project=project)
    return _of_admin(walker, path.format(pk=project.pk, slug=project.slug))


def _reviewed(walker: Walker, path: str) -> Deed:
    review = walker.house.row(AccessReview, RESEARCH)
    admin = walker.house.cast.admin
    with acting(Actor("user", str(admin.pk), admin.email)):
        for line in review.lines.filter(decided_at__isnull=True):
            attest_line(by=admin, line=line, note="")
    return _of_admin(walker, path.format(pk=review.pk, uid=review.uid))


def _running(walker: Walker) -> Deed:
    row = walker.house.row(Destination, RESEARCH)
    Destination.objects.filter(pk=row.pk).update(is_paused=False)
    return _of_admin(walker, f"/admin/audit/destination/{row.pk}/pause/")


WHY = "Asked for by the board in spring"


def _proposal(walker: Walker, path: str) -> Deed:
    """A change that weakens, proposed by another platform admin for a reason."""
    Setting.objects.create(name="two_person_rule", value=True)
    User.objects.filter(pk=walker.house.cast.sam.pk).update(is_superuser=True)
    other = Person(walker.people["foreign"].client, {"X-Change-Reason": WHY})
    answer = other.ask("PATCH", "/api/teams/research/", {"content_hours": 1})
    assert answer.status_code == 202, answer.content
    change = PendingChange.objects.latest("id")
    return _of_admin(walker, path.format(pk=change.pk, uid=change.uid))


def _group(walker: Walker) -> Deed:
    row = Group.objects.create(name="by hand")
    return _of_admin(walker, f"/api/groups/{row.pk}/", {"name": "newer"}, "PUT")


PREPARED: dict[str, Prepare] = {
    "POST account/login/": _sign_in,
    "POST account/logout/": _sign_out,
    "POST account/second-factor/set-up/": _set_up,
    "POST account/second-factor/codes/": _codes,
    "POST account/second-factor/remove/": _remove,
    "POST account/second-factor/verify/": _verify,
    "POST account/second-factor/enrol/": _enrol,
    "POST account/impersonation/end/": _end,
    "POST account/password/reset/key/{uidb36}-{key}/": _new_password,
    "POST api/auth/token/refresh/": _refresh,
    "POST admin/portal/provider/{object_id}/delete/": lambda walker: _provider(
        walker, "/admin/portal/provider/{pk}/delete/"
    ),
    "DELETE api/providers/{slug}/": lambda walker: _provider(
        walker, "/api/providers/{slug}/", "DELETE"
    ),
    "POST admin/portal/model/{object_id}/delete/": lambda walker: _model(
        walker, "/admin/portal/model/{pk}/delete/"
    ),
    "DELETE api/models/{pk}/": lambda walker: _model(walker, "/api/models/{pk}/", "DELETE"),
    "POST admin/teams/customrole/{object_id}/delete/": lambda walker: _role(
        walker, "/admin/teams/customrole/{pk}/delete/"
    ),
    "DELETE api/custom-roles/{pk}/": lambda walker: _role(
        walker, "/api/custom-roles/{pk}/", "DELETE"
    ),
    "POST admin/teams/team/{object_id}/unarchive/": lambda walker: _archived_team(
        walker, "/admin/teams/team/{pk}/unarchive/"
    ),
    "POST api/teams/{slug}/unarchive/": lambda walker: _archived_team(
        walker, "/api/teams/{slug}/unarchive/"
    ),
    "POST admin/projects/project/{object_id}/unarchive/": lambda walker: _archived_project(
        walker, "/admin/projects/project/{pk}/unarchive/"
    ),
    "POST api/projects/{slug}/unarchive/": lambda walker: _archived_project(
        walker, "/api/projects/{slug}/unarchive/"
    ),
    "POST admin/projects/accessreview/{pk}/close/": lambda walker: _reviewed(
        walker, "/admin/projects/accessreview/{pk}/close/"
    ),
    "POST api/access-reviews/{uid}/close/": lambda walker: _reviewed(
        walker, "/api/access-reviews/{uid}/close/"
    ),
    "PUT api/groups/{pk}/": _group,
    "POST admin/audit/destination/{object_id}/pause/": _running,
    "POST admin/accounts/pendingchange/{object_id}/approve/": lambda walker: _proposal(
        walker, "/admin/accounts/pendingchange/{pk}/approve/"
    ),
    "POST api/pending-changes/{uid}/approve/": lambda walker: _proposal(
        walker, "/api/pending-changes/{uid}/approve/"
    ),
}
