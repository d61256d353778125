"""One command of a community's module alone."""

import os

from tests.conftest import extension

testing = extension("pilot_dirac.ops.testing")
faces = extension("pilot_dirac.faces")
faces.install_faces()

from pilotCommands import ConfigureSite  # noqa: E402
from pilotTools import CommandBase  # noqa: E402


class OwnSite(ConfigureSite):
    """As a community writes it."""

    def execute(self):
        self.cfg.append("-o /LocalSite/Mine=1")
        super().execute()


class Asks(CommandBase):
    def execute(self):
        code, output = self.executeAndGetOutput("dirac-platform --all")
        self.pp.platform = output.strip()
        if not self.pp.site:
            self.exitWithError(5)


def test_a_command_runs_with_diracs_words_and_fake_programs(tmp_path):
    trial = testing.run_legacy(Asks, str(tmp_path), ["-n", "LCG.TEST.org"])
    assert (trial.outcome.status, trial.outcome.exit_code) == ("ok", 0)
    assert trial.pp.platform == "Linux_x86_64_glibc-2.36"
    (call,) = trial.client.list_calls()
    assert (call.program, call.words, call.folder) == ("dirac-platform", ["--all"], str(tmp_path))


def test_the_failure_of_a_command_is_in_its_outcome(tmp_path):
    trial = testing.run_legacy(Asks, str(tmp_path))
    assert trial.outcome.exit_code == 30
    assert "with code 5" in trial.outcome.reason


def test_what_it_writes_is_in_the_folder_and_the_place_is_as_before(tmp_path):
    before = os.getcwd()
    testing.run_legacy(OwnSite, str(tmp_path), ["-n", "LCG.TEST.org", "-N", "ce.test"])
    text = (tmp_path / "pilot.cfg").read_text()
    assert "Mine = 1" in text
    assert "GridCE = ce.test" in text
    assert os.getcwd() == before


def test_programs_say_what_the_test_wants(tmp_path):
    client = testing.Client(str(tmp_path / "mine"))
    client.write_answers({"dirac-platform": {"out": "other\n"}})
    assert testing.run_legacy(Asks, str(tmp_path), ["-n", "x"], client).pp.platform == "other"
