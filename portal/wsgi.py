"""The web server's way in, and the last net: whatever breaks outside of Django's own is answered and logged in our words."""

import json
import logging
import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ["GATEHOUSE_PROCESS"] = "web"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

django.setup(set_prefix=False)

from portal.content_security import DATA_POLICY, HEADER  # noqa: E402
from portal.context import RequestContext, entered  # noqa: E402
from portal.errors import Refusal, error_body  # noqa: E402
from portal.middleware import HEADERS  # noqa: E402

logger = logging.getLogger("portal.wsgi")


class PortalRequest(WSGIRequest):
    """Decodes as UTF-8 whatever charset a Content-Type names; the middleware then refuses what names another."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = "", {}
        try:
            found = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (ValueError, LookupError):
            return
        self.content_type, self.content_params = found


class Portal(WSGIHandler):
    request_class = PortalRequest

    def __call__(self, environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        try:
            return super().__call__(environ, start_response)
        except Exception:
            with entered(RequestContext()) as context:
                logger.exception("a request broke before it was one")
                body = json.dumps(error_body(Refusal("internal_error"))).encode()
        headers = {
            **HEADERS,
            HEADER: DATA_POLICY,
            "X-Frame-Options": "DENY",
            "X-Request-ID": context.request_id,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
        start_response("500 Internal Server Error", list(headers.items()))
        return [body]


application = Portal()
