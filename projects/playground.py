"""The playground: a project's conversations, and asking in them. It works without JavaScript; with it, answers stream."""

import json
import re
from dataclasses import replace
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.authentication import identify
from portal.address_lists import listed
from portal.context import current
from portal.errors import Refusal, error_body, with_headers
from portal.tenancy import own_transactions, tenant
from projects import actions, journey, rules
from projects.answers import respond
from projects.models import Conversation, Exchange, Project
from projects.passage import Passage
from projects.questions import Arrival, Question, read_message, read_temporary
from projects.streaming import AnswerStream
from projects.threads import threads
from projects.transcript import Transcript, as_said, of_passage, transcript
from teams.branding import brand_of

UID = re.compile(r"[0-9a-f]{32}")


@never_cache
@login_required
@require_GET
def playground(request: HttpRequest, slug: str, uid: str = "") -> HttpResponse:
    """The project, with one conversation open or none. `edit` names the exchange whose question is being rewritten."""
    project = visible_project(request, slug)
    conversations = Conversation.objects.visible_to(request.user).filter(project=project)
    conversation = get_object_or_404(conversations, uid=uid) if uid else None
    said = (
        transcript(conversation, before=_number(request, "before"))
        if conversation
        else Transcript()
    )
    context = _context(request, project) | {"conversation": conversation, "transcript": said}
    return render(request, "projects/playground.html", context)


@never_cache
@login_required
@require_GET
def temporary(request: HttpRequest, slug: str) -> HttpResponse:
    """A chat that is kept in no conversation: the page alone holds what was said."""
    context = _context(request, visible_project(request, slug))
    return render(
        request,
        "projects/playground.html",
        context | {"transcript": Transcript(), "temporary": True, "history": "[]"},
    )


def visible_project(request: HttpRequest, slug: str) -> Project:
    """404 for what one may not see and what is archived; 403 from an address that its team does not list, and for what
    does not chat.
    """
    rows = Project.objects.visible_to(request.user).in_use()
    rows = rows.select_related("team__branding", "model")
    rows = rows.defer("system_prompt", "team__branding__logo")
    project = get_object_or_404(rows, slug=slug)
    if not listed(current().address, project.team.allowed_addresses):
        raise Refusal("address_blocked", _("This team's projects are not used from your address."))
    if not rules.chats(project.model):
        raise Refusal("permission_denied", rules.NO_CHAT)
    return project


def _context(request: HttpRequest, project: Project) -> dict[str, Any]:
    live = getattr(request, "impersonation", None)
    may_act = live is None or live.may_write
    chattable = Project.objects.chattable_by(request.user)
    may_chat = project.is_active and may_act and project in chattable
    return {
        "here": request.path,
        "project": project,
        "brand": brand_of(project.team),
        "threads": threads(
            request.user,
            project,
            wanted=request.GET.get("q", "").strip()[:120],
            page=_number(request, "page") or 1,
        ),
        "may_chat": may_chat,
        "editing": request.GET.get("edit", "") if may_chat else "",
    }


def _number(request: HttpRequest, name: str) -> int | None:
    """A positive whole number of the address; what is none is a page that does not exist."""
    text = request.GET.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) < 1:
        raise Http404
    return int(text)


@own_transactions
@login_required
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, slug: str) -> HttpResponse:
    """A question by form. With `Accept: text/event-stream` the answer streams, else the conversation's page follows.

    A temporary chat without scripts has this address on the screen: who comes back to it finds the playground.
    """
    if request.method == "GET":
        return redirect("projects:playground", slug)
    streams = "text/event-stream" in request.headers.get("Accept", "")
    arrival = Arrival(
        Exchange.Door.PLAYGROUND,
        lambda: identify(request),
        lambda: _question(request, slug, streams=streams),
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
    if outcome.conversation is None:
        with tenant(outcome.scope):
            return _answered_temporarily(request, outcome)
    page = reverse("projects:conversation", args=[slug, outcome.conversation.uid])
    return redirect(f"{page}#latest")


def _question(request: HttpRequest, slug: str, *, streams: bool) -> Question:
    data = {
        "message": request.POST.get("message", "").replace("\r\n", "\n"),
        "conversation": request.POST.get("conversation", ""),
        "stream": streams,
    }
    if "history" in request.POST:
        try:
            history = json.loads(request.POST["history"])
        except (ValueError, RecursionError):
            raise Refusal("invalid_request") from None
        return read_temporary(data, project=slug, history=history)
    return replace(read_message(data, project=slug), replaces=request.POST.get("replaces", ""))


def _answered_temporarily(request: HttpRequest, passage: Passage) -> HttpResponse:
    """Without scripts the next page holds what was said so far, in the form that asks on."""
    turns = passage.question.turns[:-1] if passage.question else ()
    asked, answered = of_passage(passage)
    history = [{"role": turn.role, "content": turn.text} for turn in turns]
    if not asked.withheld and not answered.withheld:
        history += [{"role": said.role, "content": said.text} for said in (asked, answered)]
    context = _context(request, visible_project(request, passage.project_slug)) | {
        "transcript": Transcript([*map(as_said, turns), asked, answered]),
        "here": reverse("projects:temporary", args=[passage.project_slug]),
        "temporary": True,
        "history": json.dumps(history, ensure_ascii=False),
    }
    return render(request, "projects/playground.html", context)


@login_required
@require_POST
def rename(request: HttpRequest, slug: str, uid: str) -> HttpResponse:
    """`back` is the uid of the conversation on the screen; without one the renamed one is shown."""
    conversation = _conversation(request, slug, uid)
    title = " ".join(request.POST.get("title", "").split())[:120]
    if not title:
        raise Refusal("validation_failed", _("Write a title."))
    actions.rename_conversation(conversation=conversation, title=title, by=request.user)
    return redirect("projects:conversation", slug, _on_the_screen(request) or uid)


@login_required
@require_POST
def delete(request: HttpRequest, slug: str, uid: str) -> HttpResponse:
    """Back to the conversation on the screen, or to a new one where that was deleted."""
    actions.delete_conversation(conversation=_conversation(request, slug, uid), by=request.user)
    back = _on_the_screen(request)
    if back and back != uid:
        return redirect("projects:conversation", slug, back)
    return redirect("projects:playground", slug)


def _on_the_screen(request: HttpRequest) -> str:
    """The uid of the conversation that the page showed; empty for anything else."""
    back = request.POST.get("back", "")
    return back if UID.fullmatch(back) else ""


def _conversation(request: HttpRequest, slug: str, uid: str) -> Conversation:
    rows = Conversation.objects.visible_to(request.user).select_related("project")
    found = rows.filter(project__slug=slug, uid=uid).first()
    if found is None:
        raise Http404
    return found
