"""Verbs that only look."""

from pilot.ops.factory.__main__ import main
from pilot.pool import open_pool
from tests.conftest import until
from tests.ops.factory.farming import FARM, add_tasks, live, site


def test_what_a_pilot_wrote_is_shown(farm, capsys):
    farm(FARM + "pilot_options = --min-cores 9999\n")
    main(["once", farm.file])
    until(lambda: main(["once", farm.file]) == 0 and site(farm.file)["ended_badly"] >= 2, 60)
    from pilot.ops.factory.book import Book

    book = Book(str(farm.folder / "farm.ini.book"))
    pilot = book.ended_pilots("home", 1000)[0]
    book.close()
    assert pilot.exit_code == 10
    capsys.readouterr()
    assert main(["outputs", farm.file, pilot.pilot]) == 0
    assert "9999 needed (--min-cores)" in capsys.readouterr().out
    assert main(["outputs", farm.file, "nobody"]) == 2
    assert "lists the last ones" in capsys.readouterr().err
    for word in (pilot.tag, pilot.job, ""):
        assert main(["outputs", farm.file, word]) == 0
        assert pilot.pilot in capsys.readouterr().out


def test_status_shows_why_pilots_fail_and_what_no_site_can_run(farm, capsys):
    farm(FARM + "pilot_options = --need-programs no-such-program-here\n")
    add_tasks(farm.folder, 1, name="big")
    with open_pool("sqlite:%s/pool.sqlite" % farm.folder) as pool:
        pool.add([{"id": "huge", "script": "true", "cores": 64}])
    until(lambda: main(["once", farm.file]) == 0 and site(farm.file)["ended_badly"], 60)
    (failure,) = site(farm.file)["failures"]
    assert failure["reason"].startswith("exit code 10: CheckWorkerNode: ")
    assert "no-such-program-here" in failure["reason"]
    capsys.readouterr()
    assert main(["status", farm.file]) == 0
    said = capsys.readouterr().out
    assert "pilots ended with exit code 10: CheckWorkerNode: " in said
    assert failure["example"] in said
    assert "1 tasks need 64 cores, the largest site offers " in said


def test_what_is_not_known_yet_is_a_dash(farm, capsys):
    assert main(["status", farm.file]) == 0
    line = [line for line in capsys.readouterr().out.splitlines() if line.startswith("home ")][0]
    assert line.split()[:7] == ["home", "new", "-", "0", "0", "0", "-"]


def test_a_dry_run_shows_the_decision_and_submits_nothing(farm, capsys):
    assert main(["dry-run", farm.file]) == 0
    out = capsys.readouterr().out
    assert "-> submit 2" in out and "processes of this machine" in out
    assert live(farm.file) == 0
