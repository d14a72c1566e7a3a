"""The three doors, spoken to in their own language, so that one test can knock at all of them."""

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client

from projects.models import Exchange


@dataclass
class Said:
    """What came out of a door, in one shape: the final text, the guard object, the finish and the status."""

    status: int
    answer: str = ""
    guard: dict[str, Any] | None = None
    code: str = ""
    raw: bytes = b""
    response: Any = None


def events(body: bytes) -> list[tuple[str, Any]]:
    """(name, data) of each server-sent event; comments are left out."""
    found = []
    for block in body.decode().split("\n\n"):
        name, data = "message", None
        for line in block.split("\n"):
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = line[6:]
        if data is not None:
            found.append((name, data if data == "[DONE]" else json.loads(data)))
    return found


def question(text: str, *, project: str = "assistant", **options: Any) -> dict[str, Any]:
    """The body of a completion with one message."""
    return {"model": project, "messages": [{"role": "user", "content": text}], **options}


def _body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def _error(response: Any, raw: bytes) -> Said:
    if response["Content-Type"].startswith("text/html"):
        assert response["X-Request-ID"] in raw.decode()
        return Said(
            response.status_code,
            code=Exchange.objects.latest("id").outcome,
            raw=raw,
            response=response,
        )
    body = json.loads(raw)["error"]
    assert set(body) >= {"message", "type", "code", "request_id"}, body
    assert response["X-Request-ID"] == body["request_id"]
    return Said(response.status_code, code=body["code"], raw=raw, response=response)


def api(
    cast: Any, user: Any, text: Any, *, project: str = "assistant", stream: bool = False
) -> Said:
    response = Client().post(
        f"/api/projects/{project}/chat/",
        data=json.dumps({"message": text, "stream": stream}),
        content_type="application/json",
        headers=cast.bearer(user),
    )
    return _portal(response)


def playground(
    cast: Any, user: Any, text: Any, *, project: str = "assistant", stream: bool = True
) -> Said:
    client = Client()
    client.force_login(user)
    headers = {"accept": "text/event-stream"} if stream else {}
    response = client.post(f"/playground/{project}/ask/", {"message": text}, headers=headers)
    if response.status_code == 302:
        row = Exchange.objects.latest("id")
        shown = row.conversation.messages.get(role="assistant")
        guard = None
        if row.guard_action:
            guard = {"action": row.guard_action, "stage": row.guard_stage, "guards": row.guards}
        return Said(200, shown.content, guard, response=response)
    return _portal(response)


def _portal(response: Any) -> Said:
    raw = _body(response)
    if response.status_code != 200:
        return _error(response, raw)
    if response["Content-Type"].startswith("text/event-stream"):
        seen = events(raw)
        name, last = seen[-1]
        if name == "error":
            return Said(200, code=last["error"]["code"], raw=raw, response=response)
        assert name == "done"
        return Said(200, last["answer"], last["guard"], raw=raw, response=response)
    body = json.loads(raw)
    return Said(200, body["answer"], body["guard"], raw=raw, response=response)


def v1(
    cast: Any, user: Any, text: Any, *, project: str = "assistant", stream: bool = False
) -> Said:
    response = Client().post(
        "/v1/chat/completions",
        data=json.dumps(
            {
                "model": project,
                "messages": [{"role": "user", "content": text}],
                "stream": stream,
            }
        ),
        content_type="application/json",
        headers=cast.bearer(user),
    )
    raw = _body(response)
    if response.status_code != 200:
        return _error(response, raw)
    if not stream:
        body = json.loads(raw)
        return Said(
            200,
            body["choices"][0]["message"]["content"],
            body.get("guard"),
            raw=raw,
            response=response,
        )
    chunks = [data for _name, data in events(raw) if data != "[DONE]"]
    if "error" in chunks[-1]:
        return Said(200, code=chunks[-1]["error"]["code"], raw=raw, response=response)
    last = chunks[-1]
    texts = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks]
    blocked = last["choices"][0]["finish_reason"] == "content_filter"
    answer = texts[-1] if blocked else "".join(texts)
    return Said(200, answer, last.get("guard"), raw=raw, response=response)


DOORS = {
    "api": api,
    "api streamed": lambda *a, **k: api(*a, stream=True, **k),
    "v1": v1,
    "v1 streamed": lambda *a, **k: v1(*a, stream=True, **k),
    "playground": lambda *a, **k: playground(*a, stream=False, **k),
    "playground streamed": playground,
}
