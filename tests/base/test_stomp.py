"""STOMP frames, and both ends against a small broker of the test; the real RabbitMQ is in
tests/real."""

import gc
import json
import socket
import threading

import pytest

from pilot.base import stomp
from pilot.events.queue_broker import QueueBroker
from pilot.events.sender import SendFailed
from tests.conftest import until


def test_what_a_place_is():
    place = stomp.parse_url("stomp+ssl://u:p%40x@broker.example.org:6161/queue/pilots?host=grid")
    assert (
        place == (True, "broker.example.org", 6161, "u", "p@x", "grid", "/queue/pilots")
        and "p@x" not in place.name
    )
    assert (
        stomp.parse_url("stomp://b/queue/x").port == 61613
        and stomp.parse_url("stomp+ssl://b/queue/x").port == 61614
    )


@pytest.mark.parametrize(
    "url",
    [
        "stomp://",
        "stomp://host",
        "stomp://host/",
        "stomp://host:x/q",
        "http://host/q",
        "stomp://host/q%0ax",
    ],
)
def test_what_is_none(url):
    with pytest.raises(ValueError):
        stomp.parse_url(url)


@pytest.mark.parametrize("headers", [{"a": "b"}, {"a:b": "c\nd\\e\r"}, {"x": "\\n:\\\\c"}, {}])
def test_frames_come_back_as_they_went(headers):
    data = stomp.frame_bytes("SEND", dict(headers, **{"content-length": "5"}), b"a\0b\nc")
    frame, rest = stomp.cut_frame(b"\n\n" + data + b"\nREST")
    assert (
        frame == ("SEND", dict(headers, **{"content-length": "5"}), b"a\0b\nc")
        and rest == b"\nREST"
    )
    for end in range(len(data)):
        assert stomp.cut_frame(data[:end]) is None


def test_a_frame_too_large_is_refused():
    with pytest.raises(stomp.StompError):
        stomp.cut_frame(b"x" * (stomp.MAX_FRAME + 1))


class Broker:
    """One queue in memory: CONNECT, SEND with receipt, SUBSCRIBE, ACK, NACK; `moody` closes after
    so many frames."""

    def __init__(self):
        self.queue, self.dead, self.out, self.lock = [], [], {}, threading.Lock()
        self.moody, self.refuse, self.frames, self.ended = 0, False, [], 0
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(5)
        self.url = "stomp://u:secret@127.0.0.1:%d/queue/pilots" % self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        mine = {}
        try:
            self._talk(plain, mine)
        except OSError:  # the client has hung up while we spoke
            pass
        with self.lock:
            self.ended += 1
            # what was not acknowledged is given again
            self.queue[:0] = mine.get("open", {}).values()

    def _talk(self, plain, mine):
        data = b""
        with plain:
            plain.settimeout(0.02)
            while True:
                found = stomp.cut_frame(data)
                if found is None:
                    self._push(plain, mine)
                    try:
                        more = plain.recv(65536)
                    except socket.timeout:
                        continue
                    except OSError:
                        break
                    if not more:
                        break
                    data += more
                    continue
                frame, data = found
                self.frames.append(frame)
                if self.moody and len(self.frames) % self.moody == 0:
                    break
                self._answer(plain, frame, mine)

    def _answer(self, plain, frame, mine):
        if frame.command == "CONNECT":
            reply = (
                stomp.frame_bytes("ERROR", {"message": "Bad CONNECT"}, b"Access refused")
                if self.refuse
                else stomp.frame_bytes("CONNECTED", {"version": "1.2"})
            )
            plain.sendall(reply)
        elif frame.command == "SEND":
            with self.lock:
                self.queue.append(frame.body)
            plain.sendall(stomp.frame_bytes("RECEIPT", {"receipt-id": frame.headers["receipt"]}))
        elif frame.command == "SUBSCRIBE":
            mine["open"] = {}
        elif frame.command in ("ACK", "NACK"):
            body = mine["open"].pop(frame.headers["id"])
            if frame.command == "NACK":
                self.dead.append(body)

    def _push(self, plain, mine):
        while "open" in mine and self.queue:
            with self.lock:
                body = self.queue.pop(0)
            number = "m%d" % len(self.frames) + "-%d" % len(mine["open"])
            mine["open"][number] = body
            plain.sendall(
                stomp.frame_bytes(
                    "MESSAGE", {"ack": number, "content-length": str(len(body))}, body
                )
            )

    def close(self):
        self._listener.close()


@pytest.fixture
def broker():
    one = Broker()
    yield one
    one.close()


def test_events_go_to_the_queue_and_are_receipted(broker):
    sink = QueueBroker(broker.url, {})
    sink.send([{"seq": 1}])
    sink.send([{"seq": 2}])
    assert [json.loads(body.decode())["events"][0]["seq"] for body in broker.queue] == [1, 2]
    assert broker.frames[0].headers["passcode"] == "secret" and "secret" not in sink.name
    sink.close()


def test_a_connection_that_was_lost_between_two_messages_is_made_again(broker):
    sink = QueueBroker(broker.url, {})
    sink.send([{"seq": 1}])
    broker.moody = len(broker.frames) + 1
    sink.send([{"seq": 2}])
    assert len(broker.queue) == 2
    sink.close()


def test_a_broker_that_refuses_or_is_not_there_is_told(broker):
    broker.refuse = True
    with pytest.raises(SendFailed, match="Access refused"):
        QueueBroker(broker.url, {}).send([{"seq": 1}])
    with pytest.raises(SendFailed, match="cannot be reached"):
        QueueBroker("stomp://127.0.0.1:9/queue/x", {}).send([{"seq": 1}])


def test_a_connection_that_was_not_welcome_is_hung_up(broker):
    broker.moody = 1
    with pytest.raises(stomp.StompError, match="closed the connection"):
        stomp.Connection(stomp.parse_url(broker.url), None, 60)
    gc.collect()  # a socket left open is told here, and the suite takes that for an error
    until(lambda: broker.ended == 1)
