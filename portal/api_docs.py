"""The OpenAPI document as a page that needs no script: operations by resource, their fields, examples and errors."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from portal.markdown import render as markdown
from portal.openapi_generator import OneAtATime

Json = dict[str, Any]
ORDER = (
    "v1",
    "auth",
    "projects",
    "conversations",
    "usage",
    "keys",
)  # what integrators look for first


@dataclass(frozen=True, slots=True)
class Row:
    """A parameter or a field of a body."""

    name: str
    kind: str
    required: bool
    words: str


@dataclass(frozen=True, slots=True)
class Example:
    title: str
    html: SafeString


@dataclass(frozen=True, slots=True)
class Operation:
    """`errors` are (status, codes)."""

    anchor: str
    method: str
    path: str
    summary: str
    words: SafeString
    parameters: list[Row] = field(default_factory=list)
    sent: list[Row] = field(default_factory=list)
    got: list[Row] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    errors: list[tuple[str, list[str]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Resource:
    name: str
    operations: list[Operation]


@lru_cache(maxsize=1)
def document() -> Json:
    """The OpenAPI document, made once a process."""
    return OneAtATime().get_schema(request=None, public=True)


@lru_cache(maxsize=1)
def resources() -> list[Resource]:
    """The document as the page shows it."""
    found: dict[str, list[Operation]] = defaultdict(list)
    schema = document()
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            found[operation["tags"][0]].append(
                _operation(path, method, operation, schema["components"]["schemas"])
            )
    known = [name for name in ORDER if name in found]
    return [Resource(name, found[name]) for name in (*known, *sorted(set(found) - set(known)))]


def _operation(path: str, method: str, operation: Json, schemas: Json) -> Operation:
    body = _json(operation.get("requestBody", {}))
    status, answer = next(
        (status, response) for status, response in operation["responses"].items() if status < "300"
    )
    answered = _json(answer)
    examples = [*_examples("Request", body), *_examples(f"Answer {status}", answered)]
    return Operation(
        anchor=operation["operationId"].replace("_", "-"),
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        words=markdown(operation.get("description", "")),
        parameters=[_parameter(row) for row in operation.get("parameters", [])],
        sent=_fields(body.get("schema"), schemas, "readOnly"),
        got=_fields(answered.get("schema"), schemas, "writeOnly"),
        examples=examples,
        errors=[
            (status, sorted(_json(response).get("examples", {})))
            for status, response in sorted(operation["responses"].items())
            if status >= "400"
        ],
    )


def _json(body: Json) -> Json:
    return body.get("content", {}).get("application/json", {})


def _parameter(row: Json) -> Row:
    words = row.get("description", "")
    return Row(row["name"], _kind(row["schema"]), row.get("required", False), words)


def _fields(schema: Json | None, schemas: Json, left_out: str) -> list[Row]:
    """The fields of a body, of a list's rows where it is a list; those that only the other side writes are left out."""
    if not schema:
        return []
    found = _resolved(schema, schemas)
    rows = found.get("properties", {}).get("results")
    if rows is not None:
        found = _resolved(rows["items"], schemas)
    required = found.get("required", [])
    return [
        Row(
            name,
            _kind(_resolved(part, schemas) | part),
            name in required,
            part.get("description", ""),
        )
        for name, part in found.get("properties", {}).items()
        if not part.get(left_out)
    ]


def _resolved(schema: Json, schemas: Json) -> Json:
    if "$ref" in schema:
        return schemas[schema["$ref"].rpartition("/")[2]]
    for several in ("allOf", "oneOf"):
        if several in schema and "$ref" in schema[several][0]:
            return _resolved(schema[several][0], schemas)
    return schema


def _kind(schema: Json) -> str:
    """The type in words: "string (uri)", "one of private, public"."""
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"] if value != "")
    kind = schema.get("type", "any")
    if kind == "array":
        return "list"
    format_ = schema.get("format")
    return f"{kind} ({format_})" if format_ in ("date-time", "uri", "decimal", "email") else kind


def _examples(title: str, media: Json) -> list[Example]:
    found = {"": media["example"]} if "example" in media else {}
    found |= {name: example["value"] for name, example in media.get("examples", {}).items()}
    return [
        Example(f"{title}: {name}" if name else title, _shown(value))
        for name, value in found.items()
    ]


def _shown(value: Any) -> SafeString:
    return markdown(f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```")


@login_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """For everybody with an account; the document itself is at `/api/schema/`."""
    return render(request, "api/docs.html", {"resources": resources(), "document": document()})
