"""Task files on their way into a pool."""

import io
import json
import subprocess
import sys

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
