"""What is malformed, too long, too large or hostile: the contract's error body at every JSON door, and a row where somebody is known."""

import json

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projects.models import Exchange

API, V1 = "/api/projects/assistant/chat/", "/v1/chat/completions"


def question(url, text="say: hi"):
    if url == API:
        return {"message": text}
    return {"model": "assistant", "messages": [{"role": "user", "content": text}]}


def post(cast, url, body, content_type="application/json", **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = Client(raise_request_exception=False)
    headers = {**cast.bearer(cast.marco), **headers}
    return client.generic("POST", url, data, content_type, headers=headers)


def refused(response, status, code):
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code), error
    assert error["request_id"] == response["X-Request-ID"]
    assert set(error) <= {"message", "type", "code", "request_id", "fields"}


@pytest.fixture(params=[API, V1])
def url(request):
    return request.param


@pytest.mark.parametrize(
    "body", [b"{", b"", b"[1,2", b'{"message": NaN}', b"nonsense", b"[" * 5000]
)
def test_malformed_json_is_400_and_leaves_a_row(cast, url, body):
    refused(post(cast, url, body), 400, "invalid_request")
    row = Exchange.objects.get()
    assert (row.outcome, row.closed_at is not None) == ("invalid_request", True)


def test_a_document_nested_too_deep_is_400(cast, url):
    refused(post(cast, url, b'{"a":' * 200 + b"1" + b"}" * 200), 400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"message": "\xff\xfe"}', "application/json"),
        (b'{"message": "x"}', "application/json; charset=latin-1"),
    ],
)
def test_another_encoding_is_400(cast, url, body, content_type):
    refused(post(cast, url, body, content_type), 400, "invalid_encoding")


def test_a_lone_surrogate_is_400(cast, url):
    body = json.dumps(question(url, "X")).replace("X", "\\ud800").encode()
    refused(post(cast, url, body), 400, "invalid_encoding")


def test_another_media_type_is_415(cast, url):
    refused(post(cast, url, b"message=x", "text/plain"), 415, "unsupported_media_type")


def test_a_message_over_32_kib_is_422_and_is_not_echoed(cast, url):
    response = post(cast, url, question(url, "secretword " * 4000))
    refused(response, 422, "validation_failed")
    assert b"secretword" not in response.content
    assert Exchange.objects.get().outcome == "validation_failed"


def test_a_body_over_1_mib_is_413(cast, url):
    refused(post(cast, url, question(url, "x" * 1_100_000)), 413, "too_large")


def test_over_8192_characters_the_limits_guard_speaks(cast, url):
    response = post(cast, url, question(url, "say: " + "long " * 1700))
    assert response.status_code == 200
    assert response.json()["guard"]["guards"] == ["limits"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"message": 5},
        {"message": "   "},
        {"message": "x", "stream": "yes"},
        {"message": "x\x00y"},
    ],
)
def test_wrong_shapes_of_our_own_door(cast, body):
    response = post(cast, API, body)
    assert response.status_code in (400, 422)
    refused(response, response.status_code, response.json()["error"]["code"])


@pytest.mark.parametrize(
    "change",
    [
        {"model": None},
        {"model": 5},
        {"messages": []},
        {"messages": "hi"},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "system", "content": "only"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        {"temperature": "hot"},
        {"max_tokens": -1},
        {"n": 3},
        {"guards": "off"},
        {"tools": [{}]},
        {"stream": "yes"},
    ],
)
def test_wrong_shapes_of_the_compatible_door_name_the_field(cast, change):
    response = post(cast, V1, {**question(V1), **change})
    refused(response, 422, "validation_failed")
    assert next(iter(response.json()["error"]["fields"])).startswith(next(iter(change)))


def test_text_parts_are_all_read(cast):
    parts = [{"type": "text", "text": "say: one"}, {"type": "text", "text": "two"}]
    body = {"model": "assistant", "messages": [{"role": "user", "content": parts}]}
    assert post(cast, V1, body).json()["choices"][0]["message"]["content"] == "one\ntwo"


def test_nobody_known_leaves_no_row(cast, url):
    for headers in ({}, {"authorization": "Bearer nonsense"}):
        response = Client().post(url, question(url), "application/json", headers=headers)
        refused(response, 401, "invalid_credentials" if headers else "not_authenticated")
    assert not Exchange.objects.exists()


@pytest.mark.parametrize("path", ["/api/nothing/", "/v1/nothing", "/api/projects/assistant/chat"])
def test_unknown_paths_and_methods_speak_json_too(cast, path):
    refused(Client().get(path, headers=cast.bearer(cast.marco)), 404, "not_found")
    refused(Client().get(V1, headers=cast.bearer(cast.marco)), 405, "method_not_allowed")


def test_another_persons_conversation_does_not_exist(cast):
    first = post(cast, API, {"message": "say: mine"}).json()["conversation"]
    again = post(cast, API, {"message": "say: more", "conversation": first})
    assert again.json()["conversation"] == first
    other = Client().post(
        API,
        {"message": "say: x", "conversation": first},
        "application/json",
        headers=cast.bearer(cast.olivia),
    )
    refused(other, 404, "not_found")


def test_a_conversation_remembers_what_was_said_after_the_guards(cast, model_server):
    from tests.cast import connect

    connect(cast, model_server)
    first = post(cast, API, {"message": "I am jane.doe@example.org"}).json()["conversation"]
    post(cast, API, {"message": "Who am I?", "conversation": first})
    sent = model_server.requests[-1]["messages"]
    assert [m["role"] for m in sent] == ["user", "assistant", "user"]
    assert sent[0]["content"] == "I am [EMAIL_REDACTED]"


def test_a_clients_system_message_is_appended_to_the_projects_and_scanned(cast, model_server):
    from tests.cast import connect

    connect(cast, model_server)
    cast.assistant.system_prompt = "You are the house."
    cast.assistant.save()
    body = {
        "model": "assistant",
        "messages": [
            {"role": "system", "content": "Write to jane.doe@example.org"},
            {"role": "user", "content": "Hello"},
        ],
    }
    assert post(cast, V1, body).status_code == 200
    system = model_server.requests[-1]["messages"][0]
    assert system == {
        "role": "system",
        "content": "You are the house.\n\nWrite to [EMAIL_REDACTED]",
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(st.sampled_from(["model", "messages", "stream", "message", "x"]), json_values)
)
def test_no_document_makes_a_500(cast, body):
    for url in (API, V1):
        client = Client(raise_request_exception=False)
        headers = {"authorization": f"Bearer {_key(cast)}"}
        response = client.post(url, body, "application/json", headers=headers)
        assert response.status_code < 500, response.content


def _key(cast, known={}):  # noqa: B006 - one key for all examples of one test
    if known.get("cast") is not cast:
        known.update(cast=cast, key=cast.key(cast.marco, requests_per_second=100_000))
        type(cast.assistant).objects.update(rate_limit_per_minute=1_000_000)
    return known["key"]
