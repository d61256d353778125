"""Processors, memory and GPUs: the node's own counts bound DIRAC's."""

import os

from pilot.testing import run_command, worker_node as node
from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import settings_in

dirac = extension("pilot_dirac")
cfg = extension("pilot_dirac.cfg")
COMMANDS = {command.name: command for command in dirac.COMMANDS}


def test_the_limits_of_the_slot_hold_whatever_dirac_says(tmp_path, client):
    trial = run_command(
        COMMANDS["CheckWNCapabilities"],
        tmp_path,
        {"max_number_of_processors": 4},
        [node(cores=8, memory_mb=1000)],
        dict(os.environ, PATH="%s:%s" % (client.bin, os.environ["PATH"])),
    )
    assert trial.outcome.status == "ok"
    assert (
        cfg.get_option(
            cfg.parse_cfg((tmp_path / "pilot.cfg").read_text()),
            "/Resources/Computing/CEDefaults/MaxRAM",
        )
        == "1000"
    )
    for told, cores, expected in ((8, 2, "2"), (2, 8, "2"), (1, 8, "1")):
        client.say(dirac_wms_get_wn_parameters={"out": "%d 3000 1\n" % told})
        folder = tmp_path / ("%d-%d" % (told, cores))
        folder.mkdir()
        run_command(
            COMMANDS["CheckWNCapabilities"],
            folder,
            {},
            [node(cores=cores)],
            dict(os.environ, PATH="%s:%s" % (client.bin, os.environ["PATH"])),
        )
        whole = cfg.parse_cfg((folder / "pilot.cfg").read_text())
        found = whole["Resources"]["Computing"]["CEDefaults"]
        assert whole["LocalSite"]["NumberOfProcessors"] == expected
        assert found["NumberOfProcessors"] == expected
        assert found["MaxRAM"] == "3000"
        assert found["NumberOfGPUs"] == "1"
        assert "Tag" not in found  # the configuration's, or the operator's


def test_no_numbers_at_all_are_one_processor(tmp_path, client):
    client.say(dirac_wms_get_wn_parameters={"out": "0 0 0\n"})
    trial = run_command(
        COMMANDS["CheckWNCapabilities"],
        tmp_path,
        {},
        [],
        {"PATH": "%s:%s" % (client.bin, os.environ["PATH"])},
    )
    assert trial.outcome.status == "ok"
    assert "NumberOfProcessors = 1" in (tmp_path / "pilot.cfg").read_text()


def defaults(folder):
    return settings_in(folder)["Resources"]["Computing"]["CEDefaults"]


def test_the_operators_number_of_processors_bounds_too(step, tmp_path):
    step(COMMANDS["CheckWNCapabilities"], {"pilot_processors": 1}, [node(cores=8)])
    assert defaults(tmp_path)["NumberOfProcessors"] == "1"


def test_gpus_that_dirac_does_not_see_are_the_nodes(step, tmp_path):
    step(COMMANDS["CheckWNCapabilities"], {}, [node(gpus=("a", "b"))])
    assert defaults(tmp_path)["NumberOfGPUs"] == "2"


def test_without_the_toolboxs_check_dirac_knows_the_processors(step, client, tmp_path):
    client.say(dirac_wms_get_wn_parameters={"out": "8 3000 0\n"})
    step(COMMANDS["CheckWNCapabilities"])
    assert defaults(tmp_path)["NumberOfProcessors"] == "8"


def test_jobs_get_no_more_memory_than_the_slot_has(step, client, tmp_path):
    client.say(dirac_wms_get_wn_parameters={"out": "1 3000 0\n"})
    step(COMMANDS["CheckWNCapabilities"], {}, [node(memory_mb=2000)])
    found = defaults(tmp_path)
    assert (found["MaxRAM"], found["MemoryLimitMB"]) == ("3000", "2000")


def test_without_gpus_there_is_no_such_tag(step, tmp_path):
    step(COMMANDS["CheckWNCapabilities"], {}, [node()])
    assert "Tag" not in defaults(tmp_path)


def test_memory_that_nobody_knows_is_not_written(step, tmp_path):
    step(COMMANDS["CheckWNCapabilities"])
    assert "MaxRAM" not in defaults(tmp_path)


def test_what_is_not_known_of_the_place_is_left_out_of_the_words(step, client):
    step(COMMANDS["CheckWNCapabilities"], {"site": "LCG.T.org"})
    assert client.calls("dirac-wms-get-wn-parameters") == [["-S", "LCG.T.org", "-d"]]
