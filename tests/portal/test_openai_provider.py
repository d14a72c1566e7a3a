"""The OpenAI-compatible provider against a real socket that misbehaves in every way we know."""

import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from portal.models import Provider
from portal.providers import TICK, ChatRequest, Completion, Piece, ProviderFailure, Usage
from portal.providers.openai import OpenAIClient
from tests.model_server import USAGE, Answer, Failure, Raw, Reset, Silence

QUESTION = ChatRequest("gpt-test", [{"role": "user", "content": "Hello?"}], {"temperature": 0.5})
MIXED = "Grüße, 世界! 👩‍🚀 ok"


def client_of(model_server, **changes) -> OpenAIClient:
    fields = {"read_timeout_s": 5.0, "total_timeout_s": 20.0} | changes
    provider = Provider(
        slug="test", kind="openai", base_url=model_server.base_url, secret="sk-test-1234", **fields
    )
    return OpenAIClient(provider)


def text_and_end(pieces) -> tuple[str, Piece]:
    pieces = [piece for piece in pieces if piece is not TICK]
    return "".join(piece.text for piece in pieces), pieces[-1]


def failure_of(call) -> ProviderFailure:
    with pytest.raises(ProviderFailure) as caught:
        call()
    return caught.value


def both_ways(client) -> list[ProviderFailure]:
    return [
        failure_of(lambda: client.complete(QUESTION)),
        failure_of(lambda: list(client.stream(QUESTION))),
    ]


def test_a_completion_comes_with_the_providers_own_count(model_server):
    answer = client_of(model_server).complete(QUESTION)
    assert answer == Completion("Hello from the model server.", "stop", 25, 20, False)


def test_the_provider_gets_the_question_the_parameters_and_the_key(model_server):
    client_of(model_server, extra_headers={"X-Organisation": "house"}).complete(QUESTION)
    asked = model_server.last
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.body == {
        "temperature": 0.5,
        "model": "gpt-test",
        "messages": [{"role": "user", "content": "Hello?"}],
    }
    assert asked.headers["authorization"] == "Bearer sk-test-1234"
    assert asked.headers["x-organisation"] == "house"


def test_a_stream_asks_for_usage_and_parameters_cannot_undo_it(model_server):
    request = ChatRequest("m", [], {"stream": False, "model": "other", "n": 3, "messages": "x"})
    list(client_of(model_server).stream(request))
    assert model_server.last.body == {
        "model": "m",
        "messages": [],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_stream_gives_pieces_and_ends_with_reason_and_usage(model_server):
    pieces = list(client_of(model_server).stream(QUESTION))
    assert [piece.text for piece in pieces] == ["Hello ", "from ", "the ", "model ", "server.", ""]
    assert pieces[-1] == Piece("", "stop", Usage(25, 20))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("until_close", [False, True])
def test_a_stream_is_the_same_at_any_chunking(model_server, size, line_end, until_close):
    model_server.default = Answer(
        MIXED,
        bytes_per_write=size,
        line_end=line_end,
        comments=True,
        until_close=until_close,
    )
    text, end = text_and_end(client_of(model_server).stream(QUESTION))
    assert text == MIXED
    assert end == Piece("", "stop", Usage(25, 20))


def test_a_character_cut_between_two_events_is_joined_again(model_server):
    high, low = (json.dumps("👍")[1:-1][start : start + 6] for start in (0, 6))
    lines = [
        f'data: {{"choices":[{{"delta":{{"content":"{half}"}}}}]}}\n\n' for half in (high, low, low)
    ]
    lines += [
        f'data: {{"choices":[{{"delta":{{"content":"{high}"}},"finish_reason":"stop"}}]}}\n\n'
    ]
    model_server.will(Raw(_sse("".join(lines))))
    text, _end = text_and_end(client_of(model_server).stream(QUESTION))
    assert text == "👍\ufffd\ufffd"
    text.encode()


def test_characters_that_no_database_holds_are_replaced(model_server):
    model_server.will(Answer("a\x00b"), Answer(pieces=["a\x00b"]))
    client = client_of(model_server)
    assert client.complete(QUESTION).text == "a\ufffdb"
    assert text_and_end(client.stream(QUESTION))[0] == "a\ufffdb"


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": -1, "completion_tokens": 2}, {"prompt_tokens": "9"}]
)
def test_missing_or_absurd_usage_is_estimated_and_marked(model_server, usage):
    model_server.will(Answer(usage=usage), Answer(usage=usage))
    client = client_of(model_server)
    whole = client.complete(QUESTION)
    assert (whole.prompt_tokens, whole.completion_tokens, whole.estimated) == (2, 7, True)
    _text, end = text_and_end(client.stream(QUESTION))
    assert end.usage == Usage(2, 7, estimated=True)


