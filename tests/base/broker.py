"""A small STOMP broker of the tests; the real RabbitMQ is in tests/real."""

import socket
import threading

import pytest

from pilot.base import stomp


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
