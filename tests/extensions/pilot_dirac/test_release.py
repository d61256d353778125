"""Names of releases: DIRAC's and pip's."""

import pytest

from tests.conftest import extension

release = extension("pilot_dirac.release")


@pytest.mark.parametrize(
    "text, version",
    [
        ("v9r1", "9.1.0"),
        ("v9r1p22", "9.1.22"),
        ("v9r1p2-pre3", "9.1.2a3"),
        ("9.12", "9.12.0"),
        ("9.0.1a5", "9.0.1a5"),
        ("v9.1.22", "9.1.22"),
        ("9r1p22", "9.1.22"),
        ("DIRAC[pilot]==8.0.5", "8.0.5"),
    ],
)
def test_versions_as_pip_has_them(text, version):
    assert release.dotted_version(text) == version
    assert release.pinned_version(text) == "==" + version
    assert release.pinned_version("integration") == release.pinned_version("") == ""
    assert release.dotted_version(release.lettered_version(version)) == version


@pytest.mark.parametrize(
    "version, text",
    [
        ("9.1.22", "v9r1p22"),
        ("9.1.0", "v9r1"),
        ("9.1", "v9r1"),
        ("9.1.2a3", "v9r1p2-pre3"),
        ("integration", "integration"),
    ],
)
def test_versions_as_dirac_has_them(version, text):
    assert release.lettered_version(version) == text


@pytest.mark.parametrize("text", ["integration", "v9", "v9r1x", "", "9.1; rm -rf /"])
def test_what_is_no_release_stays_as_it_is(text):
    assert release.dotted_version(text) == text
