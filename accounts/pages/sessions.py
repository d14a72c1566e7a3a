"""One's sessions: where one is signed in, and ending it there."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts import actions, token_actions
from accounts.agents import words_for
from accounts.models import Session, TokenFamily

JUST_NOW = timedelta(minutes=2)


@never_cache
@login_required
@require_GET
def sessions(request: HttpRequest) -> HttpResponse:
    """The live ones, this one first."""
    here = request.session.stored  # type: ignore[attr-defined]
    rows = [
        {
            "row": row,
            "is_here": here is not None and row.uid == here.uid,
            "agent": words_for(row.agent),
            "is_recent": timezone.now() - row.last_seen_at < JUST_NOW,
        }
        for row in Session.objects.visible_to(request.user).live().defer("session_data")
    ]
    rows.sort(key=lambda item: not item["is_here"])
    programs = [
        {"row": row, "agent": row.name or words_for(row.agent)}
        for row in TokenFamily.objects.visible_to(request.user).live()
    ]
    context = {"sessions": rows, "programs": programs}
    return render(request, "account/sessions.html", context)


@login_required
@require_POST
def end_session(request: HttpRequest, uid: str) -> HttpResponse:
    row = Session.objects.visible_to(request.user).filter(uid=uid).first()
    if row is None:
        raise Http404
    actions.end_session(by=request.user, session=row)
    messages.success(request, _("That session has ended."))
    return redirect("account_sessions")


@login_required
@require_POST
def end_program(request: HttpRequest, uid: str) -> HttpResponse:
    if not TokenFamily.objects.visible_to(request.user).filter(uid=uid).exists():
        raise Http404
    token_actions.end_family(by=request.user, uid=uid)
    messages.success(request, _("The tokens of that program have ended."))
    return redirect("account_sessions")


@login_required
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    actions.end_sessions(by=request.user, user=request.user)
    update_session_auth_hash(request, request.user)
    messages.success(request, _("All other sessions have ended, and all tokens."))
    return redirect("account_sessions")
