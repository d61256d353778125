import hashlib
import io
import os
import subprocess
import tarfile
import zipfile

import pytest

from commands.install import Install
from pilot.install import ways
from pilot.base import archive
from pilot.errors import UsageError
from pilot.facts import Installation
from pilot.install.source import Source, source
from pilot.testing import run_command


def tarball(path, members):
    """A gzipped tar of (name, content or TarInfo) pairs."""
    with tarfile.open(str(path), "w:gz") as made:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = b"" if isinstance(content, tarfile.TarInfo) else content
            if not isinstance(content, tarfile.TarInfo):
                info.size, info.mode = len(data), 0o755
            made.addfile(info, io.BytesIO(data))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def install(tmp_path, *sources, **settings):
    return run_command(Install, tmp_path / "w", dict(settings, install=list(sources)))


@pytest.fixture(autouse=True)
def workdir(tmp_path):
    (tmp_path / "w").mkdir()


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
    assert "there is no /no/such/setup.sh" in found.attempts[0].reason and all(
        attempt.seconds >= 0 for attempt in found.attempts
    )


def test_when_no_source_works_each_says_why(tmp_path):
    outcome = install(tmp_path, "env:/no/setup.sh", "archive:/no/file.tgz").outcome
    assert (outcome.status, outcome.exit_code) == ("failed", 20)
    assert "/no/setup.sh" in outcome.reason and "/no/file.tgz" in outcome.reason


def test_an_archive_with_its_checksum_becomes_the_software(tmp_path):
    digest = tarball(
        tmp_path / "s.tgz",
        [("soft-1.0/bin/tool", b"#!/bin/sh\necho works\n"), ("soft-1.0/setup.sh", b"export A=1\n")],
    )
    trial = install(
        tmp_path, "archive:file://%s/s.tgz#sha256:%s" % (tmp_path, digest), install_setup="setup.sh"
    )
    found = trial.fact(Installation)
    assert found.environ["A"] == "1" and found.environ["PATH"].startswith(
        str(tmp_path / "w" / "software" / "bin")
    )
    assert subprocess.check_output(["tool"], env=dict(os.environ, **found.environ)) == b"works\n"
    assert [entry.name for entry in (tmp_path / "w").iterdir()] == ["software"]


def test_an_installation_may_be_repeated(tmp_path):
    tarball(tmp_path / "s.tgz", [("bin/tool", b"x")])
    for _ in range(2):
        assert install(tmp_path, "archive:%s/s.tgz" % tmp_path).outcome.status == "ok"


def test_a_wrong_checksum_is_refused(tmp_path):
    tarball(tmp_path / "s.tgz", [("a", b"x")])
    assert (
        "expected " + "0" * 64
        in install(tmp_path, "archive:%s/s.tgz#%s" % (tmp_path, "0" * 64)).outcome.reason
    )


def test_a_zip_is_an_archive_too(tmp_path):
    with zipfile.ZipFile(str(tmp_path / "s.zip"), "w") as made:
        made.writestr("bin/tool", "#!/bin/sh\n")
    assert install(tmp_path, "archive:%s/s.zip" % tmp_path).outcome.status == "ok"
    assert (tmp_path / "w" / "software" / "bin" / "tool").exists() or (
        tmp_path / "w" / "software" / "tool"
    ).exists()


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
    assert (
        not (tmp_path / "evil").exists()
        and not (tmp_path / "w" / "evil").exists()
        and not (tmp_path / "w" / "software").exists()
    )


def test_an_archive_of_the_folder_itself_is_usual(tmp_path):
    top = tarfile.TarInfo("./")
    top.type, top.mode = tarfile.DIRTYPE, 0o755
    tarball(tmp_path / "s.tgz", [("./", top), ("./bin/tool", b"x")])
    assert install(tmp_path, "archive:%s/s.tgz" % tmp_path).outcome.status == "ok"


def test_links_inside_an_archive_work(tmp_path):
    tarball(
        tmp_path / "s.tgz",
        [
            ("lib/real", b"x"),
            ("lib/soft", link("lib/soft", "real")),
            ("lib/hard", link("lib/hard", "lib/real", tarfile.LNKTYPE)),
            ("bin/up", link("bin/up", "../lib/real")),
        ],
    )
    archive.unpack(str(tmp_path / "s.tgz"), str(tmp_path / "out"))
    assert all(
        (tmp_path / "out" / name).read_text() == "x" for name in ("lib/soft", "lib/hard", "bin/up")
    )


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"\x1f\x8b damaged"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "s.tgz").write_bytes(content)
    with pytest.raises(archive.BadArchive):
        archive.unpack(str(tmp_path / "s.tgz"), str(tmp_path / "out"))


def test_an_installer_script_runs_with_its_arguments(tmp_path):
    (tmp_path / "i.sh").write_text("mkdir bin; echo \"$1 $2\" > bin/said\n")
    assert install(tmp_path, "installer:%s/i.sh one two" % tmp_path).outcome.status == "ok"
    assert (tmp_path / "w" / "software" / "bin" / "said").read_text() == "one two\n"


