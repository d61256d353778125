"""The page that a browser shows."""

import urllib.error
import urllib.request

import pytest


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css", "/views.js", "/draw.js"])
def test_the_page_comes_with_its_guards(within, path):
    with urllib.request.urlopen(within.url + path, timeout=10) as reply:
        body, headers = reply.read().decode(), reply.headers
    assert len(body) > 500
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "innerHTML" not in body
    assert "<script>" not in body
    assert " style=" not in body
    assert "http://" not in body.replace("http://www.w3.org/2000/svg", "")
