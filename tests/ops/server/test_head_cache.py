"""Heads that come again."""

from pilot.ops.server import head_cache


def test_a_head_that_comes_again_is_parsed_once():
    cache = head_cache.HeadCache()
    data = b"GET / HTTP/1.1\r\nHost: x"
    assert cache.parse_head(data) is cache.parse_head(bytes(bytearray(data)))


def test_endless_heads_take_no_endless_memory(monkeypatch):
    monkeypatch.setattr(head_cache, "MAX_HEADS", 10)
    cache = head_cache.HeadCache()
    for number in range(100):
        cache.parse_head(b"GET /%d HTTP/1.1\r\nHost: x" % number)
    assert len(cache._heads) <= 10
