import hashlib
import io
import json
import os

import pytest

from pilot.agent.transfer import main
from tests.test_fetch import Server


@pytest.fixture
def server():
    one = Server()
    yield one
    one.close()


@pytest.fixture
def move(tmp_path, monkeypatch, capsys):
    """Runs one order; returns exit code and answer."""
    folder = tmp_path / "work"
    folder.mkdir()

    def run(direction, *files):
        order = {"direction": direction, "files": list(files), "folder": str(folder), "default": str(tmp_path / "out" / "t.1")}
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(order)))
        code = main([])
        return code, json.loads(capsys.readouterr().out)

    run.folder = folder
    return run


def sha(data):
    return hashlib.sha256(data).hexdigest()


def test_files_are_brought_in_by_path_and_url_with_checksums(move, tmp_path, server):
    (tmp_path / "a b").write_bytes(b"one")
    server.replies = [(200, b"two", None)]
    code, answer = move("stage-in", {"url": str(tmp_path / "a b"), "name": "a", "checksum": "sha256:" + sha(b"one")},
                        {"url": "file://%s/a%%20b" % tmp_path, "name": "sub/a2"}, {"url": server.url, "name": "b", "checksum": sha(b"two")})
    assert code == 0 and [(file["name"], file["size"]) for file in answer["files"]] == [("a", 3), ("sub/a2", 3), ("b", 3)]
    assert (move.folder / "sub" / "a2").read_bytes() == b"one" and answer["files"][2]["sha256"] == sha(b"two")


@pytest.mark.parametrize("file, words", [
    ({"url": "/no/such/file", "name": "a"}, "/no/such/file"), ({"url": "/etc/hostname", "name": "a", "checksum": "0" * 64}, "expected " + "0" * 64),
    ({"url": "odd://h/f", "name": "a"}, "no tool is known for odd:"), ({"url": "http://127.0.0.1:1/f", "name": "a"}, "127.0.0.1:1")])
def test_an_input_that_cannot_be_had_is_one_sentence(move, monkeypatch, file, words):
    monkeypatch.setattr("pilot.fetch.BACK_OFF_S", 0.0)
    code, answer = move("stage-in", file)
    assert code == 40 and words in answer["problem"]


def test_outputs_go_to_their_url_or_the_default_folder(move, tmp_path, server):
    server.replies = [(201, b"", None)]
    (move.folder / "r").write_bytes(b"result")
    code, answer = move("stage-out", {"name": "r"}, {"name": "r", "url": str(tmp_path / "elsewhere" / "r")}, {"name": "r", "url": server.url},
                        {"name": "none", "optional": True})
    assert code == 0 and len(answer["files"]) == 3
    assert (tmp_path / "out" / "t.1" / "r").read_bytes() == b"result" == (tmp_path / "elsewhere" / "r").read_bytes()
    assert server.seen[0] == ("PUT", "/file", b"result")


def test_an_output_that_was_not_made_is_told(move):
    assert "did not make its output r" in move("stage-out", {"name": "r"})[1]["problem"]


def test_a_link_that_leads_out_of_the_sandbox_is_not_followed(move):
    os.symlink("/etc/hostname", str(move.folder / "r"))
    assert "did not make its output" in move("stage-out", {"name": "r"})[1]["problem"]


def test_other_schemes_go_to_the_grids_own_tools(move, programs):
    programs.make("xrdcp", 'for last; do :; done; echo data > "$last"')
    programs.make("gfal-copy", "echo no such file >&2; exit 2")
    code, answer = move("stage-in", {"url": "root://h//f", "name": "f"})
    assert code == 0 and answer["files"][0]["size"] == 5
    assert programs.calls("xrdcp") == ["--force --nopbar root://h//f %s/f" % move.folder]
    code, answer = move("stage-in", {"url": "davs://h/f", "name": "g"})
    assert code == 40 and "gfal-copy ended with 2: no such file" in answer["problem"]
