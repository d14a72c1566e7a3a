"""The resource `audit-entries`: read only, by cursor."""

import logging
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import Entry
from audit.proofs import NotProvable, Proofs
from audit.verifier import Problem
from portal.api import ReadViewSet, refuse_confined
from portal.errors import Refusal

logger = logging.getLogger("audit.verifying")


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


class NewestFirst(CursorPagination):
    """`?cursor=` (opaque, from `next` and `previous`) and `?page_size=` (at most 200)."""

    ordering = "-id"
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 200

    def decode_cursor(self, request: Request) -> Any:
        """Ours are positions by id; a made-up one is refused here instead of by the database."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and not cursor.position.isdecimal():
            raise NotFound(self.invalid_cursor_message)
        return cursor


class EntryViewSet(ReadViewSet):
    """What one may see of the trail, newest first.

    Filters, all exact: `action`, `outcome`, `actor_id`, `actor_user_id`, `target_type`, `target_id`, `target_label`,
    `subject_id`, `team_id`, `request_id`.
    """

    queryset = Entry.objects.all()
    serializer_class = EntrySerializer
    pagination_class = NewestFirst
    read_scope = "audit:read"
    filters = (
        "action",
        "outcome",
        "actor_id",
        "actor_user_id",
        "target_type",
        "target_id",
        "target_label",
        "subject_id",
        "team_id",
        "request_id",
    )
    numbers = ("actor_user_id", "subject_id", "team_id")

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
        found = super().get_queryset()
        refuse_confined(self.request, _("A key of single projects does not read the trail."))
        for name in self.filters:
            wanted = self.request.query_params.get(name)
            if not wanted:
                continue
            if name in self.numbers and not wanted.isdecimal():
                raise serializers.ValidationError({name: _("A number.")})
            found = found.filter(**{name: wanted})
        return found
