import hashlib
import io
import json
import os

import pytest

from pilot.agent.transfer import main
from tests.base.test_fetch import Server


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
        order = {
            "direction": direction,
            "files": list(files),
            "folder": str(folder),
            "default": str(tmp_path / "out" / "t.1"),
        }
        order.update(run.more)
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(order)))
        code = main([])
        return code, json.loads(capsys.readouterr().out)

    run.folder, run.more = folder, {}
    return run


def sha(data):
    return hashlib.sha256(data).hexdigest()


def test_files_are_brought_in_by_path_and_url_with_checksums(move, tmp_path, server):
    (tmp_path / "a b").write_bytes(b"one")
    server.replies = [(200, b"two", None)]
    code, answer = move(
        "stage-in",
        {"url": str(tmp_path / "a b"), "name": "a", "checksum": "sha256:" + sha(b"one")},
        {"url": "file://%s/a%%20b" % tmp_path, "name": "sub/a2"},
        {"url": server.url, "name": "b", "checksum": sha(b"two")},
    )
    assert code == 0 and [(file["name"], file["size"]) for file in answer["files"]] == [
        ("a", 3),
        ("sub/a2", 3),
        ("b", 3),
    ]
    assert (move.folder / "sub" / "a2").read_bytes() == b"one" and answer["files"][2][
        "sha256"
    ] == sha(b"two")


@pytest.mark.parametrize("length", [64, 128])
def test_an_input_is_held_against_its_sum_of_either_kind(move, tmp_path, length):
    (tmp_path / "f").write_bytes(b"one")
    kind = {64: "sha256", 128: "sha512"}[length]
    good = hashlib.new(kind, b"one").hexdigest()
    assert (
        move(
            "stage-in",
            {"url": str(tmp_path / "f"), "name": "f", "checksum": "%s:%s" % (kind, good)},
        )[0]
        == 0
    )
    code, answer = move(
        "stage-in",
        {"url": str(tmp_path / "f"), "name": "f", "checksum": "%s:%s" % (kind, "0" * length)},
    )
    assert code == 40 and "%s is %s, expected" % (kind, good) in answer["problem"]


@pytest.mark.parametrize(
    "file, words",
    [
        ({"url": "/no/such/file", "name": "a"}, "/no/such/file"),
        ({"url": "/etc/hostname", "name": "a", "checksum": "0" * 64}, "expected " + "0" * 64),
        ({"url": "odd://h/f", "name": "a"}, "no tool is known for odd:"),
        ({"url": "http://127.0.0.1:1/f", "name": "a"}, "127.0.0.1:1"),
    ],
)
def test_an_input_that_cannot_be_had_is_one_sentence(move, monkeypatch, file, words):
    monkeypatch.setattr("pilot.base.fetch.BACK_OFF_S", 0.0)
    code, answer = move("stage-in", file)
    assert code == 40 and words in answer["problem"]


def test_outputs_go_to_their_url_or_the_default_folder(move, tmp_path, server):
    server.replies = [(201, b"", None)]
    (move.folder / "r").write_bytes(b"result")
    code, answer = move(
        "stage-out",
        {"name": "r"},
        {"name": "r", "url": str(tmp_path / "elsewhere" / "r")},
        {"name": "r", "url": server.url},
        {"name": "none", "optional": True},
    )
    assert code == 0 and len(answer["files"]) == 3
    assert (
        (tmp_path / "out" / "t.1" / "r").read_bytes()
        == b"result"
        == (tmp_path / "elsewhere" / "r").read_bytes()
    )
    assert server.seen[0] == ("PUT", "/file", b"result")


def test_an_output_that_was_not_made_is_told(move):
    assert "did not make its output r" in move("stage-out", {"name": "r"})[1]["problem"]


def test_a_link_that_leads_out_of_the_sandbox_is_not_followed(move):
    os.symlink("/etc/hostname", str(move.folder / "r"))
    assert "did not make its output" in move("stage-out", {"name": "r"})[1]["problem"]


def test_other_schemes_go_to_the_grids_own_tools(move, programs):
    programs.make("xrdcp", 'for last; do :; done; echo data > "$last"')
    code, answer = move("stage-in", {"url": "root://h//f", "name": "f"})
    assert code == 0 and answer["files"][0]["size"] == 5
    assert programs.calls("xrdcp") == ["--force --nopbar root://h//f %s/f" % move.folder]
    programs.make("gfal-copy", "echo no such file >&2; exit 2")
    code, answer = move("stage-in", {"url": "davs://h/f", "name": "g"})
    assert code == 40 and "gfal-copy ended with 2: no such file" in answer["problem"]


@pytest.mark.parametrize(
    "scheme, tool, words",
    [
        ("roots", "xrdcp", "--force --nopbar"),
        ("davs", "gfal-copy", "--force"),
        ("srm", "gfal-copy", "--force"),
        ("gsiftp", "gfal-copy", "--force"),
        ("s3", "aws", "s3 cp --no-progress"),
        ("scp", "scp", "-q -B"),
    ],
)
def test_each_scheme_has_its_tool(move, programs, scheme, tool, words):
    programs.make(
        tool, 'for last; do :; done; case "$last" in *://*) ;; *) echo data > "$last";; esac'
    )
    url = scheme + "://host/path/f"
    assert move("stage-in", {"url": url, "name": "f"})[0] == 0
    assert move("stage-out", {"name": "f", "url": url})[0] == 0
    here = str(move.folder / "f")
    assert programs.calls(tool) == [
        "%s %s %s" % (words, url, here),
        "%s %s %s" % (words, here, url),
    ]


def test_a_scheme_without_slashes_is_told_by_its_url(move):
    assert (
        "odd:host/f: no tool is known for odd:"
        in move("stage-in", {"url": "odd:host/f", "name": "f"})[1]["problem"]
    )


def test_folders_and_globs_go_out_with_what_is_in_them(move, tmp_path, server):
    server.replies = [(201, b"", None)]
    (move.folder / "results" / "deep").mkdir(parents=True)
    for name in ("results/a b", "results/deep/c", "x1.root", "x2.root", "y.root"):
        (move.folder / name).write_text(name)
    code, answer = move(
        "stage-out",
        {"name": "results", "url": server.url + "?v=1"},
        {"name": "x*.root", "url": str(tmp_path / "store")},
        {"name": "*/deep"},
    )
    assert code == 0, answer
    assert [seen[1] for seen in server.seen] == ["/file/a%20b?v=1", "/file/deep/c?v=1"]
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["x1.root", "x2.root"]
    assert (tmp_path / "out" / "t.1" / "results" / "deep" / "c").read_text() == "results/deep/c"
    assert [file["name"] for file in answer["files"]] == [
        "results/a b",
        "results/deep/c",
        "x1.root",
        "x2.root",
        "results/deep/c",
    ]


def test_a_glob_that_matches_nothing_was_not_made(move):
    assert "did not make its output *.root" in move("stage-out", {"name": "*.root"})[1]["problem"]
    assert move("stage-out", {"name": "*.root", "optional": True}) == (0, {"files": []})


def test_a_secret_of_the_pilot_is_no_input(move, tmp_path):
    (tmp_path / "token").write_text("secret")
    os.symlink(str(tmp_path / "token"), str(tmp_path / "innocent"))
    move.more = {"hidden": [str(tmp_path / "token")]}
    code, answer = move("stage-in", {"url": str(tmp_path / "innocent"), "name": "a"})
    assert code == 40 and "is a secret of the pilot's" in answer["problem"]
