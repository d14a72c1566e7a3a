"""Examples of every body in the OpenAPI document, made of its schemas."""

from typing import Any

Json = dict[str, Any]

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
    "usage_days": 400,
    "event_days": 400,
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
