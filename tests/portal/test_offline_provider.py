"""The offline provider: deterministic, open about what it is, obedient in development only."""

import pytest

from portal.providers import TICK, ChatRequest, Piece, ProviderFailure
from portal.providers.offline import OfflineClient


def asked(text, *, before=()) -> ChatRequest:
    return ChatRequest("offline", [*before, {"role": "user", "content": text}])


def pieces_of(text) -> list[str]:
    return [item.text for item in OfflineClient().stream(asked(text)) if isinstance(item, Piece)]


@pytest.fixture(autouse=True)
def _development(settings):
    settings.DEVELOPMENT = True


def test_it_says_that_it_is_not_a_language_model_and_repeats_itself_exactly():
    first, second = (OfflineClient().complete(asked("What is a gate?")) for _ in range(2))
    assert "not a language model" in first.text
    assert "4 words and 15 characters" in first.text
    assert first == second


def test_it_counts_tokens_by_estimate_and_says_so():
    answer = OfflineClient().complete(asked("say: eight ch"))
    assert (answer.prompt_tokens, answer.completion_tokens, answer.estimated) == (4, 2, True)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("say: Hello, *world*!", "Hello, *world*!"),
        ("say:  two\n\nlines ", " two\n\nlines "),
        ("SAY: loud", "loud"),
        ("say:", ""),
        ("slow: 1 say: a b", "a b"),
        ("words: 3", "the gate is"),
        ("words: 0", ""),
    ],
)
def test_it_says_what_it_is_told(question, answer):
    assert OfflineClient().complete(asked(question)).text == answer
    assert "".join(pieces_of(question)) == answer


def test_it_streams_word_by_word_and_ends_with_reason_and_usage():
    assert pieces_of("say: one two  three ") == ["one", " two", "  three", " ", ""]
    end = list(OfflineClient().stream(asked("say: one")))[-1]
    assert (end.finish_reason, end.usage.completion_tokens) == ("stop", 1)


def test_only_the_start_of_the_last_user_message_counts():
    earlier = [{"role": "user", "content": "fail: 500"}, {"role": "assistant", "content": "no"}]
    assert OfflineClient().complete(asked("say: fine", before=earlier)).text == "fine"
    assert "not a language model" in OfflineClient().complete(asked("please say: hi")).text
    parts = [{"type": "image_url"}, {"type": "text", "text": "say: parts"}]
    assert OfflineClient().complete(asked(parts)).text == "parts"
    assert "not a language model" in OfflineClient().complete(ChatRequest("offline", [])).text


@pytest.mark.parametrize(
    ("how", "kind"), [("500", "broken"), ("timeout", "timeout"), ("reset", "broken")]
)
def test_it_fails_as_told(how, kind):
    with pytest.raises(ProviderFailure) as caught:
        OfflineClient().complete(asked(f"fail: {how}"))
    assert caught.value.kind == kind


def test_a_told_reset_comes_after_some_words():
    stream = OfflineClient().stream(asked("fail: reset"))
    assert [next(stream).text for _ in range(3)] == ["This", " is", " Gatehouse's"]
    with pytest.raises(ProviderFailure):
        next(stream)


def test_a_long_pause_ticks(monkeypatch):
    monkeypatch.setattr("portal.providers.offline.time.sleep", lambda seconds: None)
    stream = OfflineClient().stream(asked("slow: 60000 words: 2"))
    assert next(stream) == Piece("the")
    assert next(stream) is TICK
    stream.close()


@pytest.mark.parametrize("question", ["fail: 500", "fail: timeout", "slow: 900 say: hi"])
def test_production_neither_fails_nor_waits_on_command(settings, question):
    settings.DEVELOPMENT = False
    assert "not a language model" in OfflineClient().complete(asked(question)).text


def test_production_still_says_what_it_is_told(settings):
    settings.DEVELOPMENT = False
    assert OfflineClient().complete(asked("say: hi")).text == "hi"