def test_a_stream_without_done_is_complete_once_it_gave_a_reason(model_server):
    model_server.will(Answer(done=False), Answer(done=False, usage=None, until_close=True))
    client = client_of(model_server)
    for _time in range(2):
        text, end = text_and_end(client.stream(QUESTION))
        assert (text, end.finish_reason) == ("Hello from the model server.", "stop")


def test_a_stream_that_only_says_done_has_stopped(model_server):
    model_server.will(Answer(finish_reason=None))
    assert text_and_end(client_of(model_server).stream(QUESTION))[1].finish_reason == "stop"


def test_a_stream_that_ends_in_the_middle_is_broken(model_server):
    model_server.will(Answer(finish_reason=None, done=False, usage=None))
    assert failure_of(lambda: list(client_of(model_server).stream(QUESTION))).kind == "broken"


def test_the_finish_reason_is_handed_on(model_server):
    model_server.will(Answer(finish_reason="length"), Answer(finish_reason="length"))
    model_server.will(Answer(finish_reason="<script>"))
    client = client_of(model_server)
    assert client.complete(QUESTION).finish_reason == "length"
    assert text_and_end(client.stream(QUESTION))[1].finish_reason == "length"
    assert client.complete(QUESTION).finish_reason == "stop"


def test_a_server_that_does_not_stream_is_understood_all_the_same(model_server):
    model_server.will(Answer(as_json=True))
    text, end = text_and_end(client_of(model_server).stream(QUESTION))
    assert (text, end) == (
        "Hello from the model server.",
        Piece("", "stop", Usage(USAGE["prompt_tokens"], USAGE["completion_tokens"])),
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, "misconfigured"),
        (307, "misconfigured"),
        (400, "rejected"),
        (401, "misconfigured"),
        (403, "misconfigured"),
        (404, "misconfigured"),
        (408, "timeout"),
        (413, "rejected"),
        (422, "rejected"),
        (429, "rate_limited"),
        (500, "broken"),
        (502, "broken"),
        (503, "broken"),
        (529, "broken"),
    ],
)
def test_every_status_has_its_meaning_and_none_its_words(model_server, status, kind):
    model_server.default = Failure(status, {"Location": "http://127.0.0.1/elsewhere"})
    for failure in both_ways(client_of(model_server)):
        assert failure.kind == kind
        said = f"{failure.words} {failure.detail} {failure} {failure.__cause__}"
        assert "sk-" not in said
        assert "127.0.0.1" not in said
    assert len(model_server.recorded) == 2


def test_a_server_error_about_length_is_the_requests_fault(model_server):
    body = {"error": {"message": "This model's maximum context length is 8192 tokens"}}
    model_server.default = Failure(500, body=body)
    assert {failure.kind for failure in both_ways(client_of(model_server))} == {"rejected"}


def test_retry_after_is_read_as_seconds_or_date_and_capped(model_server):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    model_server.will(
        Failure(429, {"Retry-After": "7"}),
        Failure(429, {"Retry-After": soon}),
        Failure(429, {"Retry-After": "999999999"}),
        Failure(429, {"Retry-After": "soon"}),
        Failure(503, {"Retry-After": "2"}),
    )
    client = client_of(model_server)
    found = [failure_of(lambda: client.complete(QUESTION)).retry_after for _ in range(5)]
    assert found[0] == 7
    assert 20 < found[1] <= 30
    assert found[2:] == [3600, None, 2]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Bad gateway</html>",
        b"{",
        b"[]",
        b"null",
        b'{"choices": []}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [null]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"error": {"message": "boom"}}',
    ],
)
def test_an_answer_that_is_none_is_broken(model_server, body):
    model_server.default = Failure(200, body=body)
    assert [failure.kind for failure in both_ways(client_of(model_server))] == ["broken"] * 2


@pytest.mark.parametrize("event", ["{", "[]", "\udcff", '{"error": {"message": "boom"}}'])
def test_an_event_that_is_none_is_broken(model_server, event):
    good = 'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n'
    model_server.will(Raw(_sse(f"{good}data: {event}\n\n")))
    stream = client_of(model_server).stream(QUESTION)
    assert next(stream).text == "Hel"
    assert failure_of(lambda: list(stream)).kind == "broken"


