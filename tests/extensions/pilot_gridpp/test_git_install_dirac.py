"""DIRAC's code from a git repository."""

import subprocess
import sys


def test_gridpps_code_comes_from_git(flight, client, tmp_path):
    repository = tmp_path / "DIRAC.git"
    subprocess.check_call(["git", "init", "-q", str(repository)])
    (repository / "src").mkdir()
    (repository / "src" / "ours.py").write_text("WHO = 'gridpp'\n")
    for words in (
        ["add", "."],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x"],
        ["branch", "special"],
    ):
        subprocess.check_call(["git", "-C", str(repository)] + words)
    ended = flight(
        "-X",
        "GitInstallDIRAC,LaunchAgent",
        "--git-url",
        "file://%s" % repository,
        "--git-ref",
        "special",
        "-x",
        "%s -c 'import ours; print(ours.WHO)'" % sys.executable,
        extensions="gridpp,dirac",
    )
    assert ended.code == 0
    assert "gridpp" in ended.err
