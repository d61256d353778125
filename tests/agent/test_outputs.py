"""What an output's name stands for, in folders that a payload has filled as it liked."""

import os

import pytest

from pilot.agent import outputs


@pytest.fixture
def work(tmp_path):
    """A task's folder; `work.made(name)` is what the name stands for, as (name, what is added to
    the URL)."""
    folder = tmp_path / "work"
    folder.mkdir()

    class Work:
        @staticmethod
        def write(*names):
            for name in names:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(name)

        @staticmethod
        def link(name, target):
            os.symlink(str(target), str(folder / name))

        @staticmethod
        def made(name):
            found = outputs.find_outputs(name, str(folder))
            outputs.check_total(found)
            return [tuple(one) for one in found]

    Work.folder = folder
    return Work


TREE = (
    "a.root",
    "b.root",
    ".hidden.root",
    "a[1].txt",
    "out/c.root",
    "out/x/d.root",
    "out/.e",
    "out/x/y/f.log",
)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("a.root", [("a.root", "")]),
        ("out/x/d.root", [("out/x/d.root", "")]),
        ("a[1].txt", [("a[1].txt", "")]),
        ("./a.root", [("a.root", "")]),
        ("a.root/", []),
        ("none", []),
        ("none/*", []),
        ("*.none", []),
        ("out/x", [("out/x/d.root", "d.root"), ("out/x/y/f.log", "y/f.log")]),
        ("out/x/", [("out/x/d.root", "d.root"), ("out/x/y/f.log", "y/f.log")]),
        (
            "out",
            [
                ("out/.e", ".e"),
                ("out/c.root", "c.root"),
                ("out/x/d.root", "x/d.root"),
                ("out/x/y/f.log", "x/y/f.log"),
            ],
        ),
        ("*.root", [("a.root", "a.root"), ("b.root", "b.root")]),
        (".*.root", [(".hidden.root", ".hidden.root")]),
        ("[ab].root", [("a.root", "a.root"), ("b.root", "b.root")]),
        ("out/*.root", [("out/c.root", "c.root")]),
        ("out/*/d.root", [("out/x/d.root", "x/d.root")]),
        ("o?t/c.root", [("out/c.root", "out/c.root")]),
        (
            "**/*.root",
            [
                ("a.root", "a.root"),
                ("b.root", "b.root"),
                ("out/c.root", "out/c.root"),
                ("out/x/d.root", "out/x/d.root"),
            ],
        ),
        ("out/x*", [("out/x/d.root", "x/d.root"), ("out/x/y/f.log", "x/y/f.log")]),
        ("out/**/f.log", [("out/x/y/f.log", "x/y/f.log")]),
    ],
)
def test_a_file_then_a_folder_then_a_glob(work, name, expected):
    work.write(*TREE)
    assert work.made(name) == expected


def test_the_whole_folder(work):
    work.write("a", "b/c")
    assert work.made(".") == [("a", "a"), ("b/c", "b/c")]


def test_links_are_followed_to_files_of_the_task_only(work, tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "f").write_text("x")
    work.write("r/a", "real")
    work.link("r/inside", "../real")
    assert work.made("r") == [("r/a", "a"), ("r/inside", "inside")]
    for number, target in enumerate((tmp_path / "secret", tmp_path / "outside", "nowhere")):
        work.link("l%d" % number, target)
        assert (
            work.made("l%d" % number)
            == []
            == work.made("l%d/*" % number)
            == work.made("l[%d]" % number)
        )
        work.link("r/bad", target)
        with pytest.raises(
            outputs.TransferFailed, match="the output r: r/bad is no file of the task's folder"
        ):
            work.made("r")
        os.unlink(str(work.folder / "r" / "bad"))


def test_a_link_to_a_folder_is_not_entered_and_no_circle_is_walked(work):
    work.write("r/a")
    work.link("r/self", ".")
    work.link("r/up", "..")
    assert work.made("r") == [("r/a", "a")] == work.made("r/**/*")


def test_a_link_in_the_place_of_the_whole_folder_leads_nowhere(tmp_path):
    os.symlink("/etc", str(tmp_path / "work"))
    assert (
        outputs.find_outputs("hostname", str(tmp_path / "work"))
        == []
        == outputs.find_outputs("host*", str(tmp_path / "work"))
    )


def test_a_pipe_among_the_files_is_told_and_holds_nobody_up(work):
    work.write("r/a")
    os.mkfifo(str(work.folder / "r" / "pipe"))
    with pytest.raises(outputs.TransferFailed, match="r/pipe is no file"):
        work.made("r")
    assert work.made("r/p*") == []


@pytest.mark.parametrize(
    "limit, words",
    [
        ("MAX_FILES", "are 5 files, more than a task may bring out"),
        ("MAX_NAMES", "are 5 files"),
        ("MAX_LOOKED_AT", "are among more than 4 files and folders"),
    ],
)
def test_how_much_may_be_brought_out_is_bounded(work, monkeypatch, limit, words):
    work.write(*["r/%d" % number for number in range(5)])
    monkeypatch.setattr(outputs, limit, 4)
    with pytest.raises(outputs.TransferFailed, match=words):
        work.made("r")


@pytest.mark.parametrize("name", ["r", "**/f", "r/**"])
def test_folders_in_folders_are_followed_a_hundred_deep(work, name):
    work.write("r/" + "d/" * 90 + "f")
    assert [one[0] for one in work.made(name)] == ["r/" + "d/" * 90 + "f"]
    os.makedirs(str(work.folder / ("r/" + "d/" * 300)))
    with pytest.raises(outputs.TransferFailed, match="more than 100 folders"):
        work.made(name)


def test_a_name_that_is_not_utf_8_is_told(work):
    work.write("r/a")
    with open(os.path.join(os.fsencode(str(work.folder)), b"r", b"\xff"), "w"):
        pass
    with pytest.raises(outputs.TransferFailed, match="is not UTF-8"):
        work.made("r")
