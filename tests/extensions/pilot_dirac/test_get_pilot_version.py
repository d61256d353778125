"""The release that is wanted is told."""


def test_get_pilot_version_tells_the_release(flight):
    assert "release v9r1" in flight("-X", "GetPilotVersion", "-r", "v9r1,v9r0").err
