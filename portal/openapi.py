"""Completes the OpenAPI document: summaries, the errors of each operation, and an example of every body."""

from typing import Any

from portal.errors import ERRORS
from portal.openapi_examples import BY_FORMAT, EXAMPLES, example_of

Json = dict[str, Any]

VERBS = {
    "list": "List",
    "create": "Create",
    "retrieve": "Read",
    "update": "Replace",
    "partial_update": "Change",
    "destroy": "Delete",
}
ALWAYS = ("not_authenticated", "permission_denied")
WITH_BODY = ("invalid_request", "too_large", "validation_failed")
# What the doors of `/api/auth/` answer with in place of `ALWAYS`.
_PROVING = ("invalid_credentials", "second_factor_required", "too_many_attempts")
AT_AUTH = {
    "/api/auth/token/": (*_PROVING, "permission_denied", "address_blocked"),
    "/api/auth/token/refresh/": (*_PROVING, "address_blocked"),
    "/api/auth/logout/": ALWAYS,
    "/api/auth/fresh/": (*ALWAYS, *_PROVING),
}
ASKS_ANEW = (
    "/api/guards/",
    "/api/projects/",
    "/api/providers/",
    "/api/teams/",
)  # portal/sensitive.py
# What may weaken, and then waits for a second person (portal/weakenings.py): the resources, not their deeds.
MAY_WAIT = ("/api/guards/", "/api/projects/", "/api/teams/", "/api/settings/")
NAMED_BY_QUERY = (
    "/api/permissions/",
)  # what one may not see is not found, though no path names it
EXPORT = "/api/permissions/matrix"  # as CSV it is asked once more who one is
CHANGE_NOTHING = ("chat/", "check/", "simulate")
ASKING = (
    *("budget_exceeded", "rate_limited", "provider_error"),
    *("guard_unavailable", "provider_timeout"),
)


def complete(result: Json, generator: Any, request: Any, public: bool) -> Json:
    """A hook of drf-spectacular; changes the document in place and returns it."""
    result["components"]["schemas"]["Error"] = _error_schema()
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            _describe(operation)
            if method in ("post", "patch", "put", "delete") and path.startswith(MAY_WAIT):
                _add_waiting(operation, path)
            operation["security"] = security_of(path)
            add_errors(operation, errors_of(path, method, operation))
            _add_examples(operation, result["components"]["schemas"])
    return result


def _add_waiting(operation: Json, path: str) -> None:
    """202 of whatever the two-person rule holds back, and the header that gives the reason."""
    if path.endswith(CHANGE_NOTHING):
        return
    text = {"type": "string"}
    names = ("pending_change", "url", "expires_at", "message")
    operation["responses"]["202"] = {
        "description": (
            "The two-person rule is on and this weakens something: nothing was changed, it waits at `url` until "
            "somebody else approves it."
        ),
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {name: text for name in names}},
                "example": {
                    "pending_change": EXAMPLES["uid"],
                    "url": f"/api/pending-changes/{EXAMPLES['uid']}/",
                    "expires_at": BY_FORMAT["date-time"],
                    "message": "Nothing was changed yet: this waits for a second person.",
                },
            }
        },
    }
    operation.setdefault("parameters", []).append(
        {
            "name": "X-Change-Reason",
            "in": "header",
            "schema": text,
            "description": (
                "Why, for whoever decides; needed where the answer is 202. Outside of ASCII percent-encoded UTF-8."
            ),
        }
    )


def security_of(path: str) -> list[Json]:
    """One of them is needed; none at the doors that give tokens."""
    names = {"/api/auth/logout/": ("token", "session"), "/api/auth/fresh/": ("token", "session")}
    if path.startswith("/api/auth/token/"):
        return []
    return [{name: []} for name in names.get(path, ("key", "token", "basic", "session"))]


def _describe(operation: Json) -> None:
    """`summary` in words: "List projects"; what is there already stays."""
    resource, _sep, verb = operation["operationId"].partition("_")
    for name in sorted(VERBS, key=len, reverse=True):
        if operation["operationId"].endswith(f"_{name}"):
            resource, verb = operation["operationId"][: -len(name) - 1], name
            break
    noun = resource.replace("_", " ")
    one = noun if verb == "list" else f"one of {noun}"
    operation.setdefault("summary", f"{VERBS.get(verb, verb.capitalize())} {one}")


def errors_of(path: str, method: str, operation: Json) -> list[str]:
    """The codes that this operation can answer with, beside those of a broken server."""
    codes = list(AT_AUTH.get(path, ALWAYS))
    by_query = path.startswith(NAMED_BY_QUERY)
    if "{" in path or by_query:
        codes.append("not_found")
    if by_query and method == "get":
        codes.append("validation_failed")
    if path == EXPORT:
        codes.append("fresh_authentication_required")
    if "requestBody" in operation:
        codes.extend(WITH_BODY)
    if method in ("put", "patch") and path.startswith(ASKS_ANEW):
        codes.append("fresh_authentication_required")
    makes = method == "post" and path not in AT_AUTH
    if method == "delete" or (makes and not path.endswith(CHANGE_NOTHING)):
        codes.append("conflict")
    if path.endswith(("chat/", "chat/completions")):
        codes.extend(ASKING)
    return codes


def _error_schema() -> Json:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "What every refusal looks like. `fields` names what is not valid; values are never echoed.",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type", "code", "request_id"],
                "properties": {
                    "message": text,
                    "type": text,
                    "code": {"type": "string", "enum": sorted(ERRORS)},
                    "request_id": text,
                    "fields": {
                        "type": "object",
                        "additionalProperties": {"type": "array", "items": text},
                    },
                },
            }
        },
    }


def add_errors(operation: Json, codes: list[str]) -> None:
    """One response a status, one example a code."""
    for code in codes:
        meaning = ERRORS[code]
        error = {
            "message": str(meaning.words),
            "type": meaning.type,
            "code": code,
            "request_id": EXAMPLES["request_id"],
        }
        response = operation["responses"].setdefault(
            str(meaning.status),
            {
                "description": str(meaning.words),
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/Error"},
                        "examples": {},
                    }
                },
            },
        )
        response["content"]["application/json"]["examples"][code] = {"value": {"error": error}}


def _add_examples(operation: Json, schemas: Json) -> None:
    bodies = [operation.get("requestBody", {})]
    bodies += [body for status, body in operation["responses"].items() if status < "300"]
    for body in bodies:
        for kind, media in body.get("content", {}).items():
            if kind == "application/json" and "example" not in media and "examples" not in media:
                sent = body is operation.get("requestBody")
                media["example"] = example_of(media["schema"], schemas, sent=sent)
    for body in bodies[:1]:  # forms are accepted by the framework, JSON is what we document
        for kind in [kind for kind in body.get("content", {}) if kind != "application/json"]:
            del body["content"][kind]
