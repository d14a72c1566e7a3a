"""The resource `audit-entries`: read only, by cursor."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from audit.models import Entry
from portal.api import ReadViewSet, refuse_confined


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