def test_an_error_in_the_middle_of_a_stream_is_a_failure_after_its_pieces(model_server):
    model_server.will(Answer(error_after=2))
    stream = client_of(model_server).stream(QUESTION)
    assert [next(stream).text, next(stream).text] == ["Hello ", "from "]
    failure = failure_of(lambda: next(stream))
    assert failure.kind == "broken"
    assert "10.0.0.7" not in str(failure)


def test_a_reset_in_the_middle_is_broken_and_one_instead_of_an_answer_too(model_server):
    client = client_of(model_server)
    model_server.will(Answer(reset_after=2, pause_s=0.05))
    stream = client.stream(QUESTION)
    assert next(stream).text == "Hello "
    assert failure_of(lambda: list(stream)).kind == "broken"
    model_server.will(Reset(), Reset(), Raw(b""), Raw(b""))
    assert [failure.kind for failure in both_ways(client)] == ["broken"] * 2
    assert [failure.kind for failure in both_ways(client)] == ["broken"] * 2
    assert len(model_server.recorded) == 5


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhello",
        b"zz\r\n",
        b"-5\r\nhello\r\n",
        b"5\r\nhelloXX\r\n",
        b"",
    ],
)
def test_a_body_that_is_cut_off_or_not_in_chunks_is_broken(model_server, body):
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    model_server.default = Raw(head + body)
    assert [failure.kind for failure in both_ways(client_of(model_server))] == ["broken"] * 2


def test_a_body_shorter_than_announced_is_broken(model_server):
    model_server.default = Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}")
    assert [failure.kind for failure in both_ways(client_of(model_server))] == ["broken"] * 2


