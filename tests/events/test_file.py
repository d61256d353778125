"""Events as JSON lines in a file."""

import json
import stat

import pytest

from pilot.events.file import FileSink


def test_the_file_has_one_json_object_a_line(tmp_path):
    sink = FileSink(str(tmp_path / "events"))
    sink({"event": "x", "text": "a\nb"})
    sink({"event": "y"})
    assert [
        json.loads(line)["event"] for line in (tmp_path / "events").read_text().splitlines()
    ] == ["x", "y"]


def test_a_file_that_is_there_is_gone_on_with(tmp_path):
    (tmp_path / "events").write_text("before\n")
    FileSink(str(tmp_path / "events"))({"event": "x"})
    assert (tmp_path / "events").read_text() == 'before\n{"event": "x"}\n'


def test_two_pilots_write_whole_lines_into_one_file(tmp_path):
    one, two = FileSink(str(tmp_path / "events")), FileSink(str(tmp_path / "events"))
    for seq in range(50):
        one({"seq": seq, "text": "a" * 5000})
        two({"seq": seq, "text": "b" * 5000})
    lines = (tmp_path / "events").read_text().splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [n // 2 for n in range(100)]


@pytest.mark.parametrize("how, mode", [((), 0o600), ((0o644,), 0o644)])
def test_others_read_it_only_where_that_is_wanted(tmp_path, how, mode):
    FileSink(str(tmp_path / "events"), *how)
    assert stat.S_IMODE((tmp_path / "events").stat().st_mode) == mode


def test_a_place_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        FileSink(str(tmp_path / "none" / "events"))
