import json
import random

import pytest

from pilot.ops.server import wire
from pilot.ops.server.wire import BadRequest, parse_body, parse_head

GOOD = (
    b"POST /v1/next?a=1&b=x%20y HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nAuthorization: Bearer t"
)


def test_a_head_is_read():
    head = parse_head(GOOD)
    assert (head.method, head.path, head.query, head.length) == (
        "POST",
        ("v1", "next"),
        {"a": "1", "b": "x y"},
        5,
    )
    assert head.headers["authorization"] == "Bearer t"
    assert head.keep_alive
    assert not head.expects_continue


def test_segments_of_a_path_are_decoded_one_by_one():
    assert parse_head(b"GET /v1/tasks/a%2Fb HTTP/1.1\r\nHost: h").path == ("v1", "tasks", "a/b")
    assert parse_head(b"GET / HTTP/1.1\r\nHost: h").path == ()


@pytest.mark.parametrize(
    "lines, keep",
    [
        ("HTTP/1.1\r\nHost: h", True),
        ("HTTP/1.1\r\nHost: h\r\nConnection: close", False),
        ("HTTP/1.0", False),
        ("HTTP/1.0\r\nConnection: Keep-Alive", True),
    ],
)
def test_connections_are_kept_as_the_version_says(lines, keep):
    assert parse_head(("GET / " + lines).encode()).keep_alive is keep


@pytest.mark.parametrize(
    "data, status",
    [
        (b"GET / HTTP/1.1", 400),
        (b"GET / HTTP/2", 505),
        (b"GET / FTP/1", 400),
        (b"GET  / HTTP/1.1\r\nHost: h", 400),
        (b"get / HTTP/1.1\r\nHost: h", 501),
        (b"DELETE / HTTP/1.1\r\nHost: h", 501),
        (b"GET x HTTP/1.1\r\nHost: h", 400),
        (b"GET http://h/ HTTP/1.1\r\nHost: h", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: h", 400),
        (b"POST / HTTP/1.1\r\nHost: h", 411),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1e3", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked", 501),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", 501),
        (b"GET / HTTP/1.1\r\nHost: h\r\nbad header", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\n folded", 400),
        (b"GET / HTTP/1.1\r\nHost : h", 400),
        (b"GET / HTTP/1.1\r\nHost: h\nX: y", 400),
        (b"\xff\xfe", 400),
        (b"", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nHost: i", 400),
        (b"GET /%ff HTTP/1.1\r\nHost: h", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nExpect: tea", 417),
        (b"GET / HTTP/1.1\r\nHost: h" + b"\r\nA: b" * 70, 431),
        (b"GET /?" + b"a=b&" * 30 + b" HTTP/1.1\r\nHost: h", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: \u00b2".encode("latin-1"), 400),
    ],
)
def test_what_is_not_plainly_right_is_refused(data, status):
    with pytest.raises(BadRequest) as caught:
        parse_head(data)
    assert caught.value.status == status


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "no JSON object"),
        (b"\xff", "not JSON"),
        (b'{"a": NaN}', "no JSON"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 400 + b"}", "digits"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested too deeply"),
        (b'{"a": -Infinity}', "no JSON"),
    ],
)
def test_a_body_that_cannot_be_stored_is_refused(data, words):
    with pytest.raises(BadRequest, match=words):
        parse_body(data)


def test_half_a_character_becomes_the_sign_for_it_and_long_digits_in_a_text_are_a_text():
    assert parse_body(b'{"a": "x\\udcffy", "\\ud800": 1}') == {"a": "x\ufffdy", "\ufffd": 1}
    assert parse_body(b'{"a": "' + b"9" * 400 + b'"}') == {"a": "9" * 400}


def test_a_body_is_a_json_object_and_pairs_of_surrogates_are_letters():
    assert parse_body(b'{"a": "\\ud83d\\ude00", "b": [1, 2.5, null]}') == {
        "a": "\U0001f600",
        "b": [1, 2.5, None],
    }


def test_a_head_that_does_not_end_is_refused():
    assert wire.find_head(b"GET / HTTP/1.1\r\n") is None and wire.find_head(
        GOOD + b"\r\n\r\nbody"
    ) == len(GOOD)
    with pytest.raises(BadRequest):
        wire.find_head(b"x" * (wire.MAX_HEAD + 1))


def test_an_answer_tells_its_length_and_hides_nothing():
    data = wire.render_answer(wire.answer_error(503, "no", "Retry-After: 2\r\n"), False)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"Retry-After: 2" in head
    assert b"Connection: close" in head
    assert (
        json.loads(body.decode()) == {"error": "no"} and b"Content-Length: %d" % len(body) in head
    )
    assert wire.render_answer(wire.answer_json({}), True, head_only=True).endswith(b"\r\n\r\n")


def broken(chance, data):
    """The bytes with some of them changed, lost, doubled or put elsewhere."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(found) + 1)
        act = chance.randrange(4)
        if act == 0 and at < len(found):
            found[at] = chance.randrange(256)
        elif act == 1:
            del found[at:at + chance.randint(1, 8)]
        elif act == 2:
            found[at:at] = found[at:at + chance.randint(1, 20)]
        else:
            found[at:at] = chance.choice(
                [
                    b"\r\n",
                    b"\r\n\r\n",
                    b"\0",
                    b":",
                    b" ",
                    b"%",
                    b"{",
                    b"}",
                    b'"',
                    b"\\u",
                    b"9" * 50,
                    b"\xff",
                ]
            )
    return bytes(found)


BODY = b'{"pilot": "p1", "finals": [{"task": "a", "generation": 1, "outcome": "done", "reason": "", "result": {"x": 1.5}}], "count": 1}'


def test_whatever_comes_is_read_or_refused():
    chance = random.Random(8420)
    for _ in range(4000):
        for read, data in ((parse_head, GOOD), (parse_body, BODY)):
            try:
                read(broken(chance, data))
            except BadRequest as error:
                assert 400 <= error.status < 600 and str(error)
