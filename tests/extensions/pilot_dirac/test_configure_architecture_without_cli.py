"""The platform without starting dirac-platform."""

import platform

from tests.conftest import extension
from tests.extensions.pilot_dirac.dirac_client import settings_in, settings_of

WithoutCLI = extension(
    "pilot_dirac.configure_architecture_without_cli"
).ConfigureArchitectureWithoutCLI


def test_the_platform_without_a_program_is_the_programs(flight, client):
    ended = flight("-X", "InstallDIRAC,ConfigureBasics,ConfigureArchitectureWithoutCLI")
    found = settings_of(ended)["LocalSite"]
    assert found["Architecture"].startswith("Linux_%s" % platform.machine())
    assert not client.calls("dirac-platform")


def test_no_program_of_diracs_is_needed(step, tmp_path):
    outcome = step(WithoutCLI, PATH="/nowhere").outcome
    assert outcome.status == "ok"


def test_the_c_library_is_part_of_the_name(step, tmp_path):
    step(WithoutCLI)
    library = "-".join(part for part in platform.libc_ver() if part)
    assert settings_in(tmp_path)["LocalSite"]["Architecture"].endswith(library)
