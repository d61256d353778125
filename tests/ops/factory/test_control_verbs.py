"""Verbs that steer."""

from pilot.ops.factory.__main__ import main
from tests.conftest import until
from tests.ops.factory.farming import FARM, add_tasks, live, site


def test_pause_resume_and_drain(farm, capsys):
    assert main(["pause", farm.file, "home"]) == 0
    main(["once", farm.file])
    assert (site(farm.file)["state"], live(farm.file)) == ("paused", 0)
    assert main(["resume", farm.file]) == 0
    main(["once", farm.file])
    assert live(farm.file) == 2
    assert main(["drain", farm.file]) == 0
    assert site(farm.file)["state"] == "draining"


def test_an_unknown_site_is_told_with_the_nearest(farm, capsys):
    assert main(["pause", farm.file, "hme"]) == 2
    assert "there is no site or group 'hme' (did you mean home?)" in capsys.readouterr().err


def test_more_than_twenty_running_pilots_need_a_yes(farm, capsys):
    farm(FARM.replace("max_running = 2", "max_running = 21\nmax_per_cycle = 21").replace(
        "max_pending = 2", "max_pending = 21"))
    add_tasks(farm.folder, 30, "sleep 300", "long")
    main(["once", farm.file])
    until(lambda: main(["once", farm.file]) == 0 and site(farm.file)["running"] == 21, 60)
    assert main(["cancel", farm.file]) == 2
    assert "this would end 21 running pilots: give --yes" in capsys.readouterr().err
    assert main(["cancel", farm.file, "--older", "1h"]) == 0
    assert live(farm.file) == 21
    assert main(["cancel", farm.file, "--yes"]) == 0


def test_a_wrong_configuration_stops_the_site_until_it_is_resumed(farm, capsys):
    farm(FARM.replace("CheckWorkerNode,LaunchAgent", "LaunchAgent"))
    main(["once", farm.file])
    until(lambda: main(["once", farm.file]) == 0 and site(farm.file)["state"] == "stopped", 60)
    words = "ended with exit code 2: LaunchAgent needs WorkerNode: put CheckWorkerNode before it"
    assert words in site(farm.file)["decision"]
    farm()
    main(["once", farm.file])
    assert live(farm.file) == 0
    assert main(["resume", farm.file]) == 0
    main(["once", farm.file])
    assert live(farm.file) == 2
