"""The shapes of the API's answers and questions."""

from rest_framework import serializers

from projects.access import pages
from projects.access.changes import OPERATIONS
from projects.models import Visibility
from teams.roles import Role


class StandingSerializer(serializers.Serializer):
    slug = serializers.CharField()
    role = serializers.CharField()
    custom_role = serializers.CharField(allow_null=True)


class PersonSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    email = serializers.EmailField()
    is_admin = serializers.BooleanField()
    is_auditor = serializers.BooleanField()
    is_restricted = serializers.BooleanField()
    is_active = serializers.BooleanField()
    teams = StandingSerializer(many=True)


class PlaceSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    team = serializers.CharField()
    visibility = serializers.CharField()
    is_open = serializers.BooleanField(help_text="Whether it answers at all, whoever asks.")


class AssignmentSerializer(serializers.Serializer):
    user = serializers.IntegerField(help_text="The person's id.")
    project = serializers.CharField()
    role = serializers.CharField()
    custom_role = serializers.CharField(allow_null=True)
    via = serializers.CharField(
        help_text="platform-admin, team-admin, member, public or team-viewer; the strongest."
    )
    chats = serializers.BooleanField()


class MatrixSerializer(serializers.Serializer):
    users = PersonSerializer(many=True)
    projects = PlaceSerializer(many=True)
    assignments = AssignmentSerializer(many=True)
    next = serializers.CharField(allow_null=True)


def word(longest: int) -> serializers.CharField:
    return serializers.CharField(required=False, allow_blank=True, max_length=longest, default="")


class AskedSerializer(serializers.Serializer):
    """The query of the matrix."""

    team = word(64)
    user = word(254)
    project = word(64)
    cursor = word(40)
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=pages.LARGEST_PAGE, default=pages.PAGE
    )
    format = serializers.ChoiceField(["json", "csv"], required=False, default="json")


class ExplanationSerializer(serializers.Serializer):
    allowed = serializers.BooleanField(help_text="Whether there is a row in the matrix.")
    role = serializers.CharField(allow_null=True)
    custom_role = serializers.CharField(allow_null=True)
    via = serializers.CharField(allow_null=True)
    chats = serializers.BooleanField(help_text="Whether they may chat in it.")
    open = serializers.BooleanField(help_text="Whether the project answers at all, whoever asks.")
    because = serializers.ListField(child=serializers.CharField())


class PairSerializer(serializers.Serializer):
    user = serializers.CharField(max_length=254)
    project = serializers.CharField(max_length=64)


class RowSerializer(serializers.Serializer):
    user = serializers.IntegerField()
    email = serializers.EmailField()
    project = serializers.CharField()
    team = serializers.CharField()
    role = serializers.CharField()
    custom_role = serializers.CharField(allow_null=True)
    via = serializers.CharField()
    chats = serializers.BooleanField()
    open = serializers.BooleanField(help_text="Whether the project answers at all, whoever asks.")


class ChangedSerializer(serializers.Serializer):
    before = RowSerializer()
    after = RowSerializer()


class CountsSerializer(serializers.Serializer):
    gained = serializers.IntegerField()
    lost = serializers.IntegerField()
    changed = serializers.IntegerField()


class SimulatedSerializer(serializers.Serializer):
    gained = RowSerializer(many=True)
    lost = RowSerializer(many=True)
    changed = ChangedSerializer(many=True)
    counts = CountsSerializer()
    left_out = serializers.IntegerField(help_text="Rows that are counted and not shown.")


class ChangeSerializer(serializers.Serializer):
    """Documents a change; `changes.read` reads it, by its operation."""

    op = serializers.ChoiceField(list(OPERATIONS))
    team = serializers.CharField(required=False)
    user = serializers.CharField(required=False)
    project = serializers.CharField(required=False)
    role = serializers.ChoiceField(Role.choices, required=False)
    custom_role = serializers.CharField(required=False)
    visibility = serializers.ChoiceField(Visibility.choices, required=False)
    model = serializers.IntegerField(required=False)
    group = serializers.IntegerField(required=False)


class ChangesSerializer(serializers.Serializer):
    changes = ChangeSerializer(many=True)
