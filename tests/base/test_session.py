"""The conversation with a server goes by the proxy that the environment names."""

import base64
import socket
import threading

import pytest

from pilot.base.fetch import FetchFailed
from pilot.base.session import Session, proxy_for


class HTTPProxy:
    """Keeps the first request that it is sent, and answers it as told."""

    def __init__(self, answer):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(5)
        self.where = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.seen = b""
        self.thread = threading.Thread(target=self._serve, args=(answer,), daemon=True)
        self.thread.start()

    def _serve(self, answer):
        connection = self.listener.accept()[0]
        while b"\r\n\r\n" not in self.seen:
            self.seen += connection.recv(4096)
        connection.sendall(answer)
        connection.close()

    def close(self):
        self.listener.close()
        self.thread.join(10)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_plain_http_is_asked_of_the_proxy_by_its_whole_address(monkeypatch):
    proxy = HTTPProxy(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    monkeypatch.setenv("http_proxy", "http://me:se%40cret@" + proxy.where)
    one = Session("http://pool.example.org:8420/base")
    assert one.ask("GET", "/v1/status", None, {"Authorization": "Bearer t"}, 5) == (200, b"{}")
    one.close()
    proxy.close()
    head = proxy.seen.decode().split("\r\n")
    assert (
        head[0] == "GET http://pool.example.org:8420/base/v1/status HTTP/1.1"
        and "Host: pool.example.org:8420" in head
    )
    assert "Proxy-Authorization: Basic " + base64.b64encode(b"me:se@cret").decode() in head


def test_tls_goes_through_the_proxy_untouched(monkeypatch):
    proxy = HTTPProxy(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    monkeypatch.setenv("HTTPS_PROXY", proxy.where)
    one = Session("https://pool.example.org")
    with pytest.raises(FetchFailed, match="403"):
        one.ask("POST", "/v1/next", b"{}", {"Authorization": "Bearer t"}, 5)
    one.close()
    proxy.close()
    head = proxy.seen.decode().split("\r\n")
    assert head[0].startswith("CONNECT pool.example.org:443 HTTP/1.") and not [
        line for line in head if "Bearer" in line
    ]


@pytest.mark.parametrize(
    "url, no_proxy, expected",
    [
        ("http://pool.example.org:8420", "", "proxy.example.org:3128"),
        ("http://pool.example.org:8420", "example.org", None),
        ("http://pool.example.org", "*", None),
        ("http://127.0.0.1:8420", "", None),
        ("http://localhost:1", "", None),
        ("http://[::1]:1", "", None),
        ("https://pool.example.org", "", None),
    ],
)
def test_which_proxy_is_asked(monkeypatch, url, no_proxy, expected):
    monkeypatch.setenv("http_proxy", "http://proxy.example.org:3128/")
    monkeypatch.setenv("no_proxy", no_proxy)
    found = proxy_for(url)
    assert (found and found.where) == expected


def test_a_proxy_that_is_no_url_is_told(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy:port")
    with pytest.raises(FetchFailed, match="is no URL"):
        proxy_for("http://pool.example.org")
