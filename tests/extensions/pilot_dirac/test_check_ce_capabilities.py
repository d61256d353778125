"""What the configuration service says of our queue."""

import pytest

from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import NINE, settings_in, settings_of

params = extension("pilot_dirac.params")
Capabilities = extension("pilot_dirac.check_ce_capabilities").CheckCECapabilities


@pytest.mark.parametrize(
    "out, tags",
    [
        (
            '{"Tag": "GPU, MyTag", "WholeNode": "True", "MaxRAM": 2048}',
            ["WholeNode", "GPU", "MyTag"],
        ),
        ('{"Tag": ["a"]}\nA last line that is none', ["a"]),
    ],
)
def test_the_queues_parameters_may_have_any_type(flight, client, out, tags):
    client.say(dirac_resource_get_parameters={"out": out + "\n"})
    ended = flight("-X", NINE)
    assert settings_of(ended)["Resources"]["Computing"]["CEDefaults"]["Tag"] == ", ".join(tags)


KNOWN = {"site": "LCG.T.org", "ce": "ce.test", "queue": "q1"}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_where_the_place_is_not_known_nothing_is_asked(step, client, name):
    outcome = step(Capabilities, dict(KNOWN, **{name: None})).outcome
    assert outcome.status == "skipped"
    assert "nothing to ask for" in outcome.reason
    assert client.calls("dirac-resource-get-parameters") == []


def test_the_queue_is_named_to_the_program(step, client):
    step(Capabilities, KNOWN)
    words = ["-S", "LCG.T.org", "-N", "ce.test", "-Q", "q1", "-d"]
    assert client.calls("dirac-resource-get-parameters") == [words]


def test_a_configuration_that_is_there_is_used(step, client, tmp_path):
    (tmp_path / "pilot.cfg").write_text("")
    step(Capabilities, KNOWN)
    assert client.calls("dirac-resource-get-parameters")[0][-3:] == ["--cfg", "pilot.cfg", "-d"]


def test_a_host_certificate_is_shown(step, client):
    step(Capabilities, dict(KNOWN, use_server_certificate=True))
    words = client.calls("dirac-resource-get-parameters")[0]
    assert "/DIRAC/Security/UseServerCertificate=yes" in words


def test_parameters_are_written_and_tags_are_not(step, tmp_path):
    step(Capabilities, KNOWN)
    assert settings_in(tmp_path)["LocalSite"] == {
        "CEType": "HTCondorCE",
        "MaxRAM": "2048",
        "maxCPUTime": "120",
        "NumberOfProcessors": "2",
        "Queue": "q1",
    }


def test_the_queues_tags_come_behind_our_own_each_once(step):
    trial = step(Capabilities, dict(KNOWN, tag=["mine, GPU"]))
    assert params.params_of(trial.context).tags == ["mine", "GPU", "MyTag"]


@pytest.mark.parametrize(
    "whole, tags", [('"True"', ["WholeNode"]), ("true", ["WholeNode"]), ('"no"', [])]
)
def test_a_whole_node_is_a_tag(step, client, whole, tags):
    client.say(dirac_resource_get_parameters={"out": '{"WholeNode": %s}\n' % whole})
    assert params.params_of(step(Capabilities, KNOWN).context).tags == tags
