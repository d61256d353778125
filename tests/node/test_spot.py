"""Spot machines' notices, from a metadata service that the test plays."""

import json
import time

import pytest

from pilot.node import spot
from tests.base.test_fetch import Server

SOURCE = "the spot machine's notice"
NOON = 1795176000.0  # 2026-11-20T12:00:00Z


@pytest.fixture
def server():
    one = Server()
    yield one
    one.close()


def header(server, name):
    """What each question so far said of it."""
    return [
        {key.lower(): value for key, value in head.items()}.get(name) for head in server.headers
    ]


@pytest.mark.parametrize(
    "status, body, found",
    [
        (200, b'{"action": "terminate", "time": "2026-11-20T12:00:00Z"}', {SOURCE: NOON}),
        (404, b"", {}),
        (500, b"", None),
        (200, b"nonsense", {}),
        (200, b"[]", {}),
    ],
)
def test_ec2_tells_the_moment(server, status, body, found):
    server.replies = [(200, b"TOKEN", None), (status, body, None)]
    assert spot.reader("ec2", server.url)() == found
    assert [method for method, _, _ in server.seen][:2] == ["PUT", "GET"]
    assert header(server, "x-aws-ec2-metadata-token")[1:] == ["TOKEN"]


def test_a_service_without_tokens_takes_no_notice_back(server):
    server.replies = [(404, b"", None)]
    assert spot.reader("ec2", server.url)() is None


def test_gce_tells_that_half_a_minute_is_left_and_the_last_word_without_a_notice_counts(server):
    read = spot.reader("gce", server.url)
    server.replies = [(200, b"FALSE\n", None), (503, b"", None), (200, b"TRUE\n", None)]
    before = time.time()
    assert read() == {}
    after = time.time()
    assert read() is None
    found = read()
    assert before + 30 <= found[SOURCE] <= after + 30
    assert read() == found
    assert set(header(server, "metadata-flavor")) == {"Google"}


def test_gce_may_have_told_before_we_asked(server):
    server.replies = [(200, b"TRUE", None)]
    assert spot.reader("gce", server.url)()[SOURCE] <= time.time() + 25


def test_gce_that_was_silent_for_long_leaves_what_is_left_all_the_same(server):
    read = spot.reader("gce", server.url)
    read._free = time.time() - 300
    server.replies = [(200, b"TRUE", None)]
    assert time.time() + 15 < read()[SOURCE] < time.time() + 25


def event(kind, when, *names):
    return {
        "EventId": "1",
        "EventType": kind,
        "ResourceType": "VirtualMachine",
        "Resources": list(names),
        "EventStatus": "Scheduled",
        "NotBefore": when,
    }


@pytest.mark.parametrize(
    "events, found",
    [
        ([], {}),
        ([event("Preempt", "Fri, 20 Nov 2026 12:00:00 GMT", "pilots_1")], {SOURCE: NOON}),
        ([event("Freeze", "Fri, 20 Nov 2026 12:00:00 GMT", "pilots_1")], {}),
        ([event("Preempt", "Fri, 20 Nov 2026 12:00:00 GMT", "pilots_2")], {}),
        (
            [
                event("Reboot", "Fri, 20 Nov 2026 12:00:10 GMT", "pilots_1"),
                event("Terminate", "Fri, 20 Nov 2026 12:00:00 GMT", "pilots_2", "pilots_1"),
            ],
            {SOURCE: NOON},
        ),
    ],
)
def test_azure_tells_of_every_machine_of_a_set(server, events, found):
    server.replies = [
        (200, json.dumps({"DocumentIncarnation": 1, "Events": events}).encode(), None),
        (200, b"pilots_1", None),
    ]
    assert spot.reader("azure", server.url)() == found
    assert set(header(server, "metadata")) == {"true"}


def test_what_azure_has_begun_has_no_moment_but_now(server):
    server.replies = [
        (200, json.dumps({"Events": [event("Preempt", "", "pilots_1")]}).encode(), None),
        (200, b"pilots_1", None),
    ]
    assert abs(spot.reader("azure", server.url)()[SOURCE] - time.time()) < 10


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"Events": [{}]}', b'{"Events": ["x"]}'])
def test_what_azure_does_not_tell_is_not_made_up(server, body):
    server.replies = [(200, body, None)]
    assert spot.reader("azure", server.url)() is None


@pytest.mark.parametrize("cloud", ["ec2", "gce", "azure"])
def test_a_service_that_does_not_answer_is_not_believed(cloud):
    assert spot.reader(cloud, "http://127.0.0.1:1")() is None
