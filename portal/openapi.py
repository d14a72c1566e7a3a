"""Completes the OpenAPI document: summaries, the errors of each operation, and an example of every body."""

from typing import Any

from portal.errors import ERRORS

Json = dict[str, Any]

VERBS = {
    "list": "List",
    "create": "Create",
    "retrieve": "Read",
    "update": "Replace",
    "partial_update": "Change",
    "destroy": "Delete",
}
# What an example of a field with this name is; other fields have one by their type.
EXAMPLES: Json = {
    "slug": "assistant",
    "name": "Assistant",
    "description": "Answers questions about our handbook.",
    "team": "research",
    "email": "marco@example.com",
    "project": "assistant",
    "project_slug": "assistant",
    "message": "What does our handbook say about remote work?",
    "answer": "Up to three days a week, in agreement with your team.",
    "conversation": "8c1f4f0a6f0e4b0c9f5d1f1f6a2b7c3d",
    "exchange": "2b7c3d8c1f4f0a6f0e4b0c9f5d1f1f6a",
    "id": 7,
    "uid": "8c1f4f0a6f0e4b0c9f5d1f1f6a2b7c3d",
    "title": "What does our handbook say about remote work?",
    "content": "Up to three days a week, in agreement with your team.",
    "cost": "0.000420",
    "monthly_budget": "200.000000",
    "spent_this_month": "12.340000",
    "projects": ["assistant"],
    "allowed_addresses": "203.0.113.0/24",
    "last_four": "1234",
    "overlap_hours": 24,
    "input_price_per_million": "0.150000",
    "output_price_per_million": "0.600000",
    "prompt_tokens": 31,
    "completion_tokens": 14,
    "latency_ms": 840,
    "first_token_ms": 210,
    "status": 200,
    "base_url": "https://api.openai.com/v1",
    "secret": "••••1234",
    "model_name": "gpt-4o-mini",
    "outcome": "answered",
    "request_id": "req_4f0a6f0e4b0c9f5d",
    "text": "Write to marco@example.com.",
    "system_prompt": "Answer from the handbook, and say so where it is silent.",
    "rate_limit_per_minute": 60,
    "next": None,
    "previous": None,
    "guard": None,
    "public_id": "4f0a6f0e4b0c",
    "masked": "••••1234",
    "guards": ["personal-data"],
    "password": "correct horse battery staple",
    "access": "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.….…",
    "refresh": "ghr_8c1f4f0a6f0e4b0c9f5d1f1f6a2b7c3d_…",
    "expires_in": 900,
    "token_type": "Bearer",
    "code": "123456",
    "findings": [
        {"kind": "personal_data", "category": "email", "severity": "medium", "start": 9, "end": 26}
    ],
}
BY_TYPE: Json = {"integer": 1, "number": 0.5, "boolean": True, "string": "text", "object": {}}
BY_FORMAT: Json = {
    "date-time": "2026-11-02T09:30:00Z",
    "date": "2026-11-02",
    "email": "marco@example.com",
    "uri": "https://portal.example.com/api/projects/?page=2",
    "decimal": "0.000420",
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


def example_of(schema: Json, schemas: Json, *, name: str = "", sent: bool = False) -> Any:
    """A value of this schema. `sent`: without what only the portal writes."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, name=name, sent=sent)
    for several in ("allOf", "oneOf", "anyOf"):
        if several in schema:
            return example_of(schema[several][0], schemas, name=name, sent=sent)
    if "enum" in schema:
        return schema["enum"][0]
    if "properties" in schema:
        return {
            key: example_of(part, schemas, name=key, sent=sent)
            for key, part in schema["properties"].items()
            if not (sent and part.get("readOnly")) and not (not sent and part.get("writeOnly"))
        }
    kind = schema.get("type", "string")
    if name in EXAMPLES and _fits(EXAMPLES[name], schema):
        return EXAMPLES[name]
    if kind == "array":
        return [example_of(schema.get("items", {}), schemas, sent=sent)]
    return BY_FORMAT.get(schema.get("format", ""), BY_TYPE[kind])


PYTHON = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def _fits(value: Any, schema: Json) -> bool:
    if value is None:
        return bool(schema.get("nullable"))
    if schema.get("format") in ("date-time", "date"):
        return False
    if isinstance(value, list) and value and "$ref" in schema.get("items", {}):
        return isinstance(value[0], dict)
    return isinstance(value, PYTHON.get(schema.get("type", ""), object))  # type: ignore[arg-type]
