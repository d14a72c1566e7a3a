"""A page's transaction, in the scope of who asks for it."""

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse

from portal import tenancy
from portal.errors import as_refusal

SERVER_ERROR = 500


class TenantMiddleware:
    """On PostgreSQL each view of a known person runs in one transaction, which says whose rows it may touch.

    Views marked `own_transactions` open theirs themselves. A view that breaks leaves nothing behind; one that refuses
    keeps what it wrote, such as the refusal's entry in the trail.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with tenancy.page() as stack:
            request._page = stack  # type: ignore[attr-defined]
            response = self.get_response(request)
            broke = response.status_code == SERVER_ERROR or getattr(request, "_broke", False)
            if broke and stack.has_transaction and connection.in_atomic_block:
                transaction.set_rollback(True)
            return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if connection.vendor != tenancy.POSTGRESQL or _opens_its_own(view):
            return
        tenancy.await_caller(request._page)  # type: ignore[attr-defined]
        # At an interface a header decides alone, and `identify` adopts whose key it is; pages know sessions only.
        by_header = "HTTP_AUTHORIZATION" in request.META and hasattr(view, "cls")
        if not by_header and request.user.is_authenticated:
            tenancy.adopt(request.user)

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        if as_refusal(error) is None:
            request._broke = True  # type: ignore[attr-defined]


def _opens_its_own(view: Any) -> bool:
    return bool(
        getattr(view, "own_transactions", False)
        or getattr(getattr(view, "cls", None), "own_transactions", False)
        or getattr(getattr(view, "view_class", None), "own_transactions", False)
    )
