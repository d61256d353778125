"""The release that is wanted is told."""

import pytest

from tests.conftest import extension

GetPilotVersion = extension("pilot_dirac.get_pilot_version").GetPilotVersion
params = extension("pilot_dirac.params")


def test_get_pilot_version_tells_the_release(flight):
    assert "release 9.1.0" in flight("-X", "GetPilotVersion", "-r", "v9r1,v9r0").out


@pytest.mark.parametrize("given, release", [("v9r1,v9r0", "9.1.0"), (None, "")])
def test_what_extends_it_is_given_the_release(step, given, release):
    seen = []

    class Look(GetPilotVersion):
        def execute(self):
            seen.append(super(Look, self).execute())

    step(Look, {"release_version": given})
    assert seen == [release]


def test_a_release_that_is_not_named_is_said(pilot):
    ended = pilot("-E", "dirac", "-X", "GetPilotVersion")
    assert "release not named: the newest, or what is installed" in ended.out
