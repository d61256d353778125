"""The platform without starting dirac-platform."""

from tests.extensions.pilot_dirac.dirac_client import settings_of


def test_the_platform_without_a_program_is_the_programs(flight, client):
    import platform

    ended = flight("-X", "InstallDIRAC,ConfigureBasics,ConfigureArchitectureWithoutCLI")
    found = settings_of(ended)["LocalSite"]
    assert found["Architecture"].startswith("Linux_%s" % platform.machine())
    assert not client.calls("dirac-platform")
