"""What the configuration service says of our queue."""

import pytest

from tests.extensions.pilot_dirac.dirac_client import NINE, settings_of


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
