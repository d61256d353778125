"""The files of a submission, and the words that a pilot gets."""

import os
import random
import stat
import subprocess
import sys

import pytest

from pilot.ops.factory.backends import make_backend
from pilot.ops.factory.config import parse_farm
from pilot.ops.factory.submission import (
    LETTERS, PilotFiles, code_of, folder_of, new_tag, pilot_words, remove_folder, tidy_folder,
)
from tests.ops.factory.conftest import make_site

TAG = "pabcdefghjkm"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("farm") / "farm.ini")
    return PilotFiles(parse_farm("[site a]\nbackend = local\npool = sqlite:x\n", path, ("local",)))


@pytest.fixture
def written(files, tmp_path):
    """A submission of two pilots with a start token."""
    backend = make_backend("local", {}, str(tmp_path))

    def mint(prefix, pilots, seconds):
        return "token of %s for %d within %d" % (prefix, pilots, seconds)

    return files.write_submission(make_site(), TAG, 2, str(tmp_path), backend, mint)


def mode(path):
    return stat.S_IMODE(os.stat(str(path)).st_mode)


def test_tags_fit_every_batch_system_and_differ():
    tags = {new_tag("/farm.ini.book") for _ in range(10000)}
    assert len(tags) == 10000
    assert all(len(tag) == 12 and tag[0] == "p" and set(tag[1:]) <= set(LETTERS) for tag in tags)


def test_the_tags_of_a_book_have_its_code():
    assert new_tag("/a/farm.ini.book")[1:4] == code_of("/a/farm.ini.book")
    assert len({code_of("/%d/book" % number) for number in range(100)}) > 95


def test_no_folder_gets_more_than_a_thousand_entries():
    assert len(LETTERS) ** 2 < 1000
    source = random.Random(1)
    assert len({os.path.dirname(folder_of("/b", new_tag("/b", source))) for _ in range(20000)}) == 961


def test_the_script_is_this_program_with_its_words(written, tmp_path):
    script = os.path.join(written.folder, written.script)
    out = subprocess.run(
        [sys.executable, script, "--version"], stdout=subprocess.PIPE, env={"LOCAL_JOB_NUMBER": "1"},
        cwd=str(tmp_path),
    )
    assert out.returncode == 0
    assert out.stdout.startswith(b"pilot ")


def test_only_its_owner_reads_a_submission(written):
    assert [mode(written.folder), mode(os.path.join(written.folder, "pilot-job.py"))] == [0o700] * 2
    assert mode(os.path.join(written.folder, "token")) == 0o600


def test_a_submission_has_a_start_token_that_no_argument_holds(written):
    with open(os.path.join(written.folder, "token")) as stream:
        assert stream.read() == "token of %s- for 2 within 604800\n" % TAG
    with open(os.path.join(written.folder, "pilot-job.py")) as stream:
        assert "token of" not in stream.read()


def test_script_and_tokens_go_when_a_submission_has_ended(written, tmp_path):
    os.makedirs(os.path.join(written.folder, "job-0"))
    tidy_folder(str(tmp_path), TAG)
    assert os.listdir(written.folder) == ["job-0"]


def test_a_removed_submission_keeps_what_its_tasks_brought_out(written, tmp_path):
    for number, names in ((0, ["outputs/a.1/result", "pilot.log"]), (1, ["pilot.log", "outputs"])):
        for name in names:
            path = os.path.join(written.folder, "job-%d" % number, name)
            os.makedirs(path if name == "outputs" else os.path.dirname(path), exist_ok=True)
            if name != "outputs":
                with open(path, "w") as stream:
                    stream.write("x")
    remove_folder(str(tmp_path), TAG)
    left = [os.path.join(at, name) for at, _, names in os.walk(written.folder) for name in names]
    assert left == [os.path.join(written.folder, "job-0", "outputs", "a.1", "result")]
    os.unlink(left[0])
    os.rmdir(os.path.dirname(left[0]))
    remove_folder(str(tmp_path), TAG)
    assert not os.path.exists(written.folder)


def test_the_words_of_a_pilot():
    site = make_site(pool="https://h:1", tags=("a", "b"), walltime_s=3600.0, commands="LaunchAgent",
                     pilot_options=("--isolation", "auto"))
    assert pilot_words(site, TAG, "/f/job-${N}", "${N}") == [
        "-X", "LaunchAgent", "--pool", "https://h:1", "--pilot-id", TAG + "-${N}",
        "--events", "https://h:1",
        "--workdir", "/f/job-${N}", "--idle-s", "300", "--site", "main",
        "--tags", "a,b", "--max-walltime", "3600",
        "--isolation", "auto",
    ]
