"""Probes and the last-resort error pages."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

from portal.errors import Refusal, error_response
from portal.limits import is_degraded
from portal.request_limits import TOO_LARGE


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and all migrations are applied, else 503."""
    database = migrations = False
    try:
        executor = MigrationExecutor(connection)
        database = True
        migrations = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        pass
    ready = database and migrations
    body = {
        "status": "ready" if ready else "not ready",
        "checks": {"database": database, "migrations": migrations},
        "limits": "degraded" if is_degraded() else "exact",
    }
    return JsonResponse(body, status=200 if ready else 503)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Also what Django's own middleware raises, which asks no `process_exception`."""
    is_large = isinstance(exception, TOO_LARGE)
    return error_response(request, Refusal("too_large" if is_large else "invalid_request"))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(request, Refusal("permission_denied"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(request, Refusal("not_found"))


def server_error(request: HttpRequest) -> HttpResponse:
    return error_response(request, Refusal("internal_error"))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_response(request, Refusal("permission_denied"))
