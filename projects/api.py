"""The DRF door: asking a project, and the resources `projects`, `conversations` and `usage`."""

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import permissions, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api import EncryptedField, ReadViewSet, ScopedViewSet
from portal.context import current
from portal.errors import Refusal
from portal.models import Model
from portal.parsers import read_json
from portal.taken_slugs import refuse_taken
from projects import journey, removal_actions
from projects.answers import respond
from projects.models import Conversation, Exchange, KeyProject, Message, Project
from projects.questions import Arrival, Question, read_message
from teams.models import Team


class ChatRequestSerializer(serializers.Serializer):
    """Documents the body; the journey reads it."""

    message = serializers.CharField(max_length=32 * 1024)
    conversation = serializers.CharField(required=False, allow_null=True)
    stream = serializers.BooleanField(required=False, default=False)


class UsageFiguresSerializer(serializers.Serializer):
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    cost = serializers.CharField(allow_null=True)


class ChatAnswerSerializer(serializers.Serializer):
    answer = serializers.CharField()
    conversation = serializers.CharField(allow_null=True)
    exchange = serializers.CharField()
    guard = serializers.JSONField(allow_null=True)
    usage = UsageFiguresSerializer()


class ChatView(APIView):
    """`POST /api/projects/{slug}/chat/`: one question through the journey, streamed or not."""

    own_transactions = True
    permission_classes = [permissions.AllowAny]  # the journey itself says who may

    @extend_schema(request=ChatRequestSerializer, responses=ChatAnswerSerializer)
    def post(self, request: Request, slug: str) -> HttpResponse:
        def caller() -> object:
            if request.auth is None:
                raise Refusal("not_authenticated")
            return request.auth

        def read() -> Question:
            plain = request._request
            return read_message(read_json(plain.body, request.content_type or ""), project=slug)

        return respond(journey.ask(Arrival(Exchange.Door.API, caller, read, slug)))


class ProjectSerializer(serializers.ModelSerializer):
    """`model` is the catalogue's id; `monthly_budget` is set by platform admins only."""

    team = serializers.SlugRelatedField(slug_field="slug", queryset=Team.objects.all())
    model = serializers.PrimaryKeyRelatedField(queryset=Model.objects.all())
    system_prompt = EncryptedField(required=False, allow_blank=True)

    class Meta:
        model = Project
        fields = (
            "slug",
            "name",
            "description",
            "team",
            "model",
            "visibility",
            "system_prompt",
            "parameters",
            "rate_limit_per_minute",
            "monthly_budget",
            "log_content",
            "is_active",
            "created_at",
            "archived_at",
        )
        read_only_fields = ("created_at", "archived_at")

    def to_representation(self, instance: Project) -> dict:
        """The system prompt is for those who may change the project."""
        shown = super().to_representation(instance)
        if not self.context["request"].user.has_perm("projects.change_project", instance):
            shown.pop("system_prompt")
        return shown

    def validate_slug(self, slug: str) -> str:
        return refuse_taken(self, slug)

    def validate_team(self, team: Team) -> Team:
        """A team one does not see does not exist; a project does not move to another team."""
        if not Team.objects.visible_to(self.context["request"].user).filter(pk=team.pk).exists():
            raise serializers.ValidationError("There is no such team.", code="does_not_exist")
        if self.instance is not None and self.instance.team_id != team.pk:
            raise serializers.ValidationError("A project stays in its team.")
        return team

    def validate(self, attrs: dict) -> dict:
        user = self.context["request"].user
        if "monthly_budget" in attrs and not user.has_perm("projects.set_budget"):
            before = self.instance.monthly_budget if self.instance else None
            if attrs["monthly_budget"] != before:
                raise Refusal("permission_denied")
        candidate = Project(**{**_present(self.instance), **attrs})
        try:
            candidate.clean()
        except serializers.DjangoValidationError as error:
            raise serializers.ValidationError(error.message_dict) from None
        return attrs


def _present(project: Project | None) -> dict:
    if project is None:
        return {}
    return {
        "team": project.team,
        "model": project.model,
        "monthly_budget": project.monthly_budget,
        "parameters": project.parameters,
    }


