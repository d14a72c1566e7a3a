"""The event parser gives the same events at any chunking."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from portal.providers.sse import EventParser

BODY = (
    b"\xef\xbb\xbf: hello\r\n\r\ndata: one\r\n\r\ndata:two\ndata: lines\n\n"
    b"event: x\rid: 7\rdata: three\r\r: only a comment\n\ndata\n\ndata: gr\xc3\xbc\xc3\x9fe \xf0\x9f\x91\x8d\n\n"
    b"data: last"
)
EVENTS = [b"one", b"two\nlines", b"three", b"", "grüße 👍".encode(), b"last"]


@given(st.lists(st.integers(0, len(BODY)), max_size=40))
def test_events_are_the_same_wherever_the_bytes_are_cut(cuts):
    parser = EventParser()
    edges = [0, *sorted(cuts), len(BODY)]
    events = []
    for start, end in pairwise(edges):
        events += parser.feed(BODY[start:end])
    assert events + parser.end() == EVENTS


@given(st.binary(max_size=300))
def test_no_bytes_break_the_parser(data):
    parser = EventParser()
    parser.feed(data)
    parser.end()
