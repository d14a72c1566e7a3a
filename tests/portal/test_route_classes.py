"""Every route has a class, and the class is asked before anything else."""

from types import ModuleType

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from rest_framework.permissions import IsAuthenticated
from rest_framework.views import APIView

from portal import checks
from portal.api import RolePermission
from portal.route_classes import RouteClass, classed, routes

pytestmark = pytest.mark.django_db


def answer(request):
    return HttpResponse("in")


class Asks(APIView):
    permission_classes = [RolePermission]


class AsksSessionsOnly(APIView):
    permission_classes = [IsAuthenticated]


class AsksNobody(APIView):
    permission_classes = []


class AsksTooLate(APIView):
    permission_classes = [IsAuthenticated, RolePermission]


urlpatterns = [
    path("api/forgotten/", answer),
    path("api/deep/", include(([path("forgotten/", answer)], "x"))),
    *classed(RouteClass.LOCAL_ONLY, [path("api/local/", answer)]),
    *classed(RouteClass.PUBLIC, [path("public/", answer)]),
]


def test_no_route_of_ours_is_unclassed():
    assert checks.check_routes(None) == []
    found = list(routes())
    assert len(found) > 100
    assert {kind for _route, kind, _view in found} >= {
        RouteClass.PUBLIC,
        RouteClass.CLIENT_API,
        RouteClass.MANAGEMENT,
    }
    public = {route for route, kind, _view in found if kind is RouteClass.PUBLIC}
    assert all(
        route.startswith(
            ("healthz", "readyz", "theme", "account/", "widget/", "csp-", "api/auth/token/")
        )
        for route in public
    )


def test_an_unclassed_route_fails_the_check_and_is_closed(settings):
    settings.ROOT_URLCONF = __name__
    assert [(found.id, "forgotten" in found.msg) for found in checks.check_routes(None)] == [
        ("portal.E009", True),
        ("portal.E009", True),
    ]
    for address in ("/api/forgotten/", "/api/deep/forgotten/"):
        assert Client().get(address).status_code == 404
    assert Client().get("/public/").content == b"in"


@pytest.mark.parametrize(
    ("view", "found"),
    [
        (Asks.as_view(), []),
        (AsksSessionsOnly.as_view(permission_classes=[RolePermission]), []),
        (AsksSessionsOnly.as_view(), ["portal.E010"]),
        (AsksNobody.as_view(), ["portal.E010"]),
        (AsksTooLate.as_view(), ["portal.E010"]),
        (Asks.as_view(permission_classes=[IsAuthenticated]), ["portal.E010"]),
    ],
)
def test_management_that_asks_keys_for_no_scope_fails_the_check(settings, view, found):
    settings.ROOT_URLCONF = ModuleType("routes")
    route = path("api/managed/", view)
    settings.ROOT_URLCONF.urlpatterns = classed(RouteClass.MANAGEMENT, [route])
    assert [problem.id for problem in checks.check_routes(None)] == found
    settings.ROOT_URLCONF = ModuleType("others")
    settings.ROOT_URLCONF.urlpatterns = classed(RouteClass.CLIENT_API, [path("x/", view)])
    assert checks.check_routes(None) == []


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", 200),
        ("127.8.8.8", 200),
        ("::1", 200),
        ("::ffff:127.0.0.1", 200),
        ("203.0.113.9", 404),
        ("10.0.0.1", 404),
        ("::ffff:10.0.0.1", 404),
        ("", 404),
        ("nonsense", 404),
    ],
)
def test_a_local_route_does_not_exist_elsewhere(settings, address, status):
    settings.ROOT_URLCONF = __name__
    assert Client(REMOTE_ADDR=address).get("/api/local/").status_code == status


def test_a_header_makes_nobody_local(settings):
    settings.ROOT_URLCONF = __name__
    client = Client(REMOTE_ADDR="203.0.113.9", headers={"X-Forwarded-For": "127.0.0.1"})
    assert client.get("/api/local/").status_code == 404


def management_paths(cast):
    yield from ("/api/users/", "/api/teams/", "/api/providers/", "/api/guards/", "/api/keys/")
    yield from ("/api/projects/", "/api/usage/", "/api/audit-entries/", "/api/memberships/")
    yield f"/api/users/{cast.marco.pk}/"


def test_a_key_that_may_only_chat_manages_nothing(cast):
    """Whatever its owner may do, and whatever the view behind the route asks."""
    narrow = cast.bearer(cast.admin, scopes=["chat", "conversations:read"])
    wide = cast.bearer(cast.admin)
    for address in management_paths(cast):
        assert Client().get(address, headers=narrow).status_code == 403, address
        assert Client().get(address, headers=wide).status_code in (200, 403), address
    assert Client().get("/api/conversations/", headers=narrow).status_code == 200
    assert Client().get("/v1/models", headers=narrow).status_code == 200


def test_the_lock_holds_where_a_view_forgets_to_ask(cast, monkeypatch):
    monkeypatch.setattr("portal.api.RolePermission.has_permission", lambda *_: True)
    narrow = cast.bearer(cast.admin, scopes=["chat"])
    assert Client().get("/api/users/", headers=narrow).status_code == 403
