"""The door of the exports."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from audit.api_filters import PARAMETERS, ReadsTrail, search_of
from audit.export import FORMATS, PERSONAL, begin_export, lines
from audit.paging import Reader
from portal import sensitive
from portal.errors import Refusal
from portal.long_answers import file_of
from portal.tenancy import Scope, scope_of, tenant

WANTED = [
    OpenApiParameter("format", str, enum=list(FORMATS), description="`csv` by default."),
    OpenApiParameter(
        "personal",
        bool,
        description="Names, addresses and sealed values too; for platform admins and auditors.",
    ),
]
EXAMPLES = [
    OpenApiExample(
        "CSV",
        value="id,created_at,action,outcome\r\n1,2026-11-26T09:57:57.000000+00:00,create,done\r\n",
        media_type="text/csv",
        response_only=True,
    ),
    OpenApiExample(
        "JSON lines",
        value='{"id": 1, "created_at": "2026-11-26T09:57:57.000000+00:00", "action": "create"}\n',
        media_type="application/x-ndjson",
        response_only=True,
    ),
]


class ExportView(APIView):
    """Opens its transactions itself: the file is written while it is being read."""

    own_transactions = True
    permission_classes = [ReadsTrail]
    read_scope = write_scope = "audit:read"

    @extend_schema(
        operation_id="audit_entries_export",
        summary="The filtered trail as a file",
        description=(
            "CSV, JSON lines or OCSF 1.3 events, oldest first, for a person who signed in or confirmed within 15 "
            "minutes; a key never is. Personal data is masked unless it is asked for. The export is in the trail."
        ),
        parameters=[*PARAMETERS, *WANTED],
        examples=EXAMPLES,
        responses={
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/x-ndjson"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        kind = request.query_params.get("format") or "csv"
        if kind not in FORMATS:
            raise Refusal("validation_failed", fields={"format": [_("csv, jsonl or ocsf.")]})
        personal = request.query_params.get("personal") in ("1", "true", "on", "yes")
        user, scope = request.user, scope_of(request.user)
        sensitive.require_fresh(request._request)
        with tenant(scope):
            search = search_of(request)
            reader = Reader(user, search)
            end = begin_export(by=user, reader=reader, kind=kind, personal=personal)
        pieces = lines(
            lambda: Reader(user, search),
            end=end,
            kind=kind,
            personal=personal,
            within=_allowed(user, scope, personal=personal),
        )
        _words, ending, content_type = FORMATS[kind]
        name = f"trail-{timezone.localdate():%Y-%m-%d}.{ending}"
        return file_of(pieces, caller=request.auth, name=name, kind=content_type)


def _allowed(user: Any, scope: Scope, *, personal: bool) -> Any:
    """The short transactions of the file, each of which asks anew whether this person still may."""
    people = get_user_model()._default_manager

    @contextmanager
    def within() -> Iterator[None]:
        with tenant(scope):
            by = people.filter(pk=user.pk, is_active=True).first()
            if by is None or not by.has_perm("audit.view_entry"):
                raise Refusal("permission_denied")
            if personal and not by.has_perm(PERSONAL):
                raise Refusal("permission_denied")
            yield

    return within
