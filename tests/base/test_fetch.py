"""Files and answers of web servers: whole, checked, or one sentence."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pilot.base import fetch

BODY = b"x" * 100000
GOOD = hashlib.sha256(BODY).hexdigest()


class Server:
    """A loopback server that answers by a list of scripted replies, the last one for ever."""

    def __init__(self):
        self.replies, self.seen, self.headers = [], [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *words):
                pass

            def answer(self):
                size = int(self.headers.get("Content-Length") or 0)
                outer.headers.append(dict(self.headers))
                outer.seen.append((self.command, self.path, self.rfile.read(size)))
                status, body, length = (
                    outer.replies[0] if len(outer.replies) == 1 else outer.replies.pop(0)
                )
                self.send_response(status)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = answer

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/file" % self.http.server_port
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(fetch, "BACK_OFF_S", 0.0)  # retries need not wait here
    one = Server()
    yield one
    one.close()


def test_a_file_is_fetched_whole_with_its_checksum(server, tmp_path):
    server.replies = [(200, BODY, None)]
    found = fetch.download(server.url, str(tmp_path / "f"), 10, "sha256:" + GOOD)
    assert found.size == len(BODY)
    assert found.sha256 == GOOD
    assert (tmp_path / "f").read_bytes() == BODY
    assert fetch.get(server.url, 10) == BODY


@pytest.mark.parametrize("status", fetch.TRANSIENT)
def test_a_passing_failure_is_tried_again_from_the_start(server, tmp_path, status):
    server.replies = [(status, b"sorry", None), (200, BODY, None)]
    assert fetch.download(server.url, str(tmp_path / "f"), 10, GOOD).size == len(BODY)
    assert len(server.seen) == 2


def test_a_body_cut_short_is_tried_again_and_never_kept(server, tmp_path):
    server.replies = [(200, BODY[:10], len(BODY)), (200, BODY, None)]
    assert fetch.download(server.url, str(tmp_path / "f"), 10, GOOD).sha256 == GOOD


@pytest.mark.parametrize(
    "replies, words",
    [
        ([(404, b"no", None)], "HTTP 404"),
        ([(403, b"<html>", None)], "HTTP 403"),
        ([(500, b"", None)], "HTTP 500"),
    ],
)
def test_what_cannot_be_had_is_one_sentence_and_leaves_no_file(server, tmp_path, replies, words):
    server.replies = replies
    with pytest.raises(fetch.FetchFailed, match=words) as caught:
        fetch.download(server.url, str(tmp_path / "f"), 10)
    assert server.url in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert len(server.seen) == (3 if replies[0][0] == 500 else 1)


def test_a_wrong_checksum_leaves_no_file(server, tmp_path):
    server.replies = [(200, b"other", None)]
    with pytest.raises(fetch.FetchFailed, match="expected " + GOOD):
        fetch.download(server.url, str(tmp_path / "f"), 10, GOOD)
    assert list(tmp_path.iterdir()) == []


def test_the_size_limit_holds(server, tmp_path):
    server.replies = [(200, BODY, None)]
    with pytest.raises(fetch.FetchFailed, match="larger than the limit"):
        fetch.download(server.url, str(tmp_path / "f"), 10, max_bytes=1000)
    assert list(tmp_path.iterdir()) == []


class Redirecting:
    """A server that sends everybody elsewhere."""

    def __init__(self, target, code=302):
        self.seen = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *words):
                pass

            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(code)
                self.send_header("Location", target)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET
        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/" % self.http.server_port
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        outer.close = lambda: (self.http.shutdown(), self.http.server_close(), self.thread.join())


def test_a_token_is_shown_to_nobody_but_who_was_asked(server):
    server.replies = [(200, b"hello", None)]
    redirecting = Redirecting(server.url)
    assert fetch.get(redirecting.url, 10, headers={"Authorization": "Bearer hunter22"}) == b"hello"
    assert "Authorization" not in server.headers[-1]
    with pytest.raises(fetch.FetchFailed, match="is not followed"):
        fetch.get(redirecting.url, 10, data=b"x")
    redirecting.close()


def test_a_dead_server_is_one_sentence():
    with pytest.raises(fetch.FetchFailed, match="refused"):
        fetch.get("http://127.0.0.1:1/x", 5, attempts=1)


def test_local_files_and_odd_urls(tmp_path):
    (tmp_path / "a").write_bytes(b"hello")
    assert fetch.get("file://%s/a" % tmp_path, 5) == b"hello"
    with pytest.raises(fetch.FetchFailed):
        fetch.get("file://%s/b" % tmp_path, 5)
    with pytest.raises(fetch.FetchFailed):
        fetch.get("nonsense", 5)


def test_a_file_that_cannot_be_stored_is_told(server, tmp_path):
    server.replies = [(200, BODY, None)]
    with pytest.raises(fetch.FetchFailed, match="cannot be stored"):
        fetch.download(server.url, str(tmp_path / "no" / "f"), 5)


def test_a_post_sends_its_data(server):
    server.replies = [(201, b"", None)]
    fetch.get(server.url, 10, data=b"{}")
    assert server.seen[-1] == ("POST", "/file", b"{}")


def test_no_header_but_harmless_ones_goes_to_another_host(server):
    server.replies = [(200, b"ok", None)]
    redirecting = Redirecting(server.url)
    try:
        fetch.get(
            redirecting.url,
            5,
            headers={
                "Cookie": "a=1",
                "X-Auth-Token": "secret",
                "Private-Token": "p",
                "Range": "bytes=0-",
            },
        )
    finally:
        redirecting.close()
    assert not {"Cookie", "X-Auth-Token", "Private-Token"} & set(server.headers[0])
    assert server.headers[0]["Range"] == "bytes=0-"


def test_a_redirect_to_another_kind_of_place_is_not_followed():
    for place in ("ftp://127.0.0.1/f", "file:///etc/hostname"):
        redirecting = Redirecting(place)
        try:
            with pytest.raises(fetch.FetchFailed):
                fetch.get(redirecting.url, 5, attempts=1)
        finally:
            redirecting.close()
