"""Verbs that change the file."""

import pytest

from pilot.ops.factory.__main__ import main
from tests.conftest import until
from tests.ops.factory.farming import FARM, add_tasks, shown, site


def test_add_makes_the_file_and_extends_it(tmp_path, capsys):
    add_tasks(tmp_path, 1)
    file = str(tmp_path / "new.ini")
    assert main(["add", file, "local", "--pool", "sqlite:%s/pool.sqlite" % tmp_path]) == 0
    assert "-> wait" in capsys.readouterr().out
    with open(file, "a") as stream:
        stream.write("# a comment that stays\n")
    assert main(["add", file, "local", "--site", "two", "--max-running", "3", "--", "-x", "a b"]) == 0
    with open(file) as stream:
        text = stream.read()
    assert text == (
        "[factory]\npool = sqlite:%s/pool.sqlite\n\n[site local]\nbackend = local\n"
        "# a comment that stays\n\n[site two]\nbackend = local\nmax_running = 3\noptions = -x 'a b'\n"
        % tmp_path
    )
    assert main(["remove", file, "local"]) == 0
    assert shown("check", file) == {"sites": ["two"]}


@pytest.mark.parametrize(
    "words, told",
    [
        (["local", "--cores", "9999"], "this machine has"),
        (["local", "--site", "home"], "has a site home already"),
        (["lokal"], "'lokal' is no backend (did you mean local?)"),
        (["local", "--max-running", "many"], "max_running"),
    ],
)
def test_add_refuses_what_cannot_work_and_writes_nothing(farm, capsys, words, told):
    assert main(["add", farm.file] + words) == 2
    assert told in capsys.readouterr().err
    with open(farm.file) as stream:
        assert stream.read() == FARM


def test_without_a_dry_run_it_says_so(farm, capsys):
    assert main(["add", farm.file, "local", "--site", "x", "--cores", "9999", "--no-dry-run"]) == 0
    assert "not asked whether it takes such a pilot (--no-dry-run)" in capsys.readouterr().out


def test_a_site_with_pilots_stays_until_they_have_ended(farm, capsys):
    add_tasks(farm.folder, 2, "sleep 300", "long")
    main(["once", farm.file])
    until(lambda: main(["once", farm.file]) == 0 and site(farm.file)["running"] == 2, 60)
    farm(FARM + "\n[site second]\nbackend = local\nmode = offline\n")
    assert main(["remove", farm.file, "home"]) == 0
    assert "2 pilots have not ended" in capsys.readouterr().out
    assert shown("check", farm.file)["sites"] == ["home", "second"]
    farm()


def test_a_pool_that_is_none_is_not_written(farm, capsys):
    words = ["add", farm.file, "local", "--site", "more", "--max-running", "1", "--pool"]
    for url, why in (("work.sqlite", "is not a pool"), ("sqlite:none.sqlite", "there is no such file"),
                     ("http://127.0.0.1:1", "cannot be reached")):
        assert main(words + [url]) == 2
        said = capsys.readouterr().err
        assert why in said
        assert "nothing was written" in said
    assert "more" not in (farm.folder / "farm.ini").read_text()
