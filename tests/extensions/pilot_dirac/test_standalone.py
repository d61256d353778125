"""PilotParams() in a community's own unit test."""

import json

import pytest

from pilot.errors import UsageError
from tests.conftest import extension

params = extension("pilot_dirac.params")


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The parameters of a command line in tmp_path."""

    def make(*words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", ["dirac-pilot.py"] + list(words))
        return params.PilotParams()

    return make


def test_they_are_those_of_the_command_line_and_of_pilot_json(made, tmp_path):
    (tmp_path / "pilot.json").write_text(json.dumps({
        "CEs": {"ce.test": {"Site": "LCG.TEST.org"}}, "ConfigurationServers": ["dips://cs"],
        "Defaults": {"Pilot": {"Version": "9.1.22"}},
    }))
    pp = made("-N", "ce.test", "-Q", "q1", "-o", "/A=1", "-x", "true")
    assert (pp.site, pp.ceName, pp.releaseVersion) == ("LCG.TEST.org", "ce.test", "9.1.22")
    assert (pp.configServer, pp.genericOption, pp.executeCmd) == ("dips://cs", "/A=1", "true")
    assert (pp.workingDir, pp.pilotUUID) == (str(tmp_path), "unknown")


def test_without_words_they_are_the_defaults(made):
    pp = made()
    assert (pp.maxCycles, pp.site, pp.executeCmd) == (10, "", False)


def test_a_word_that_dirac_pilot_does_not_have_is_told(made):
    with pytest.raises(UsageError, match="--nosuch"):
        made("--nosuch=1")
