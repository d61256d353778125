"""PilotParams: what DIRAC's commands know and share."""

import os

from pilot.testing import run_command
from tests.conftest import extension

dirac = extension("pilot_dirac")
params = extension("pilot_dirac.params")
COMMANDS = {command.name: command for command in dirac.COMMANDS}


def test_the_parameters_are_a_copy_and_leave_ours_alone(tmp_path):
    seen = {}

    class Look(COMMANDS["GetPilotVersion"]):
        def execute(self):
            self.pp.installEnv["NEW"] = "1"
            assert self.pp.pilotJSON == {}
            self.pp.anything = 3
            seen.update(environ=dict(os.environ), context=dict(self.pp.context.environ))

    trial = run_command(Look, tmp_path, {}, environ={"PATH": "/bin", "PYTHONPATH": "/x"})
    assert trial.outcome.status == "ok"
    assert "NEW" not in seen["environ"]
    assert "NEW" not in seen["context"]
    assert seen["context"]["PYTHONPATH_SAVE"] == "/x"
    assert "PYTHONPATH" not in seen["context"]


def test_variables_in_places_are_filled_in(tmp_path, monkeypatch):
    monkeypatch.setenv("VO_LHCB_SW_DIR", "/sw")
    trial = run_command(
        COMMANDS["ConfigureBasics"],
        tmp_path,
        {"cvmfs_locations": "$VO_LHCB_SW_DIR/x, /cvmfs/b"},
    )
    assert params.params_of(trial.context).CVMFS_locations == ["/sw/x", "/cvmfs/b"]
