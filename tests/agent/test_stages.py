"""What is started for each stage of a task."""

import json
import os
import shutil

import pytest

from pilot.agent import stages
from pilot.agent.sandbox import Sandboxes
from pilot.pool.interface import Lease
from tests.agent.running import shown


def test_files_go_in_and_out(run, tmp_path):
    (tmp_path / "in.txt").write_text("a b c\n")
    ended = run(
        [
            {
                "id": "wc",
                "command": ["sh", "-c", "wc -w < in.txt > out.txt"],
                "inputs": ["in.txt"],
                "outputs": ["out.txt"],
            }
        ]
    )
    assert (ended.workdir / "outputs" / "wc.1" / "out.txt").read_text().strip() == "3"
    assert [file["name"] for file in shown(ended, "wc")["attempts"][0]["result"]["files"]] == [
        "in.txt",
        "out.txt",
    ]


@pytest.mark.parametrize(
    "spec, order",
    [
        ({}, ["run"]),
        ({"inputs": ["a"]}, ["stage-in", "run"]),
        ({"outputs": ["b"]}, ["run", "stage-out"]),
        ({"inputs": ["a"], "outputs": ["b"]}, ["stage-in", "run", "stage-out"]),
    ],
)
def test_a_task_goes_through_the_stages_that_it_needs(spec, order):
    found = [stages.first_stage(spec)]
    while found[-1] is not None:
        found.append(stages.next_stage(found[-1], spec))
    assert found[:-1] == order


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        '{"files": {}}',
        '{"files": [1]}',
        '{"files": [], "more": 1}',
        '{"files": [{"path": "/"}]}',
        '{"files": [], "problem": 7}',
        "[" * 100000,
    ],
)
def test_what_no_transfer_says_is_no_answer(text):
    assert stages.checked_answer(text) is None


def test_what_a_transfer_says_is_its_answer():
    said = {"files": [{"name": "a", "size": 1, "sha256": "0", "url": "u"}], "problem": "x"}
    assert stages.checked_answer(json.dumps(said)) == said


@pytest.fixture
def answer(tmp_path):
    """What a transfer said: `answer(b"...", b"its log")`."""

    def say(said, log=b""):
        one = stages.TransferAnswer(str(tmp_path))
        for descriptor, text in zip(one.copies(), (said, log)):
            os.write(descriptor, text)
            os.close(descriptor)
        return one.take()

    return say


def test_an_answer_is_read_from_a_file_without_a_name(answer, tmp_path):
    said = answer(b'{"files": [{"name": "a"}]}')
    assert (said, os.listdir(str(tmp_path))) == ({"files": [{"name": "a"}]}, [])


def test_the_logs_last_line_stands_in_for_an_answer(answer):
    assert answer(b"", b"Traceback\nOSError: gone\n")["problem"] == "OSError: gone"


def test_a_transfer_that_said_nothing_was_killed(answer):
    assert answer(b"")["problem"] == "it was killed"


@pytest.fixture
def place(config):
    """Where a task runs: `place(command=["true"])`."""
    boxes = Sandboxes(config.workdir + "/tasks")

    def make(**spec):
        lease = Lease("a", 3, 1, 300.0, dict({"id": "a"}, **spec))
        return stages.PayloadPlace(lease, boxes.take(), config, [], "p1/a.3")

    return make


def close(start):
    for descriptor in (start.stdin, start.stdout, start.stderr):
        os.close(descriptor)


def test_a_payload_starts_in_its_folder_with_its_mark(place):
    here = place(command=["my-program", "word"], walltime_s=7)
    start = stages.of_payload(here, shutil.which)
    close(start)
    assert (start.argv, start.cwd, start.timeout_s, start.environ[b"PILOT_PAYLOAD"]) == (
        ["my-program", "word"],
        here.sandbox.work,
        7,
        b"p1/a.3",
    )


def test_a_payload_has_nothing_to_read(place):
    start = stages.of_payload(place(command=["true"]), shutil.which)
    read = os.read(start.stdin, 1)
    close(start)
    assert read == b""


@pytest.fixture
def order(place, config):
    """What the child that moves files is told: `order("stage-in", inputs=[...])`."""

    def ask(stage, **spec):
        said = stages.TransferAnswer(config.workdir)
        start = stages.of_transfer(place(**spec), stage, said)
        text = os.read(start.stdin, 1 << 16).decode()
        close(start)
        said.take()
        return json.loads(text)

    return ask


def test_a_transfer_is_told_which_files_go_which_way(order):
    told = order("stage-in", inputs=[{"name": "f"}], outputs=[{"name": "g"}])
    assert (told["direction"], told["files"]) == ("stage-in", [{"name": "f"}])


def test_outputs_go_to_a_folder_of_this_attempt(order, config):
    told = order("stage-out", outputs=[{"name": "g"}])
    assert told["default"] == config.output_dir + "/a.3"


def test_a_task_that_names_a_proxy_has_its_files_moved_with_it(order):
    told = order("stage-out", outputs=[], env={"X509_USER_PROXY": "/my/proxy"})
    assert told["proxy"] == "/my/proxy"
