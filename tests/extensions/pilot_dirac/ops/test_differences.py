"""What differs between two pilots."""

import pytest

from tests.conftest import extension

differences = extension("pilot_dirac.ops.differences")
recording = extension("pilot_dirac.ops.recording")
Call = extension("pilot_dirac.ops.client").Call


def made(code=0, calls=(), options=(), files=()):
    return recording.Recording(code, list(calls), dict(options), list(files), "")


def call(program, *words, folder="WORK", **environ):
    return Call(program, list(words), folder, environ)


@pytest.mark.parametrize(
    "old, new, lines",
    [
        (made(), made(), []),
        (made(1), made(30), ["exit code: 1 -> 30"]),
        (made(1), made(0, files=["a"]), ["exit code: 1 -> 0"]),
        (made(calls=[call("a")]), made(), ["a: starts: 1 -> 0"]),
        (made(calls=[call("a", "x")]), made(calls=[call("a", "x", "y")]), ["a: words: x -> x y"]),
        (made(calls=[call("dirac-configure", "x")]), made(calls=[call("dirac-configure")]), []),
        (made(calls=[call("a", folder="/")]), made(calls=[call("a")]), ["a: folder: / -> WORK"]),
        (made(calls=[call("a", X="1")]), made(calls=[call("a")]), ["a: variable X: 1 -> (none)"]),
        (made(options={"/A/B": "1"}), made(options={"/A/B": "2"}), ["pilot.cfg /A/B: 1 -> 2"]),
        (made(files=["f"]), made(), ["file f: there -> (none)"]),
    ],
)
def test_each_kind_of_difference_is_a_line(old, new, lines):
    assert [one.line() for one in differences.find_differences(old, new)] == lines
