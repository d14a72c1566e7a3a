"""The playground's reader of server-sent events, fed in a browser with every way to cut a stream into pieces."""

import json

import pytest

EVENTS = [
    ("delta", {"text": "Grüße, 世界 🌍\n"}),
    ("guard", {"action": "redact", "stage": "output", "guards": ["personal-data"], "findings": []}),
    ("done", {"answer": "…", "html": "<p>…</p>"}),
]
STREAM = b": beat\n\n".join(
    [b""]
    + [
        f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
        for name, data in EVENTS
    ]
)
READ = """
async ([bytes, size]) => {
  const { events } = await import("/static/js/sse.js");
  const body = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) {
        controller.enqueue(new Uint8Array(bytes.slice(at, at + size)));
      }
      controller.close();
    },
  });
  const seen = [];
  for await (const { name, data } of events(body)) seen.push([name, data]);
  return seen;
}
"""
pytestmark = pytest.mark.django_db(transaction=True)


def test_events_are_read_the_same_however_the_stream_is_cut(open_page):
    page = open_page()
    page.goto("/account/login/")
    for size in (1, 2, 3, 5, 7, 16, 64, len(STREAM)):
        seen = page.evaluate(READ, [list(STREAM), size])
        assert [(name, data) for name, data in seen] == EVENTS, size


def test_a_half_event_at_the_end_of_a_broken_stream_is_not_an_event(open_page):
    page = open_page()
    page.goto("/account/login/")
    assert page.evaluate(READ, [list(b'event: delta\ndata: {"text": "half'), 4]) == []
