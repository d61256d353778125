"""Task files on their way into a pool."""

import errno
import io
import json
import subprocess
import sys
import tempfile

import pytest

from pilot.errors import UsageError
from pilot.ops.pool import intake
from pilot.ops.pool.__main__ import main
from tests.conftest import ROOT


def test_a_million_lines_need_no_memory(tmp_path):
    """Told by the peak of a child: a list of the tasks alone would take twice as much."""
    count = 60000
    with open(str(tmp_path / "many.jsonl"), "w") as stream:
        for number in range(count):
            stream.write(
                json.dumps(
                    {
                        "id": "task-%08d" % number,
                        "command": ["echo", "some words for the task", str(number)],
                        "env": {"A": "x" * 200},
                    }
                )
                + "\n"
            )
    program = (
        "import sys; from pilot.ops.pool.__main__ import main; main(sys.argv[1:]);"
        " print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )

    def peak_mb(*words):
        out = (
            subprocess.check_output([sys.executable, "-c", program] + list(words), cwd=str(ROOT))
            .decode()
            .splitlines()
        )
        assert out[0].startswith(str(count)), out
        return int(out[-1]) / 1024.0

    assert peak_mb("add", "sqlite:%s/a" % tmp_path, str(tmp_path / "many.jsonl")) < 50
    with open(str(tmp_path / "out.jsonl"), "w") as stream:
        subprocess.check_call(
            [sys.executable, "-m", "pilot.pool", "export", "sqlite:%s/a" % tmp_path],
            cwd=str(ROOT),
            stdout=stream,
        )
    assert peak_mb("import", "sqlite:%s/b" % tmp_path, str(tmp_path / "out.jsonl")) < 50


def test_of_many_mistakes_the_first_are_told(tmp_path, capsys):
    (tmp_path / "bad.jsonl").write_text("{}\n" * 5000)
    assert main(["add", "sqlite:%s/p" % tmp_path, str(tmp_path / "bad.jsonl")]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 101
    assert "4900 more lines with mistakes" in told[-1]
    assert not (tmp_path / "p").exists()


def test_tasks_come_by_standard_input_too(url, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"command": ["x"]}\n'))
    assert main(["add", url, "-"]) == 0
    assert "1 added" in capsys.readouterr().out


@pytest.fixture
def read(tmp_path):
    """The ids of the tasks in files: `read("check_tasks", a='{"id": ...}')`."""

    def ids(kind, standard_input=(), **texts):
        for name, text in texts.items():
            (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        names = [str(tmp_path / name) for name in sorted(texts)] + ["-"] * bool(standard_input)
        with intake.open_inputs(names, standard_input) as one:
            if kind == "check_tasks":
                return [json.loads(text)["id"] for text in one.check_tasks()]
            each = one.check_exported()
            return [[spec["id"] for spec in each()] for _ in range(2)]

    return ids


def task(name):
    return '{"id": "%s", "command": ["true"]}\n' % name


def test_the_tasks_of_all_files_come_in_order(read):
    assert read("check_tasks", a=task("1") + task("2"), b=task("3")) == ["1", "2", "3"]


def test_standard_input_is_checked_too(read):
    assert read("check_tasks", [task("1"), task("2")]) == ["1", "2"]


def test_more_tasks_than_are_kept_in_memory_come_as_well(read, monkeypatch):
    monkeypatch.setattr(intake, "IN_MEMORY", 50)
    names = ["t%d" % number for number in range(100)]
    assert read("check_tasks", a="".join(map(task, names))) == names


def test_a_folder_without_room_for_the_checked_tasks_is_told(read, monkeypatch):
    class Full(tempfile.SpooledTemporaryFile):
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", Full)
    with pytest.raises(UsageError, match=r"cannot be kept there: No space .* \$TMPDIR helps"):
        read("check_tasks", a=task("1"))


def test_exported_tasks_come_each_time_they_are_asked_for(read):
    text = json.dumps({"id": "x", "command": ["true"], "state": "done"}) + "\n"
    assert read("check_exported", a=text) == [["x"]] * 2


def test_the_mistakes_of_all_files_are_told_together(read):
    with pytest.raises(UsageError) as caught:
        read("check_tasks", a='{"id": 1}\n', b=task("1") + "nonsense\n")
    told = [one.split(": ")[0].rpartition("/")[2] for one in caught.value.problems]
    assert sorted(set(told)) == ["a, line 1", "b, line 2"]


def test_mistakes_on_standard_input_say_so(read):
    with pytest.raises(UsageError, match="standard input, line 1: "):
        read("check_tasks", ["nonsense\n"])


def test_a_file_that_is_not_utf8_is_told(read):
    with pytest.raises(UsageError, match="/a: not UTF-8: "):
        read("check_tasks", a=b'{"id": "\xff"}\n')


@pytest.mark.parametrize(
    "name, words", [("/no/file", "No such file or directory"), ("/dev", "Is a directory")]
)
def test_what_cannot_be_read_is_told(name, words):
    with pytest.raises(UsageError, match="%s: cannot be read: %s" % (name, words)):
        with intake.open_inputs([name], ()):
            pass