def test_a_failed_installer_leaves_no_ruins(tmp_path):
    (tmp_path / "i.sh").write_text("touch half; exit 1\n")
    (tmp_path / "j.sh").write_text("test ! -e half && touch whole\n")
    assert install(tmp_path, "installer:%s/i.sh" % tmp_path).outcome.exit_code == 20
    assert list((tmp_path / "w").iterdir()) == []
    assert (
        install(
            tmp_path, "installer:%s/i.sh" % tmp_path, "installer:%s/j.sh" % tmp_path
        ).outcome.status
        == "ok"
    )


def test_an_environment_script_that_exits_is_no_environment(tmp_path):
    (tmp_path / "s.sh").write_text("exit 0\n")
    assert "does it say exit" in install(tmp_path, "env:%s/s.sh" % tmp_path).outcome.reason


def test_an_installer_that_hangs_ends_in_time(tmp_path):
    (tmp_path / "i.sh").write_text("echo started; sleep 60\n")
    assert (
        "without an end: started"
        in install(tmp_path, "installer:%s/i.sh" % tmp_path, install_timeout_s="0.5").outcome.reason
    )


@pytest.mark.parametrize("ref", ["", "@v1", "@COMMIT", "@SHORT", "@side"])
def test_a_git_ref_is_checked_out(tmp_path, ref):
    repository = tmp_path / "r"
    repository.mkdir()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    (repository / "f").write_text("one")
    for words in (
        ["init", "-q"],
        ["add", "f"],
        ["commit", "-qm", "x"],
        ["tag", "v1"],
        ["branch", "side"],
    ):
        subprocess.check_call(git + words, cwd=str(repository))
    commit = (
        subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=str(repository)).decode().strip()
    )
    assert (
        install(
            tmp_path,
            "git:file://%s%s"
            % (repository, ref.replace("COMMIT", commit).replace("SHORT", commit[:9])),
        ).outcome.status
        == "ok"
    )
    assert (tmp_path / "w" / "software" / "f").read_text() == "one"


def test_pip_installs_into_an_environment_of_its_own(tmp_path):
    package = tmp_path / "p"
    package.mkdir()
    wheel = package / "hello_pilot-1.0-py3-none-any.whl"
    with zipfile.ZipFile(str(wheel), "w") as made:
        made.writestr("hello_pilot.py", "WORD = 'hello'\n")
        made.writestr(
            "hello_pilot-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: hello-pilot\nVersion: 1.0\n",
        )
        made.writestr(
            "hello_pilot-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        made.writestr(
            "hello_pilot-1.0.dist-info/RECORD",
            "hello_pilot.py,,\nhello_pilot-1.0.dist-info/METADATA,,\nhello_pilot-1.0.dist-info/WHEEL,,\nhello_pilot-1.0.dist-info/RECORD,,\n",
        )
    refused = install(tmp_path, "pip:%s" % wheel, pip_options="--no-such-option")
    assert "--no-such-option" in refused.outcome.reason
    trial = install(tmp_path, "pip:%s" % wheel, pip_options="--no-index")
    assert trial.outcome.status == "ok", trial.outcome.reason
    environ = dict(os.environ, **trial.fact(Installation).environ)
    assert (
        subprocess.check_output(
            ["python", "-c", "import hello_pilot; print(hello_pilot.WORD)"], env=environ
        )
        == b"hello\n"
    )


@pytest.mark.parametrize(
    "text, found",
    [
        ("env:/a/setup.sh x", Source("env", "/a/setup.sh x")),
        (
            "archive:http://h/a.tgz#sha256:" + "a" * 64,
            Source("archive", "http://h/a.tgz", "sha256:" + "a" * 64),
        ),
        (
            "installer:http://h/i.sh#%s --fast" % ("b" * 128),
            Source("installer", "http://h/i.sh --fast", "b" * 128),
        ),
        ("none", Source("none", "")),
    ],
)
def test_sources_are_read(text, found):
    assert source(text) == found


@pytest.mark.parametrize(
    "text", ["", "evn:/x", "none:x", "pip:", "archive:x#md5:1", "/cvmfs/x/setup.sh"]
)
def test_a_source_that_makes_no_sense_is_refused_before_anything_runs(tmp_path, text):
    with pytest.raises(UsageError):
        install(tmp_path, text)


@pytest.mark.parametrize(
    "text, words",
    [
        ("https://h/a.git@v1", ("https://h/a.git", "v1")),
        ("git@h:a/b", ("git@h:a/b", "")),
        ("https://h/a", ("https://h/a", "")),
        ("/a/b@x", ("/a/b", "x")),
    ],
)
def test_a_ref_is_told_from_a_user_name(text, words):
    assert ways.git_words(text) == words
