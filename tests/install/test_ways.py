"""Each way to make software usable, with its ruins cleared away."""

import os
import subprocess
import tarfile
import zipfile

import pytest

from commands.install import Install
from pilot.errors import StepFailed
from pilot.facts import Installation
from pilot.install import ways
from pilot.install.source import Source, source
from pilot.testing import run_command
from tests.install.software import install, tarball


@pytest.fixture
def context(tmp_path):
    """What the ways see of a pilot with these settings."""

    def make(**settings):
        (tmp_path / "w").mkdir(exist_ok=True)
        return run_command(Install, tmp_path / "w", settings).context

    return make


def test_an_archive_with_its_checksum_becomes_the_software(tmp_path):
    digest = tarball(
        tmp_path / "s.tgz",
        [("soft-1.0/bin/tool", b"#!/bin/sh\necho works\n"), ("soft-1.0/setup.sh", b"export A=1\n")],
    )
    trial = install(
        tmp_path, "archive:file://%s/s.tgz#sha256:%s" % (tmp_path, digest), install_setup="setup.sh"
    )
    found = trial.fact(Installation)
    assert found.environ["A"] == "1"
    assert found.environ["PATH"].startswith(str(tmp_path / "w" / "software" / "bin"))
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


def test_an_archive_of_the_folder_itself_is_usual(tmp_path):
    top = tarfile.TarInfo("./")
    top.type, top.mode = tarfile.DIRTYPE, 0o755
    tarball(tmp_path / "s.tgz", [("./", top), ("./bin/tool", b"x")])
    assert install(tmp_path, "archive:%s/s.tgz" % tmp_path).outcome.status == "ok"


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
            "hello_pilot.py,,\nhello_pilot-1.0.dist-info/METADATA,,\n"
            "hello_pilot-1.0.dist-info/WHEEL,,\nhello_pilot-1.0.dist-info/RECORD,,\n",
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


def test_the_sources_after_the_one_that_works_are_not_tried(context):
    _, attempts = ways.first_that_works(context(), (source("none"), source("env:/no/file")))
    assert [attempt.source for attempt in attempts] == ["none"]


def test_where_no_source_works_there_is_no_installation(context):
    found, attempts = ways.first_that_works(context(), (source("env:/no/file"),))
    assert found is None
    assert attempts[0].reason == "there is no /no/file"


def test_other_ways_may_be_given_instead_of_the_usual(context):
    mine = {"git": lambda work: work.finish_install({"A": "1"})}
    found, _ = ways.first_that_works(context(), (source("git:/r"),), mine)
    assert found.environ == {"A": "1"}


@pytest.mark.parametrize(
    "error, reason",
    [
        (StepFailed("no route"), "no route"),
        (OSError(28, "x", "/f"), "the disk is full: /f"),
        (OSError("odd"), "odd"),
        (ImportError("no", name="_ssl"), "built without ssl"),
    ],
)
def test_why_a_source_did_not_work_is_a_sentence(context, error, reason):
    def fail(work):
        raise error
    _, attempts = ways.first_that_works(context(), (source("git:/r"),), {"git": fail})
    assert reason in attempts[0].reason


def test_what_an_attempt_left_unfinished_is_gone(context, tmp_path):
    def half(work):
        os.makedirs(work.fresh)
        os.makedirs(work.folder)
        raise StepFailed("no")
    ways.first_that_works(context(), (source("git:/r"),), {"git": half})
    assert os.listdir(str(tmp_path / "w")) == []


def test_an_attempt_whose_time_is_over_begins_nothing_more(context):
    work = ways.Work(context(), Source("none", ""), 0.0)
    with pytest.raises(StepFailed, match="longer than --install-timeout-s allows"):
        work.left_s()


def test_a_file_that_is_fetched_counts_from_the_workdir(context, tmp_path):
    one = context(install_timeout_s="60")
    (tmp_path / "w" / "f").write_text("here")
    work = ways.Work(one, Source("archive", "f"), ways.time.monotonic() + 60)
    with open(work.fetch_file("f")) as stream:
        assert stream.read() == "here"


def test_only_what_is_new_or_different_is_a_change():
    assert ways.changes({"A": "1", "B": "1"}, {"A": "1", "B": "2", "C": "3"}) == {
        "B": "2",
        "C": "3",
    }


@pytest.mark.parametrize(
    "names, inner",
    [
        (["soft-1.0/"], "soft-1.0"),
        (["soft-1.0/", ".download"], "soft-1.0"),
        (["bin/", "lib/"], ""),
        (["file"], ""),
        ([], ""),
    ],
)
def test_a_single_folder_is_the_software_itself(tmp_path, names, inner):
    for name in names:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name).write_text("")
    assert ways.only_folder(str(tmp_path)) == os.path.join(str(tmp_path), inner).rstrip("/")


def test_a_link_in_the_place_of_a_single_folder_is_not_followed(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "link").symlink_to("/etc")
    assert ways.only_folder(str(tmp_path / "made")) == str(tmp_path / "made")


def test_the_arguments_of_a_script_may_hold_blanks(tmp_path):
    (tmp_path / "set up.sh").write_text("")
    one = Source("env", "'%s/set up.sh' 'a b' c" % tmp_path)
    assert ways.script_words(one) == ["%s/set up.sh" % tmp_path, "a b", "c"]


@pytest.mark.parametrize(
    "text, words",
    [("/no/such", "there is no /no/such"), ("'/a", "No closing quotation"), ("''", "there is no ")],
)
def test_a_script_that_is_not_there_is_told(text, words):
    with pytest.raises(StepFailed, match=words):
        ways.script_words(Source("env", text))


def test_a_repository_that_is_none_is_told(tmp_path):
    reason = install(tmp_path, "git:%s/none" % tmp_path).outcome.reason
    assert "does not exist" in reason
    assert os.listdir(str(tmp_path / "w")) == []


def test_an_archive_that_is_not_there_is_told(tmp_path):
    assert "No such file" in install(tmp_path, "archive:/no/s.tgz").outcome.reason


def test_an_installation_that_needs_nothing_has_no_folder(context):
    found, _ = ways.first_that_works(context(), (source("none"),))
    assert found[:3] == Installation("none", "", {})[:3]
