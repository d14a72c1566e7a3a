"""How the OpenAPI document describes our authentication."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class PortalAuthenticationScheme(OpenApiAuthenticationExtension):
    """A key or an access token as bearer, e-mail and password where that is allowed, or the session's cookie."""

    target_class = "accounts.api.PortalAuthentication"
    name = ["key", "token", "basic", "session"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "gh_…",
                "description": "A key, made on the account pages.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "An access token from `/api/auth/token/`; it lives for minutes.",
            },
            {
                "type": "http",
                "scheme": "basic",
                "description": (
                    "E-mail and password, where the installation allows it (`PORTAL_BASIC_AUTH`, off by default); "
                    "never for people who have, or must have, a second factor."
                ),
            },
            {"type": "apiKey", "in": "cookie", "name": "gatehouse_session"},
        ]