@pytest.mark.parametrize("data", [b"not http at all\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_an_answer_that_is_not_http_is_broken(model_server, data):
    model_server.default = Raw(data)
    assert [failure.kind for failure in both_ways(client_of(model_server))] == ["broken"] * 2


def test_bodies_are_capped(model_server, monkeypatch):
    monkeypatch.setattr("portal.providers.openai.MAX_ANSWER_BYTES", 2000)
    model_server.default = Answer("word " * 1000)
    assert [failure.kind for failure in both_ways(client_of(model_server))] == ["broken"] * 2


def test_a_line_without_an_end_is_capped(model_server, monkeypatch):
    monkeypatch.setattr("portal.providers.sse.MAX_EVENT_BYTES", 2000)
    model_server.will(Raw(_sse("data: " + "x" * 50_000)))
    assert failure_of(lambda: list(client_of(model_server).stream(QUESTION))).kind == "broken"


def test_silence_longer_than_the_read_timeout_is_a_timeout(model_server):
    client = client_of(model_server, read_timeout_s=0.3)
    model_server.default = Silence()
    assert [failure.kind for failure in both_ways(client)] == ["timeout"] * 2
    model_server.default = Answer(stall_after=2)
    stream = client.stream(QUESTION)
    assert [next(stream).text, next(stream).text] == ["Hello ", "from "]
    assert failure_of(lambda: list(stream)).kind == "timeout"


def test_a_trickle_does_not_outlast_the_total_timeout(model_server):
    model_server.default = Answer("word " * 100, pause_s=0.05)
    client = client_of(model_server, total_timeout_s=0.5)
    assert failure_of(lambda: list(client.stream(QUESTION))).kind == "timeout"
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
    model_server.default = _Trickle(body)
    assert failure_of(lambda: client.complete(QUESTION)).kind == "timeout"


class _Trickle:
    def __init__(self, head: bytes) -> None:
        self.head = head

    def perform(self, exchange) -> None:
        exchange.wfile.write(self.head)
        for _byte in range(500):
            exchange.wfile.write(b" ")
            time.sleep(0.02)


def test_nobody_listening_and_no_such_name_are_unreachable(model_server):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/v1", "http://nowhere.invalid/v1"):
        model_server.base_url = url
        assert [f.kind for f in both_ways(client_of(model_server))] == ["unreachable"] * 2
        for failure in both_ways(client_of(model_server)):
            assert "127.0.0.1" not in failure.detail


@pytest.fixture(autouse=True)
def _url_is_kept(request):
    if "model_server" not in request.fixturenames:
        yield
        return
    server = request.getfixturevalue("model_server")
    url = server.base_url
    yield
    server.base_url = url


def test_an_address_that_is_not_allowed_is_our_misconfiguration(model_server, settings):
    settings.PRIVATE_NETWORKS = []
    assert [f.kind for f in both_ways(client_of(model_server))] == ["misconfigured"] * 2
    assert model_server.recorded == []


def test_silence_ticks_about_every_second_before_the_first_byte_and_between(model_server):
    model_server.will(Answer(pieces=["one", "two"], silence_s=1.3, pause_s=1.2))
    stream = client_of(model_server).stream(QUESTION)
    seen = [next(stream) for _ in range(4)]
    assert [item is TICK for item in seen] == [True, False, True, False]
    stream.close()


def test_half_a_chunk_does_not_stop_the_ticking(model_server):
    class HalfAChunk:
        def perform(self, exchange) -> None:
            exchange.begin_stream(chunked=True)
            exchange.wfile.write(b"4")
            exchange.wait_for_hang_up()

    model_server.will(HalfAChunk())
    stream = client_of(model_server).stream(QUESTION)
    assert next(stream) is TICK
    stream.close()


@pytest.mark.parametrize("behaviour", [Answer(stall_after=1), Answer("word " * 1000, pause_s=0.01)])
def test_closing_a_stream_hangs_up_at_once(model_server, behaviour):
    model_server.will(behaviour)
    stream = client_of(model_server).stream(QUESTION)
    next(stream)
    stream.close()
    assert model_server.hung_up.wait(2)


def test_closing_during_the_first_silence_hangs_up_at_once(model_server):
    model_server.will(Silence())
    stream = client_of(model_server).stream(QUESTION)
    assert next(stream) is TICK
    stream.close()
    assert model_server.hung_up.wait(2)


def test_a_complete_answer_does_not_fail_because_its_usage_never_comes(model_server, monkeypatch):
    monkeypatch.setattr("portal.safe_http.TICK_S", 0.05)
    model_server.will(Answer("two words", stall_after=3))
    text, end = text_and_end(client_of(model_server).stream(QUESTION))
    assert (text, end.finish_reason, end.usage.estimated) == ("two words", "stop", True)


def test_connections_are_reused_streamed_or_not(model_server):
    client = client_of(model_server)
    for _time in range(3):
        client.complete(QUESTION)
        list(client.stream(QUESTION))
    assert len({request.peer for request in model_server.recorded}) == 1


def test_a_kept_connection_that_the_server_closed_is_replaced_unseen(model_server):
    class AnswerThenHangUp(Answer):
        def perform(self, exchange) -> None:
            super().perform(exchange)
            exchange.close_connection = True

    client = client_of(model_server)
    model_server.will(Answer(), Raw(b""), Answer(), Raw(b""), AnswerThenHangUp())
    assert client.complete(QUESTION).text == "Hello from the model server."
    assert client.complete(QUESTION).text == "Hello from the model server."
    assert text_and_end(client.stream(QUESTION))[0] == "Hello from the model server."
    assert client.complete(QUESTION).text == "Hello from the model server."


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_an_answer_smuggled_behind_another_is_nobodys(model_server, framing):
    class TwoAnswers:
        def perform(self, exchange) -> None:
            body = b'{"choices": [{"message": {"content": "first"}}]}'
            head = b"HTTP/1.1 200 OK\r\n"
            if framing == "length":
                first = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
            else:
                first = head + b"Transfer-Encoding: chunked\r\n\r\n"
                first += b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            exchange.wfile.write(first + first.replace(b"first", b"thief"))

    client = client_of(model_server)
    model_server.will(TwoAnswers())
    assert client.complete(QUESTION).text == "first"
    assert client.complete(QUESTION).text == "Hello from the model server."
    assert len({request.peer for request in model_server.recorded}) == 2


def test_many_threads_share_a_client(model_server):
    client = client_of(model_server)
    texts = []

    def ask() -> None:
        for _time in range(5):
            texts.append(text_and_end(client.stream(QUESTION))[0])
            texts.append(client.complete(QUESTION).text)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["Hello from the model server."] * 80


def test_proxies_and_netrc_of_the_environment_are_ignored(model_server, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    client_of(model_server).complete(QUESTION)
    list(client_of(model_server).stream(QUESTION))
    assert {r.headers["authorization"] for r in model_server.recorded} == {"Bearer sk-test-1234"}


def _sse(body: str) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return head + body.encode("utf-8", "surrogateescape")
