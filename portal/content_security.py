"""The Content-Security-Policy of pages, and of answers that are none."""

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# Should a browser ever take data for a page, it may load, run and frame nothing at all.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
DATA = ("application/json", "text/event-stream")


class ContentSecurityMiddleware(CSPMiddleware):
    """Pages have the policy of the settings; JSON and streams, which need nothing, the strictest there is."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.get("Content-Type", "").startswith(DATA):
            response.headers.setdefault(HEADER, DATA_POLICY)
            return response
        return super().process_response(request, response)
