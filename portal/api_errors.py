"""DRF's error hook, in a module of its own: DRF's views import the settings that import the rooms."""

from typing import Any

from django.http import HttpResponse
from rest_framework.views import set_rollback

from portal.errors import as_refusal, error_response


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's hook: the contract's body for everything known; the rest goes on to Django's 500."""
    refusal = as_refusal(error)
    if refusal is None:
        return None
    set_rollback()
    return error_response(context["request"]._request, refusal)
