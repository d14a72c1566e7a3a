"""The resource `audit-entries`: read only, by cursor."""

import logging
import re
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from audit import labels
from audit.api_filters import PARAMETERS, refuse_keys_of_projects, search_of
from audit.models import Entry
from audit.paging import Reader
from audit.proofs import NotProvable, Proofs
from audit.verifier import Problem
from portal.api import ReadViewSet
from portal.errors import Refusal

logger = logging.getLogger("audit.verifying")

_CURSOR = re.compile(r"([ab])(\d{1,18})")


class EntrySerializer(serializers.ModelSerializer):
    """Personal values in `changes` stay sealed here."""

    actor_label = serializers.CharField(read_only=True)
    on_behalf_of = serializers.CharField(read_only=True)
    changes = serializers.DictField(read_only=True)

    class Meta:
        model = Entry
        fields = (
            "id",
            "created_at",
            "action",
            "outcome",
            "actor_kind",
            "actor_id",
            "actor_user_id",
            "actor_label",
            "on_behalf_of_id",
            "on_behalf_of",
            "target_type",
            "target_id",
            "target_label",
            "subject_id",
            "team_id",
            "changes",
            "reason",
            "method",
            "path",
            "status",
            "address",
            "request_id",
        )


class ProofSerializer(serializers.Serializer):
    checkpoint = serializers.IntegerField()
    index = serializers.IntegerField()
    path = serializers.ListField(child=serializers.CharField())


class ProvenSerializer(serializers.Serializer):
    """`docs/audit.md` says how to verify it."""

    entry = serializers.DictField()
    proof = ProofSerializer()


class NewestFirst(BasePagination):
    """`?cursor=` (opaque, from `next` and `previous`) and `?page_size=` (at most 200)."""

    page_size, most = 100, 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Entry]:
        """By the pager of the trail, at the same cost however deep."""
        self._request = request
        where = self._where(request.query_params.get("cursor", ""))
        reader = Reader(request.user, search_of(request))
        self._page = reader.page(size=self._size(request), **where)
        labels.read_ahead(self._page.entries)
        return self._page.entries

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "next": self._link("b", self._page.older),
                "previous": self._link("a", self._page.newer),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "nullable": True, "format": "uri"}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": ["results"], "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {"name": name, "in": "query", "required": False, "schema": {"type": kind}}
            for name, kind in (("cursor", "string"), ("page_size", "integer"))
        ]

    def _link(self, side: str, entry_id: int | None) -> str | None:
        if entry_id is None:
            return None
        here = self._request.build_absolute_uri()
        return replace_query_param(here, "cursor", f"{side}{entry_id}")

    @staticmethod
    def _where(cursor: str) -> dict[str, int]:
        """Ours are places in the trail; a made-up one is nothing that is there."""
        found = _CURSOR.fullmatch(cursor)
        if not cursor:
            return {}
        if found is None:
            raise NotFound(_("Invalid cursor"))
        return {"before" if found[1] == "b" else "after": int(found[2])}

    def _size(self, request: Request) -> int:
        wanted = request.query_params.get("page_size", "")
        is_number = wanted.isdecimal() and len(wanted) < 10
        return max(1, min(int(wanted), self.most)) if is_number else self.page_size


class EntryViewSet(ReadViewSet):
    """What one may see of the trail, newest first.

    All filters are exact, and all of them together hold. A page of a rare combination may be short or empty while
    `next` leads further back.
    """

    queryset = Entry.objects.all()
    serializer_class = EntrySerializer
    pagination_class = NewestFirst
    read_scope = "audit:read"

    @extend_schema(parameters=PARAMETERS)
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(
        operation_id="audit_entry_proof",
        summary="The proof that an entry is in the trail",
        description=(
            "The entry as it is stored and sealed, and the way from it to the root that its checkpoint signs, for "
            "`verifier.py --entry`. 409 until it is sealed, at most a minute after it was written."
        ),
        responses={200: ProvenSerializer},
    )
    @action(detail=True, methods=["get"], url_path="proof", url_name="proof")
    def proof(self, request: Request, pk: Any = None) -> Response:
        try:
            return Response(Proofs().of(self.get_object().pk))
        except NotProvable as error:
            raise Refusal("conflict", str(error)) from None
        except Problem as problem:
            logger.critical("the trail is not as it was sealed: %s", problem)
            raise Refusal("conflict", _("The trail is not as it was sealed.")) from None

    def get_queryset(self) -> QuerySet:
        refuse_keys_of_projects(self.request)
        return super().get_queryset()
