"""`/api/auth/…`: signing in from a program, going on, proving once more who one is, and leaving."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import fresh, proving, token_actions, tokens
from accounts.basic import LONGEST_EMAIL, LONGEST_PASSWORD
from accounts.callers import Caller
from accounts.scopes import SCOPES
from accounts.throttle import attempt, coarse
from portal.errors import Refusal

TOKEN_TYPE = "Bearer"


class ProofSerializer(serializers.Serializer):
    """`code`: of the second factor, for people who have one."""

    password = serializers.CharField(
        max_length=LONGEST_PASSWORD, trim_whitespace=False, write_only=True
    )
    code = serializers.CharField(max_length=64, required=False, allow_blank=True, write_only=True)


class SignInSerializer(ProofSerializer):
    """`scopes`: what the tokens may do; none means all of one's rights. `name`: which program they are for."""

    email = serializers.CharField(max_length=LONGEST_EMAIL, write_only=True)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(SCOPES)), required=False, write_only=True
    )
    name = serializers.CharField(max_length=100, required=False, allow_blank=True, write_only=True)


class RefreshSerializer(serializers.Serializer):
    refresh = serializers.CharField(max_length=200, write_only=True)


class TokensSerializer(serializers.Serializer):
    """`expires_in`: seconds that the access token lives."""

    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)
    expires_in = serializers.IntegerField(read_only=True)
    token_type = serializers.CharField(read_only=True)


class FreshSerializer(serializers.Serializer):
    """`access`, `expires_in` and `token_type` for a token only: it replaces the one that was sent."""

    fresh_until = serializers.DateTimeField(read_only=True)
    access = serializers.CharField(read_only=True, required=False)
    expires_in = serializers.IntegerField(read_only=True, required=False)
    token_type = serializers.CharField(read_only=True, required=False)


class AuthView(APIView):
    """No answer of these doors is kept by anybody. Limits are taken outside of transactions."""

    own_transactions = True

    def finalize_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response


class TokenView(AuthView):
    authentication_classes: tuple[type, ...] = ()
    permission_classes = (AllowAny,)

    @extend_schema(request=SignInSerializer, responses=TokensSerializer, operation_id="auth_token")
    def post(self, request: Request) -> Response:
        """Signs in from a program with e-mail and password: a short access token for `Authorization: Bearer`, and a
        refresh token for the next one. Tokens with scopes do no more than these say; those of restricted
        people chat.
        """
        plain = _plain(request)
        coarse(plain)
        sent = _sent(SignInSerializer, request)
        user, mfa = proving.person(
            plain, email=sent["email"], password=sent["password"], code=sent.get("code", "")
        )
        issued = token_actions.sign_in(
            by=user, name=sent.get("name", ""), scopes=sent.get("scopes", ()), mfa=mfa
        )
        return Response(_tokens(issued))


class RefreshView(AuthView):
    authentication_classes: tuple[type, ...] = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        request=RefreshSerializer, responses=TokensSerializer, operation_id="auth_token_refresh"
    )
    def post(self, request: Request) -> Response:
        """The next access token, and the refresh token that replaces the one that was sent. What was replaced already
        is not used again: who does so ends all tokens of that sign-in.
        """
        plain = _plain(request)
        coarse(plain)
        sent = _sent(RefreshSerializer, request)
        tried = attempt(door="refresh", address=plain.client_address)  # type: ignore[attr-defined]
        token = tokens.parse_refresh(sent["refresh"])
        if token is None:
            raise Refusal("invalid_credentials")
        tried.succeeded()  # this portal made it: too old it may be, but it is no guess
        return Response(_tokens(token_actions.refresh(token=token)))


class LogoutView(AuthView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(
        request=None,
        responses={204: OpenApiResponse(description="Signed out.")},
        operation_id="auth_logout",
    )
    def post(self, request: Request) -> Response:
        """Ends the session that asks, or all tokens of the sign-in that the access token is from. A key is revoked
        instead.
        """
        caller: Caller = request.auth
        if caller.method == "token":
            token_actions.end_family(by=caller.user, uid=caller.credential)
        elif caller.method == "session":
            logout(_plain(request))
        else:
            raise Refusal("permission_denied")
        return Response(status=status.HTTP_204_NO_CONTENT)


class FreshView(AuthView):
    permission_classes = (IsAuthenticated,)

    @extend_schema(request=ProofSerializer, responses=FreshSerializer, operation_id="auth_fresh")
    def post(self, request: Request) -> Response:
        """Proves once more who one is: what is sensitive asks for it where the last proof is older than 15 minutes. A
        session is fresh from then on; for a token there is a new access token in the answer. Keys are never fresh.
        """
        caller: Caller = request.auth
        plain = _plain(request)
        if caller.method not in ("session", "token") or getattr(plain, "impersonation", None):
            raise Refusal("permission_denied")
        coarse(plain)
        sent = _sent(ProofSerializer, request)
        user, _mfa = proving.person(
            plain, email=caller.user.email, password=sent["password"], code=sent.get("code", "")
        )
        if user.pk != caller.user.pk:
            raise Refusal("invalid_credentials")
        answer: dict[str, Any] = {}
        if caller.method == "token":
            answer = _tokens(token_actions.confirm(by=user, uid=caller.credential))
        else:
            fresh.confirmed(plain, user)
        until = timezone.now() + timedelta(seconds=settings.FRESH_S)
        return Response({"fresh_until": until.isoformat(timespec="seconds"), **answer})


def _plain(request: Request) -> HttpRequest:
    return request._request


def _sent(serializer: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """What was sent, if it is of the documented shape; `validation_failed` otherwise, which no account decides."""
    found = serializer(data=request.data)
    found.is_valid(raise_exception=True)
    return found.validated_data


def _tokens(issued: token_actions.Issued) -> dict[str, Any]:
    answer = {
        "access": issued.access,
        "refresh": issued.refresh,
        "expires_in": settings.TOKEN_S,
        "token_type": TOKEN_TYPE,
    }
    return {name: value for name, value in answer.items() if value != ""}
