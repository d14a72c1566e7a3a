"""The door of the difference between two days."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import fresh
from portal.long_answers import file_of
from portal.spreadsheets import line
from portal.tenancy import scope_of, tenant
from projects.access import pages
from projects.access.actions import begin_history_export
from projects.access.asking import AccessView, selection_of
from projects.access.body import Within, allowed_transactions
from projects.access.differences import Difference
from projects.access.history import History, Only, emails, moment
from projects.access.reaches import Row
from projects.access.schema import word

PAGE, LARGEST_PAGE, IN_FILE = 100, 500, 500  # people whose rows differ
HEADER = (
    *("change", "user", "email", "project", "team"),
    *("role_before", "custom_role_before", "via_before", "chats_before", "open_before"),
    *("role_after", "custom_role_after", "via_after", "chats_after", "open_after"),
)
NOW = "now"
Json = dict[str, Any]


class HistoryAskedSerializer(serializers.Serializer):
    """The query. `from` is no name that Python knows, so the fields are made by `get_fields`."""

    to = serializers.CharField(required=False, default=NOW)
    team = word(64)
    user = word(254)
    project = word(64)
    cursor = word(40)
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=LARGEST_PAGE, default=PAGE
    )
    format = serializers.ChoiceField(["json", "csv"], required=False, default="json")

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateField(), **super().get_fields()}

    def validate_to(self, text: str) -> Any:
        return None if text in (NOW, "") else serializers.DateField().run_validation(text)


class MomentSerializer(serializers.Serializer):
    snapshot = serializers.DateField(allow_null=True, help_text="The day that was used; null: now.")
    taken_at = serializers.DateTimeField(allow_null=True)


class PastRowSerializer(serializers.Serializer):
    user = serializers.IntegerField()
    email = serializers.EmailField(allow_null=True, help_text="Null: this person exists no longer.")
    project = serializers.CharField()
    team = serializers.CharField()
    role = serializers.CharField()
    custom_role = serializers.CharField(allow_null=True)
    via = serializers.CharField()
    chats = serializers.BooleanField()
    open = serializers.BooleanField()


class PastChangeSerializer(serializers.Serializer):
    before = PastRowSerializer()
    after = PastRowSerializer()


class HistorySerializer(serializers.Serializer):
    to = MomentSerializer()
    gained = PastRowSerializer(many=True)
    lost = PastRowSerializer(many=True)
    changed = PastChangeSerializer(many=True)
    next = serializers.CharField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        return {"from": MomentSerializer(), **super().get_fields()}


class HistoryView(AccessView):
    """Opens its transactions itself: a file is written while it is being read."""

    own_transactions = True

    @extend_schema(
        operation_id="permissions_changes",
        summary="What people gained and lost between two days",
        description=(
            "Compares nightly snapshots; each day is that of the nearest snapshot at or before it, which the answer names. "
            "Owners and team admins see their teams. `format=csv` is all of it as one file, for a person who signed in "
            "or confirmed within 15 minutes; a key never is. A page may be empty and have a next one."
        ),
        parameters=[
            OpenApiParameter(
                "from",
                str,
                required=True,
                description="A day.",
                examples=[OpenApiExample("a day", value="2026-11-02")],
            ),
            OpenApiParameter("to", str, description="A day, or `now`, which is the default."),
            OpenApiParameter("team", str, description="A team's slug."),
            OpenApiParameter(
                "user", str, description="A person's e-mail address, or id if they exist no longer."
            ),
            OpenApiParameter("project", str, description="A project's slug."),
            OpenApiParameter("cursor", str, description="From `next`: the page after."),
            OpenApiParameter("limit", int, description="People on a page: 100 by default."),
            OpenApiParameter("format", str, enum=["json", "csv"], description="`csv`: all of it."),
        ],
        responses=HistorySerializer,
    )
    def get(self, request: Request) -> HttpResponseBase:
        asked = HistoryAskedSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        scope = scope_of(request.user)
        with tenant(scope):
            selection = selection_of(request)
            history = History(selection, since=wanted["from"], until=wanted["to"])
            only = history.only(**{name: wanted[name] for name in ("team", "user", "project")})
            if wanted["format"] == "json":
                after = pages.place_of(wanted["cursor"])
                return Response(page_of(history, only, after=after, limit=wanted["limit"]))
            fresh.require(request._request)
            begin_history_export(by=request.user, before=history.before, after=history.after)

        within = allowed_transactions(request, selection, scope)
        name = f"access-changes-{history.before.day}.csv"
        return file_of(_lines(history, only, within), caller=request.auth, name=name)


def page_of(history: History, only: Only, *, after: int, limit: int) -> Json:
    page = history.page(only, after=after, limit=limit)
    names = emails(page.found)

    def shown(row: Row) -> Json:
        email = names.get(row.user)
        return {**row._asdict(), "email": email, "custom_role": row.custom_role or None}

    return {
        "from": moment(history.before),
        "to": moment(history.after),
        "gained": [shown(row) for one in page.found for row in one.gained],
        "lost": [shown(row) for one in page.found for row in one.lost],
        "changed": [
            {"before": shown(old), "after": shown(new)}
            for one in page.found
            for old, new in one.changed
        ],
        "next": pages.cursor_at(page.last) if page.last is not None else None,
    }


def _lines(history: History, only: Only, within: Within) -> Iterator[str]:
    """The file in pieces: a page of people is read in each transaction."""
    yield line(HEADER)
    after: int | None = 0
    while after is not None:
        with within():
            page = history.page(only, after=after, limit=IN_FILE)
            names = emails(page.found)
        if page.found:
            yield "".join(_of_person(one, names.get(one.user, "")) for one in page.found)
        after = page.last


def _of_person(one: Difference, email: str) -> str:
    rows: list[tuple[str, Row | None, Row | None]] = [
        *(("gained", None, row) for row in one.gained),
        *(("lost", row, None) for row in one.lost),
        *(("changed", old, new) for old, new in one.changed),
    ]
    return "".join(
        line((word, one.user, email, row.project, row.team, *_side(old), *_side(new)))
        for word, old, new in rows
        if (row := new or old) is not None
    )


def _side(row: Row | None) -> tuple[str, ...]:
    if row is None:
        return ("",) * 5
    yes = {True: "yes", False: "no"}
    return (row.role, row.custom_role, row.via, yes[row.chats], yes[row.open])
