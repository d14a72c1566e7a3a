"""What the doors lead to: a row of everything in research and its like in support, with nobody's beside them."""

import copy
from typing import Any

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone

from accounts.models import Key, PendingChange, Session, TokenFamily, User
from accounts.token_actions import sign_in
from guards.models import Guard
from portal.context import Actor, acting
from portal.models import Model
from portal.route_classes import routes
from projects.access.snapshots import take_snapshot
from projects.models import AccessReview, Conversation, Exchange, Project
from projects.review_actions import open_review
from teams.models import Branding, Grant, Group, LegalHold, Membership, Team, TeamArchive
from tests.cast import Cast
from tests.console.test_doors import rows
from tests.console.test_query_counts import vary
from tests.doors.notation import plain
from tests.doors.people import everybody
from widget.models import Widget

RESEARCH, SUPPORT, NOBODY = "research", "support", "nobody"
NOBODYS = {"object_id": "987654321", "pk": "987654321", "slug": "nowhere", "uid": "f" * 32}
NOBODYS |= {"public_id": "f" * 12, "version": "0" * 12, "key": "zz", "uidb36": "zz"}
NOBODYS |= {"line": "987654321", "name": "nowhere", "kind": "png"}
# Rows that people find by another name than their number.
NAMES = {AccessReview: "uid", Project: "slug", Team: "slug", Guard: "slug", Key: "public_id"}
NAMES |= {Exchange: "uid", Conversation: "uid", Session: "uid", TokenFamily: "uid"}
ACCOUNTS = {"keys": Key, "sessions": Session, "programs": TokenFamily, "teams": Team}
# Every route, as the tables write it, with its view.
ROUTES = {plain(route): view for route, _kind, view in routes()}


