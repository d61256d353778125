"""Bytes become requests."""

import pytest

from pilot.ops.server import wire
from pilot.ops.server.request_buffer import RequestBuffer

POST = b"POST /v1/nudge HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


@pytest.fixture
def buffer():
    return RequestBuffer(wire.parse_head)


def test_a_head_that_has_not_arrived_is_none(buffer):
    buffer.append_data(POST[:20])
    assert buffer.read_head() is None
    assert buffer.is_complete()  # as far as its size is known


def test_a_body_in_single_bytes_becomes_a_request(buffer):
    for byte in POST + b"body":
        buffer.append_data(bytes([byte]))
    head = buffer.read_head()
    assert buffer.is_complete()
    assert buffer.take_request(head) == (head, b"body")
    assert (buffer.size, buffer.head, buffer.needed) == (0, None, 0)


def test_what_follows_a_request_stays(buffer):
    buffer.append_data(POST + b"body" + POST)
    buffer.take_request(buffer.read_head())
    assert buffer.size == len(POST)
    assert buffer.read_head().length == 4
    assert not buffer.is_complete()


def test_more_than_the_next_request_needs_is_overfull(buffer):
    buffer.append_data(b"x" * wire.MAX_HEAD)
    assert not buffer.is_overfull()
    buffer.append_data(b"x")
    assert buffer.is_overfull()
    buffer.clear_data()
    assert buffer.size == 0
