"""The command that installs the community's software."""

import tarfile

import pytest

from pilot.errors import UsageError
from pilot.facts import Installation
from tests.install.software import install, link, tarball


def test_nothing_to_install_is_fine(tmp_path):
    for sources in ((), ("none",)):
        assert install(tmp_path, *sources).fact(Installation).source == "none"


def test_the_first_source_that_works_wins_and_every_attempt_is_told(tmp_path):
    (tmp_path / "setup.sh").write_text("export SOFTWARE=/opt/x\n")
    trial = install(tmp_path, "env:/no/such/setup.sh", "env:%s/setup.sh" % tmp_path, "none")
    found = trial.fact(Installation)
    assert found.environ == {"SOFTWARE": "/opt/x"}
    assert [(attempt.ok, attempt.source.split(":")[0]) for attempt in found.attempts] == [
        (False, "env"),
        (True, "env"),
    ]
    assert "there is no /no/such/setup.sh" in found.attempts[0].reason
    assert all(attempt.seconds >= 0 for attempt in found.attempts)


def test_when_no_source_works_each_says_why(tmp_path):
    outcome = install(tmp_path, "env:/no/setup.sh", "archive:/no/file.tgz").outcome
    assert (outcome.status, outcome.exit_code) == ("failed", 20)
    assert "/no/setup.sh" in outcome.reason
    assert "/no/file.tgz" in outcome.reason


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", b"x")],
        [("/evil", b"x")],
        [("a/../../evil", b"x")],
        [("link", link("link", "/etc"))],
        [("link", link("link", "../.."))],
        [("d", link("d", "..")), ("d/evil", b"x")],
        [("hard", link("hard", "../../evil", tarfile.LNKTYPE))],
        [("dev", link("dev", "", tarfile.CHRTYPE))],
    ],
)
def test_an_archive_that_reaches_outside_is_refused(tmp_path, members):
    tarball(tmp_path / "s.tgz", members)
    outcome = install(tmp_path, "archive:%s/s.tgz" % tmp_path).outcome
    assert outcome.exit_code == 20
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "w" / "evil").exists()
    assert not (tmp_path / "w" / "software").exists()


@pytest.mark.parametrize(
    "text", ["", "evn:/x", "none:x", "pip:", "archive:x#md5:1", "/cvmfs/x/setup.sh"]
)
def test_a_source_that_makes_no_sense_is_refused_before_anything_runs(tmp_path, text):
    with pytest.raises(UsageError):
        install(tmp_path, text)
