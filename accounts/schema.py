"""How the OpenAPI document describes our authentication."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class PortalAuthenticationScheme(OpenApiAuthenticationExtension):
    """A key as bearer token, or the session's cookie."""

    target_class = "accounts.api.PortalAuthentication"
    name = ["key", "session"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "gh_…"},
            {"type": "apiKey", "in": "cookie", "name": "gatehouse_session"},
        ]
