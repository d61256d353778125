"""Events into a message queue, held against a small broker of the tests."""

import json

import pytest

from pilot.events.queue_broker import QueueBroker
from pilot.events.sender import SendFailed
from tests.base.broker import broker  # noqa: F401


def test_events_go_to_the_queue_and_are_receipted(broker):  # noqa: F811
    sink = QueueBroker(broker.url, {})
    sink.send([{"seq": 1}])
    sink.send([{"seq": 2}])
    assert [json.loads(body.decode())["events"][0]["seq"] for body in broker.queue] == [1, 2]
    assert broker.frames[0].headers["passcode"] == "secret"
    assert "secret" not in sink.name
    sink.close()


def test_a_connection_that_was_lost_between_two_messages_is_made_again(broker):  # noqa: F811
    sink = QueueBroker(broker.url, {})
    sink.send([{"seq": 1}])
    broker.moody = len(broker.frames) + 1
    sink.send([{"seq": 2}])
    assert len(broker.queue) == 2
    sink.close()


def test_a_broker_that_refuses_or_is_not_there_is_told(broker):  # noqa: F811
    broker.refuse = True
    with pytest.raises(SendFailed, match="Access refused"):
        QueueBroker(broker.url, {}).send([{"seq": 1}])
    with pytest.raises(SendFailed, match="cannot be reached"):
        QueueBroker("stomp://127.0.0.1:9/queue/x", {}).send([{"seq": 1}])


def test_events_travel_in_one_message_as_the_pool_server_takes_them(broker):  # noqa: F811
    sink = QueueBroker(broker.url, {})
    sink.send([{"seq": 1}, {"seq": 2}])
    sink.close()
    assert [json.loads(body.decode()) for body in broker.queue] == [
        {"events": [{"seq": 1}, {"seq": 2}]}
    ]


def test_after_it_was_closed_it_connects_again(broker):  # noqa: F811
    sink = QueueBroker(broker.url, {})
    sink.send([{"seq": 1}])
    sink.close()
    sink.send([{"seq": 2}])
    sink.close()
    assert [frame.command for frame in broker.frames].count("CONNECT") == 2


def test_a_queue_without_a_name_is_refused():
    with pytest.raises(ValueError, match="stomp"):
        QueueBroker("stomp://127.0.0.1/", {})
