"""The OpenAI-compatible endpoints in the OpenAPI document. They are plain views, so what they take is written here."""

from typing import Any

from portal.openapi import add_errors, errors_of

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
WHOLE: Json = {"type": "integer", "minimum": 1}

MESSAGE: Json = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "role": {"type": "string", "enum": ["system", "developer", "user", "assistant"]},
        "content": {
            "description": "A text, or a list of text parts. At most 32 KiB.",
            "oneOf": [
                TEXT,
                {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["type", "text"],
                        "properties": {"type": {"type": "string", "enum": ["text"]}, "text": TEXT},
                    },
                },
            ],
        },
    },
}
REQUEST: Json = {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {
        "model": {"type": "string", "description": "The slug of a project."},
        "messages": {"type": "array", "minItems": 1, "maxItems": 500, "items": MESSAGE},
        "stream": {"type": "boolean", "default": False},
        "stream_options": {
            "type": "object",
            "properties": {"include_usage": {"type": "boolean", "default": False}},
        },
        "temperature": NUMBER,
        "top_p": NUMBER,
        "max_tokens": WHOLE,
        "max_completion_tokens": WHOLE,
        "presence_penalty": NUMBER,
        "frequency_penalty": NUMBER,
        "seed": {"type": "integer"},
        "stop": {"oneOf": [TEXT, {"type": "array", "items": TEXT}]},
        "response_format": {"type": "object"},
    },
}
GUARD: Json = {
    "type": "object",
    "description": "Present where a guard blocked, redacted or warned.",
    "properties": {
        "action": {"type": "string", "enum": ["warn", "redact", "block"]},
        "stage": {"type": "string", "enum": ["input", "output"]},
        "guards": {"type": "array", "items": TEXT},
        "findings": {"type": "array", "items": {"type": "object"}},
    },
}
USAGE: Json = {
    "type": "object",
    "properties": {
        "prompt_tokens": {"type": "integer"},
        "completion_tokens": {"type": "integer"},
        "total_tokens": {"type": "integer"},
    },
}
ANSWER: Json = {
    "type": "object",
    "required": ["id", "object", "created", "model", "choices", "usage"],
    "properties": {
        "id": TEXT,
        "object": {"type": "string", "enum": ["chat.completion"]},
        "created": {"type": "integer", "description": "Seconds since 1970."},
        "model": TEXT,
        "choices": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "message", "finish_reason"],
                "properties": {
                    "index": {"type": "integer"},
                    "message": {
                        "type": "object",
                        "properties": {
                            "role": TEXT,
                            "content": {"type": "string", "nullable": True},
                            "refusal": {"type": "string", "nullable": True},
                        },
                    },
                    "logprobs": {"type": "object", "nullable": True},
                    "finish_reason": {
                        "type": "string",
                        "description": "stop, length, or content_filter where a guard blocked.",
                    },
                },
            },
        },
        "usage": USAGE,
        "guard": GUARD,
    },
}
MODELS: Json = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {
        "object": {"type": "string", "enum": ["list"]},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "object", "created", "owned_by"],
                "properties": {
                    "id": TEXT,
                    "object": {"type": "string", "enum": ["model"]},
                    "created": {"type": "integer"},
                    "owned_by": {"type": "string", "description": "The team's slug."},
                },
            },
        },
    },
}

ASKED = {"model": "assistant", "messages": [{"role": "user", "content": "Say hello."}]}
HEAD = {"id": "chatcmpl-2b7c3d8c1f4f0a6f", "created": 1793611800, "model": "assistant"}
ANSWERED = {
    **HEAD,
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello.", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}
BLOCKED = {
    **ANSWERED,
    "choices": [
        {
            **ANSWERED["choices"][0],  # type: ignore[index]
            "message": {
                "role": "assistant",
                "content": "This question was not sent to the model.",
                "refusal": None,
            },
            "finish_reason": "content_filter",
        }
    ],
    "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    "guard": {
        "action": "block",
        "stage": "input",
        "guards": ["prompt-injection"],
        "findings": [
            {
                "kind": "prompt_injection",
                "category": "system_override",
                "severity": "high",
                "start": 0,
                "end": 32,
            }
        ],
    },
}
STREAMED = (
    'data: {"id": "chatcmpl-2b7c3d8c1f4f0a6f", "object": "chat.completion.chunk", "created": 1793611800, '
    '"model": "assistant", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello."}, '
    '"logprobs": null, "finish_reason": null}]}\n\ndata: [DONE]\n\n'
)


def add_v1(result: Json, generator: Any, request: Any, public: bool) -> Json:
    """A hook of drf-spectacular; runs after `portal.openapi.complete`."""
    result["paths"]["/v1/chat/completions"] = {"post": _completions()}
    result["paths"]["/v1/models"] = {"get": _models()}
    for path in ("/v1/chat/completions", "/v1/models"):
        for method, operation in result["paths"][path].items():
            add_errors(operation, errors_of(path, method, operation))
    return result


def _completions() -> Json:
    return {
        "operationId": "v1_chat_completions",
        "summary": "Ask a project, as the OpenAI API does",
        "description": (
            "Any OpenAI client works with the base URL `/v1` and a key or an access token of this portal. What a guard blocked is an "
            "ordinary answer with `finish_reason` content_filter and a `guard` object; the header `X-Guard-Action` "
            "names what the guards did with the question."
        ),
        "tags": ["v1"],
        "security": [{"key": []}, {"token": []}],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": REQUEST, "example": ASKED}},
        },
        "responses": {
            "200": {
                "description": "The answer; with `stream`, server-sent events.",
                "content": {
                    "application/json": {
                        "schema": ANSWER,
                        "examples": {
                            "answered": {"value": ANSWERED},
                            "blocked": {"value": BLOCKED},
                        },
                    },
                    "text/event-stream": {"schema": TEXT, "example": STREAMED},
                },
            }
        },
    }


def _models() -> Json:
    row = {"id": "assistant", "object": "model", "created": 1793611800, "owned_by": "research"}
    return {
        "operationId": "v1_models",
        "summary": "List the projects that the caller may ask",
        "description": "Each project is a model of this endpoint; its `id` is the project's slug.",
        "tags": ["v1"],
        "security": [{"key": []}, {"token": []}],
        "responses": {
            "200": {
                "description": "The projects.",
                "content": {
                    "application/json": {
                        "schema": MODELS,
                        "example": {"object": "list", "data": [row]},
                    }
                },
            }
        },
    }
