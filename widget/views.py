"""The widget's endpoints: its script, a visitor's session, and the chat. Without cookies, so without CSRF."""

import hashlib
import secrets
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST, require_safe

from portal.errors import Refusal
from portal.limits import Limit, take
from portal.parsers import read_json
from portal.tenancy import own_transactions, tenant
from projects import journey
from projects.answers import respond
from projects.models import Exchange
from projects.questions import Arrival, Question, Visitor, read_message
from teams.branding import picture
from teams.models import Branding
from widget import origins
from widget.look import look_of
from widget.models import Widget, scope_of

SESSION_S = 30 * 60
SALT = "widget.session"
SESSIONS_PER_MINUTE = 20  # by address; the journey limits each visitor and the project
FOLDER = Path(settings.BASE_DIR) / "static" / "widget"


@cache
def _script() -> tuple[bytes, str]:
    """The chat's script and its version: the beginning of its SHA-256."""
    source = (FOLDER / "chat.js").read_bytes()
    return source, hashlib.sha256(source).hexdigest()[:12]


def _javascript(source: bytes, age: str) -> HttpResponse:
    response = HttpResponse(source, content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = f"public, {age}"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_GET
def loader(request: HttpRequest) -> HttpResponse:
    """A stub, cached for minutes, that loads the immutable script of today."""
    path = reverse("widget:script", kwargs={"version": _script()[1]})
    source = (FOLDER / "loader.js").read_text().replace("__SCRIPT__", path)
    return _javascript(source.encode(), "max-age=300")


@require_GET
def script(request: HttpRequest, version: str) -> HttpResponse:
    source, today = _script()
    if version != today:
        raise Http404
    return _javascript(source, "max-age=31536000, immutable")


@own_transactions
@csrf_exempt
@require_POST
def session(request: HttpRequest) -> HttpResponse:
    """A visitor's session: signed, short, bound to the widget and to the page's origin."""
    body = read_json(request.body, request.META.get("CONTENT_TYPE", ""))
    key = body.get("key") if isinstance(body, dict) else None
    widget = _widget(key if isinstance(key, str) else "")
    origin = origins.require(widget, request)
    address = request.client_address  # type: ignore[attr-defined, unused-ignore]
    taken = take([Limit(f"widget-session:{address}", SESSIONS_PER_MINUTE, 60)])
    if not taken.allowed:
        raise Refusal("rate_limited", retry_after=taken.retry_after)
    claims = {"w": widget.public_id, "o": origin, "v": secrets.token_hex(12)}
    token = signing.dumps(claims, salt=SALT, compress=False)
    return JsonResponse({"token": token, "expires_in": SESSION_S, **look_of(widget)})


@own_transactions
@require_safe
def logo(request: HttpRequest, public_id: str, version: str, kind: str) -> HttpResponse:
    """The logo of the widget's team, for whoever sees the widget; no other team's, and no former one."""
    widget = _widget(public_id)
    with tenant(scope_of(public_id)):
        branding = Branding.objects.filter(team_id=widget.project.team_id).first()
    if branding is None:
        raise Http404
    response = picture(branding, version, kind)
    response["Cache-Control"] = "public, max-age=3600"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@own_transactions
@csrf_exempt
@require_POST
def chat(request: HttpRequest) -> HttpResponse:
    """One question of a visitor, streamed, through the same journey as everybody's."""

    def identify() -> Visitor:
        return visitor

    def read() -> Question:
        data = read_json(request.body, request.META.get("CONTENT_TYPE", ""))
        message = data.get("message") if isinstance(data, dict) else None
        asked = {"message": message, "stream": True}
        question = read_message(asked, project=widget.project.slug)
        return Question(question.project, question.turns, stream=True)

    claims = _claims(request)
    widget = _widget(claims["w"])
    if origins.require(widget, request) != claims["o"]:
        raise Refusal("origin_not_allowed")
    visitor = Visitor(widget.project.slug, claims["v"], widget.project.team_id)
    return respond(journey.ask(Arrival(Exchange.Door.WIDGET, identify, read, widget.project.slug)))


def _widget(public_id: str) -> Widget:
    with tenant(scope_of(public_id)):
        found = Widget.objects.open().select_related("project").filter(public_id=public_id)
        widget = found.defer("project__system_prompt").first()
    if widget is None:
        raise Refusal("not_found")
    return widget


def _claims(request: HttpRequest) -> dict[str, str]:
    """What the session's token says; `invalid_credentials` for a forged or expired one."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if not token:
        raise Refusal("not_authenticated")
    try:
        claims = signing.loads(token, salt=SALT, max_age=SESSION_S)
    except signing.BadSignature:
        raise Refusal("invalid_credentials") from None
    if scheme.lower() != "bearer":
        raise Refusal("invalid_credentials")
    return claims
