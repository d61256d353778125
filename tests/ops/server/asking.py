"""Ways to talk to a server, for its tests: plain requests, raw bytes, claims that wait."""

import json
import socket
import threading
import urllib.error
import urllib.request

from pilot.pool import open_pool
from pilot.pool.interface import Offer

CLAIM = {"pilot": "p1", "offer": {"cores": 1}, "count": 1, "lease_s": 300, "request_id": "r1"}
FINISH = {
    "pilot": "p1",
    "task": "x",
    "generation": 1,
    "outcome": "done",
    "reason": "",
    "result": {},
}
REQUEST = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
JSON = "Content-Type: application/json"


def ask(server, method, path, body=None, token="", raw=None):
    """(status, value)"""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = "Bearer " + token
    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, headers, method=method)
    try:
        reply = urllib.request.urlopen(request, timeout=10)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read().decode())
    with reply:
        return reply.status, json.loads(reply.read().decode() or "null")


def post(body, *lines, path="/v1/nudge", host="localhost"):
    """The bytes of a request."""
    head = ("POST %s HTTP/1.1" % path, "Host: " + host, "Content-Length: %d" % len(body)) + lines
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def connect(server):
    return socket.create_connection(server.url[len("http://") :].split(":"), 10)


def talk(server, data, wait_for):
    """Send raw bytes; everything that comes back until it holds so many answers, or the end."""
    with connect(server) as plain:
        plain.sendall(data)
        got = b""
        while (
            got.count(b"HTTP/1.1 ") - got.count(b"100 Continue") < wait_for
            or not got.rpartition(b"\r\n\r\n")[2]
        ):
            more = plain.recv(65536)
            if not more:
                break
            got += more
        return got


def stay(url, count):
    """So many connections that say nothing."""
    host, port = url[len("http://") :].split(":")
    return [socket.create_connection((host, int(port))) for _ in range(count)]


def waiting(within):
    return within.server.services.commit_queue.count_waiting()


def start(target):
    """Run it in a thread; call the result for what it gave."""
    found = []
    thread = threading.Thread(target=lambda: found.append(target()))
    thread.start()

    def result():
        thread.join(20)
        return found[0]

    return result


def waiter(within, pilot="p1", offer=Offer(), wait_s=15.0):
    """A claim that waits; call the result for the tasks it was given."""

    def wait():
        with open_pool(within.url) as pool:
            leases = pool.next([], pilot, offer, 1, 300.0, "w-" + pilot, wait_s)[1]
            return [lease.task for lease in leases]

    return start(wait)