class WithinKeyMixin:
    """A key that is confined to projects sees these alone, with what is theirs; `project` is how the rows name it."""

    project = "project"
    request: Request

    def get_queryset(self) -> QuerySet:
        rows: QuerySet = super().get_queryset()  # type: ignore[misc]
        key = self.request.auth.key if self.request.auth is not None else None
        if key is None or not KeyProject.objects.filter(key=key).exists():
            return rows
        reached = KeyProject.objects.filter(key=key, project__isnull=False).values("project")
        return rows.filter(**{f"{self.project}__in": reached})


class ProjectViewSet(WithinKeyMixin, ScopedViewSet):
    project = "pk"
    queryset = Project.objects.select_related("team", "model")
    serializer_class = ProjectSerializer
    lookup_field = "slug"
    read_scope = "projects:read"
    write_scope = "projects:write"
    http_method_names = ["get", "head", "options", "post", "patch", "delete"]
    deeds = {"archive": "projects.change_project", "unarchive": "projects.change_project"}

    def perform_destroy(self, instance: Project) -> None:
        """With all that was said in it; usage rows stay with what they cost."""
        removal_actions.delete_project(by=self.request.user, project=instance)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, slug: str) -> Response:
        """Nobody asks it or reads its conversations any more; only who administers its team still sees it."""
        removal_actions.archive_project(by=request.user, project=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def unarchive(self, request: Request, slug: str) -> Response:
        """It is as it was, its conversations with it."""
        removal_actions.unarchive_project(by=request.user, project=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def perform_create(self, serializer: serializers.BaseSerializer) -> None:
        """A key that is confined to projects would step out of them with a new one."""
        key = self.request.auth.key if self.request.auth is not None else None
        if key is not None and KeyProject.objects.filter(key=key).exists():
            raise Refusal("permission_denied")
        super().perform_create(serializer)


class MessageSerializer(serializers.ModelSerializer):
    content = EncryptedField(read_only=True)

    class Meta:
        model = Message
        fields = ("role", "content", "withheld", "created_at")


class ConversationSerializer(serializers.ModelSerializer):
    id = serializers.CharField(source="uid", read_only=True)
    project = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    title = EncryptedField(read_only=True)

    class Meta:
        model = Conversation
        fields: tuple[str, ...] = ("id", "project", "title", "created_at", "updated_at")


class ConversationDetailSerializer(ConversationSerializer):
    messages = MessageSerializer(many=True, read_only=True)

    class Meta(ConversationSerializer.Meta):
        fields: tuple[str, ...] = (*ConversationSerializer.Meta.fields, "messages")


class ConversationViewSet(WithinKeyMixin, ReadViewSet):
    """One's own conversations only, and none of a team that lists other addresses."""

    queryset = Conversation.objects.select_related("project").defer("project__system_prompt")
    lookup_field = "uid"
    read_scope = "conversations:read"

    def get_queryset(self) -> QuerySet:
        closed = Team.objects.closed_to(current().address)
        return super().get_queryset().exclude(project__team_id__in=closed)

    def get_serializer_class(self) -> type[serializers.Serializer]:
        return ConversationDetailSerializer if self.action == "retrieve" else ConversationSerializer


class ExchangeSerializer(serializers.ModelSerializer):
    id = serializers.CharField(source="uid", read_only=True)
    team = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    user = serializers.PrimaryKeyRelatedField(read_only=True)
    acted_by = serializers.PrimaryKeyRelatedField(
        read_only=True,
        allow_null=True,
        help_text="The platform admin who asked in the user's name, if one did.",
    )

    class Meta:
        model = Exchange
        fields = (
            "id",
            "created_at",
            "closed_at",
            "door",
            "outcome",
            "status",
            "project_slug",
            "team",
            "user",
            "acted_by",
            "model_name",
            "streamed",
            "prompt_tokens",
            "completion_tokens",
            "tokens_estimated",
            "cost",
            "latency_ms",
            "first_token_ms",
            "guard_action",
            "guard_stage",
            "guards",
            "request_id",
        )


class UsageViewSet(WithinKeyMixin, ReadViewSet):
    """The usage log, without content."""

    queryset = Exchange.objects.select_related("team").defer("question", "answer")
    serializer_class = ExchangeSerializer
    lookup_field = "uid"
    read_scope = "usage:read"
