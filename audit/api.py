"""The resource `audit-entries`: read only, by cursor."""

from rest_framework import serializers
from rest_framework.pagination import CursorPagination

from audit.models import Entry
from portal.api import ReadViewSet


class EntrySerializer(serializers.ModelSerializer):
    """Personal values in `changes` stay sealed here."""

    class Meta:
        model = Entry
        fields = (
            "id",
            "created_at",
            "action",
            "actor_kind",
            "actor_id",
            "actor_label",
            "on_behalf_of",
            "target_type",
            "target_id",
            "target_label",
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
    ordering = "-id"
    page_size = 100


class EntryViewSet(ReadViewSet):
    queryset = Entry.objects.all()
    serializer_class = EntrySerializer
    pagination_class = NewestFirst
    read_scope = "audit:read"
