"""How the OpenAPI document describes our authentication."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from accounts.scopes import EVERY_KEY, SCOPES, required


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
                "description": _words_of_scopes(),
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
                    "E-mail and password, where the platform's settings allow it (off by default); "
                    "never for people who have, or must have, a second factor."
                ),
            },
            {"type": "apiKey", "in": "cookie", "name": "gatehouse_session"},
        ]


def _words_of_scopes() -> str:
    lines = [f"* `{name}`: {scope.words}" for name, scope in SCOPES.items()]
    return "\n".join(
        ["A key does what its scopes name; without scopes, all that its owner may.", *lines]
    )


def add_scopes(result: dict[str, Any], generator: Any, request: Any, public: bool) -> Any:
    """A hook of drf-spectacular, the last one: each operation says which scope it asks of a key."""
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            try:
                scope = required(method.upper(), path)
            except LookupError:  # a test fails for it; the document is there all the same
                continue
            if scope is not None:
                operation["x-scope"] = scope
                words = f"A key needs the scope `{scope}`."
            elif f"{method.upper()} {path}" in EVERY_KEY:
                words = "Open to every key."
            else:
                words = "Not for keys."
            operation["description"] = f"{operation.get('description', '')}\n\n{words}".strip()
    return result
