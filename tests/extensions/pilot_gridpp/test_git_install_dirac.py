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
    assert "gridpp" in ended.out


def test_a_repository_that_is_not_there_is_named(flight, tmp_path):
    ended = flight(
        "-X", "GitInstallDIRAC", "--git-url", "file://%s/none" % tmp_path, extensions="gridpp,dirac"
    )
    assert ended.code == 20
    assert "file://%s/none: " % tmp_path in ended.out


def test_code_without_a_folder_src_is_taken_from_the_top(flight, tmp_path):
    repository = tmp_path / "Flat.git"
    subprocess.check_call(["git", "init", "-q", str(repository)])
    (repository / "flat.py").write_text("WHO = 'flat'\n")
    for words in (
        ["add", "."],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x"],
    ):
        subprocess.check_call(["git", "-C", str(repository)] + words)
    ended = flight(
        "-X",
        "GitInstallDIRAC,LaunchAgent",
        "--git-url",
        "file://%s" % repository,
        "-x",
        "%s -c 'import flat; print(\"who=\" + flat.WHO)'" % sys.executable,
        extensions="gridpp,dirac",
    )
    assert "who=flat" in ended.out