class House:
    """`row(model, whose)` is research's row or support's; of people's own things, the member's and sam's."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.people = everybody(cast)
        self._rows: dict[tuple[Any, str], Any] = {}
        found = rows(cast)
        self._known(Team, cast.research, cast.support)
        self._known(Project, cast.assistant, cast.helpdesk)
        self._known(User, cast.marco, cast.sam)
        self._known(Membership, *(user.memberships.get() for user in (cast.marco, cast.sam)))
        self._known(Grant, cast.research.grants.get(), cast.support.grants.get())
        guards = [
            Guard.objects.create(slug=f"own-{team.slug}", name="Own", kind="words", team=team)
            for team in (cast.research, cast.support)
        ]
        self._known(Guard, *guards)
        cast.key(cast.sam)
        self._known(Key, cast.marco.keys.first(), cast.sam.keys.first())
        for user, whose in ((cast.marco, RESEARCH), (cast.sam, SUPPORT)):
            with acting(Actor("user", str(user.pk), user.email)):
                sign_in(by=user, name="cli", scopes=[], mfa=False)
            self._rows[TokenFamily, whose] = user.token_families.first()
            self._rows[Session, whose] = user.sessions.latest("created_at")
        self.spare = Model.objects.create(provider=cast.model.provider, name="spare")
        self.spare_group = Group.objects.create(name="spare")
        self.widget = Widget.objects.first()
        # Without a branding and without members, to be given some.
        fresh = {"name": "Second", "model": cast.model, "visibility": "private"}
        self.second = {
            team.slug: Project.objects.create(slug=f"second-{team.slug}", team=team, **fresh)
            for team in (cast.research, cast.support)
        }
        self._second_teams(cast)
        talk = Conversation.objects.get()
        self._known(Conversation, talk, self._talk(cast))
        waiting = PendingChange.objects.get()
        self._known(PendingChange, waiting, self._waiting(waiting))
        hold = LegalHold.objects.get()
        self._known(LegalHold, hold, hold)  # another would keep support's rows from going
        archive = TeamArchive.objects.get()
        self._known(TeamArchive, archive, archive)
        today = timezone.localdate()
        self._known(
            AccessReview,
            AccessReview.objects.get(),
            open_review(by=cast.sam, team=cast.support, due_on=today),
        )
        for branding in Branding.objects.all():
            branding.accent, branding.logo, branding.logo_hash = "#1f5c7a", b"png", "0" * 12
            branding.logo_kind = "png"
            branding.save()
            found[Branding] = branding
        for model, row in found.items():
            self._rows.setdefault((model, RESEARCH), row)
        for model in found:
            self.row(model, SUPPORT)
        self.day = str(take_snapshot().day)

    def _second_teams(self, cast: Cast) -> None:
        """Of the same owners, and people of theirs who are not in them yet."""
        sue = User.objects.create(email="sue@example.com")
        Membership.objects.create(team=cast.support, user=sue, role="member")
        self.second_person = {RESEARCH: cast.marco, SUPPORT: sue}
        self.second_team = {
            RESEARCH: Team.objects.create(slug="lab", name="Lab"),
            SUPPORT: Team.objects.create(slug="shop", name="Shop"),
        }
        for whose, user, role in (
            (RESEARCH, cast.olivia, "owner"),
            (RESEARCH, cast.adam, "admin"),
            (SUPPORT, cast.sam, "owner"),
        ):
            Membership.objects.create(team=self.second_team[whose], user=user, role=role)

    def _waiting(self, like: PendingChange) -> PendingChange:
        """Proposed by sam, who can withdraw it and does not decide it."""
        return PendingChange.objects.create(
            target_model=like.target_model,
            target_id=self.cast.support.pk,
            team_id=self.cast.support.pk,
            verb=like.verb,
            reason="To look at it",
            content=like.content,
            proposed_by=self.cast.sam,
            expires_at=like.expires_at,
        )

    def _talk(self, cast: Cast) -> Conversation:
        return Conversation.objects.create(project=cast.helpdesk, user=cast.sam)

    def _known(self, model: Any, own: Any, foreign: Any) -> None:
        self._rows[model, RESEARCH], self._rows[model, SUPPORT] = own, foreign

    def row(self, model: Any, whose: str) -> Any:
        """The same row for both where it is of no team and nobody."""
        if (model, whose) not in self._rows:
            self._rows[model, whose] = self._like(self._rows[model, RESEARCH])
        return self._rows[model, whose]

    def _like(self, row: Any) -> Any:
        """Support's row like this one of research: what it refers to is support's too."""
        new, is_moved = copy.copy(row), False
        new._state = copy.copy(row._state)
        new._state.adding = True
        for field in row._meta.concrete_fields:
            if field.name == "team_id" and not field.is_relation:
                new.team_id, is_moved = self.cast.support.pk, True
            elif field.is_relation and getattr(row, field.attname) is not None:
                target = field.related_model
                there = self.row(target, SUPPORT) if self._is_moving(target) else None
                if there is not None and there != getattr(row, field.name):
                    setattr(new, field.name, there)
                    is_moved = True
            elif field.primary_key:
                setattr(new, field.attname, None)
            elif field.unique:
                vary(new, field, 1)
        if not is_moved:
            return row
        models.Model.save(new, force_insert=True)
        return new

    def _is_moving(self, model: Any) -> bool:
        return (model, RESEARCH) in self._rows

    def arguments(self, route: str, whose: str) -> dict[str, str]:
        """What stands in the address, by the names of the route."""
        given = {name: value for name, value in NOBODYS.items() if f"{{{name}}}" in route}
        given |= {"app_label": "projects"} if "{app_label}" in route else {}
        given |= {"url": "nowhere/"} if "{url}" in route else {}
        if "{content_type_id}" in route:
            given["content_type_id"] = str(ContentType.objects.get_for_model(Project).pk)
        if whose == NOBODY:
            return given
        special = self._special(route, whose)
        if special is not None:
            return given | special
        model = self.model_of(route) if given else None
        if model is not None and "{app_label}" not in route:
            name = next(name for name in given if name != "content_type_id")
            row = self.row(model, whose)
            given[name] = str(
                row.pk if name in ("object_id", "pk") else getattr(row, NAMES.get(model, name))
            )
        return given

    def _special(self, route: str, whose: str) -> dict[str, str] | None:
        team = self.row(Team, whose)
        if route.startswith("branding/"):
            from teams.branding import digest

            row = self.row(Branding, whose)
            version = digest(row) if route.endswith(".css") else row.logo_hash
            return {"slug": team.slug, "version": version, "kind": "png"}
        if route.startswith("widget/v1/logo/"):
            widget, version = self.row(Widget, whose), self.row(Branding, whose).logo_hash
            return {"public_id": widget.public_id, "version": version, "kind": "png"}
        if route.startswith("playground/"):
            talk = self.row(Conversation, whose)
            given = {"slug": talk.project.slug, "uid": talk.uid}
            return {name: given[name] for name in given if f"{{{name}}}" in route}
        if "{line}" in route:
            review = self.row(AccessReview, whose)
            line = review.lines.filter(role="member").first() or review.lines.first()
            return {"pk": str(review.pk), "uid": review.uid, "line": str(line.pk)}
        if route == "widget/loader.{version}.js":
            from widget.views import _script

            return {"version": _script()[1]}
        return None

    def model_of(self, route: str) -> Any:
        """The model whose row the address names."""
        words = route.split("/")
        if words[0] == "admin" and words[1] == "r":
            return Project
        if words[0] == "admin":
            return _console_model(words[1], words[2]) if len(words) > 3 else None
        if words[0] == "account":
            return ACCOUNTS.get(words[1])
        if route.startswith("api/projects/{slug}/"):
            return Project
        view = getattr(ROUTES[route], "cls", None)
        queryset = getattr(view, "queryset", None)
        return queryset.model if queryset is not None else None


def _console_model(app: str, name: str) -> Any:
    for model in admin.site._registry:
        if (model._meta.app_label, model._meta.model_name) == (app, name):
            return model
    return None
