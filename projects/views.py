"""The pages of end users: home and the playground. They work without JavaScript; with it, answers stream."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.authentication import identify
from portal.errors import Refusal, error_body, with_headers
from portal.markdown import render as markdown
from projects import actions, journey
from projects.answers import respond
from projects.models import Conversation, Exchange, Message, Project
from projects.questions import Arrival, read_message
from projects.streaming import AnswerStream

CONVERSATIONS_LISTED = 100
MESSAGES_SHOWN = 500


@never_cache
@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """My projects: all I may see, with the word whether I may ask."""
    mine = Project.objects.chattable_by(request.user).filter(pk=OuterRef("pk"))
    projects = (
        Project.objects.visible_to(request.user)
        .filter(is_active=True)
        .select_related("team")
        .defer("system_prompt")
        .annotate(may_chat=Exists(mine))
        .order_by("team__name", "name")
    )
    return render(request, "projects/home.html", {"projects": projects})


@never_cache
@login_required
@require_GET
def playground(request: HttpRequest, slug: str, uid: str = "") -> HttpResponse:
    project = _project(request, slug)
    conversations = Conversation.objects.visible_to(request.user).filter(project=project)
    conversation = get_object_or_404(conversations, uid=uid) if uid else None
    context = {
        "project": project,
        "conversations": conversations[:CONVERSATIONS_LISTED],
        "conversation": conversation,
        "turns": _messages(conversation) if conversation else [],
        "may_chat": Project.objects.chattable_by(request.user).filter(pk=project.pk).exists()
        and project.is_active,
    }
    return render(request, "projects/playground.html", context)


def _project(request: HttpRequest, slug: str) -> Project:
    rows = Project.objects.visible_to(request.user).select_related("team").defer("system_prompt")
    return get_object_or_404(rows, slug=slug)


def _messages(conversation: Conversation) -> list[dict[str, Any]]:
    """The newest messages, oldest first, each with its exchange's figures; two queries."""
    newest = conversation.messages.select_related("exchange").defer(
        "exchange__question", "exchange__answer"
    )
    return [_message(row) for row in reversed(newest.order_by("-id")[:MESSAGES_SHOWN])]


def _message(row: Message) -> dict[str, Any]:
    answered = row.role == Message.Role.ASSISTANT
    exchange = row.exchange if answered else None
    guard = None
    if row.exchange and row.exchange.guard_action:
        guard = {
            "action": row.exchange.guard_action,
            "stage": row.exchange.guard_stage,
            "guards": row.exchange.guards,
        }
    return {
        "role": row.role,
        "html": markdown(row.content) if answered else "",
        "text": row.content,
        "withheld": row.withheld,
        "guard": guard if answered else None,
        "meta": exchange
        and {
            "tokens": exchange.prompt_tokens + exchange.completion_tokens,
            "cost": exchange.cost,
            "latency_ms": exchange.latency_ms,
        },
    }


@login_required
@require_POST
def ask(request: HttpRequest, slug: str) -> HttpResponse:
    """A question by form. With `Accept: text/event-stream` the answer streams, else the conversation's page follows."""
    streams = "text/event-stream" in request.headers.get("Accept", "")
    data = {
        "message": request.POST.get("message", "").replace("\r\n", "\n"),
        "conversation": request.POST.get("conversation", ""),
        "stream": streams,
    }
    arrival = Arrival(
        Exchange.Door.PLAYGROUND,
        lambda: identify(request),
        lambda: read_message(data, project=slug),
        slug,
    )
    try:
        outcome = journey.ask(arrival)
    except Refusal as refusal:
        if not streams:
            raise
        return with_headers(JsonResponse(error_body(refusal), status=refusal.status), refusal)
    if isinstance(outcome, AnswerStream):
        return respond(outcome, html=True)
    return redirect("projects:conversation", slug=slug, uid=outcome.conversation.uid)


@login_required
@require_POST
def rename(request: HttpRequest, slug: str, uid: str) -> HttpResponse:
    conversation = _conversation(request, slug, uid)
    title = " ".join(request.POST.get("title", "").split())[:120]
    if not title:
        raise Refusal("validation_failed", _("Write a title."))
    actions.rename_conversation(conversation=conversation, title=title, by=request.user)
    return redirect("projects:conversation", slug=slug, uid=uid)


@login_required
@require_POST
def delete(request: HttpRequest, slug: str, uid: str) -> HttpResponse:
    actions.delete_conversation(conversation=_conversation(request, slug, uid), by=request.user)
    return redirect("projects:playground", slug=slug)


def _conversation(request: HttpRequest, slug: str, uid: str) -> Conversation:
    rows = Conversation.objects.visible_to(request.user).select_related("project")
    found = rows.filter(project__slug=slug, uid=uid).first()
    if found is None:
        raise Http404
    return found
