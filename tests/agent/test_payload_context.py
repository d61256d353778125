"""What payloads share, and how an attempt is said to have ended."""

import shutil

import pytest

from pilot.agent.payload import Payload
from pilot.pool.interface import Lease


@pytest.fixture
def attempt(around):
    """Runs one task in these surroundings; returns its ending."""

    def run(shared=around, **spec):
        ended = []

        def over(_, ending):
            ended.append(ending)
            around.loop.stop()

        lease = Lease("a", 1, 1, 300.0, dict({"id": "a"}, **spec))
        one = Payload(lease, shared, lambda _: None, over)
        around.loop.after(0, lambda: one.start([]))
        around.loop.run()
        return ended[0]

    return run


def test_an_attempt_that_went_well_is_done_with_its_result(attempt):
    ending = attempt(command=["echo", "hello"])
    assert (ending.outcome, ending.reason, ending.result["stdout"]) == ("done", "", "hello\n")


def test_a_task_that_fails_is_no_fault_of_the_nodes(attempt):
    ending = attempt(command=["false"])
    assert (ending.outcome, ending.node) == ("error", False)


def test_a_node_that_cannot_make_the_folder_is_at_fault_and_gives_the_task_back(attempt, around):
    shutil.rmtree(around.config.workdir)
    ending = attempt(command=["true"])
    assert (ending.outcome, ending.node) == ("released", True)


def test_what_happens_to_a_payload_is_told_through_its_surroundings(attempt, around):
    attempt(command=["true"])
    assert [(one["event"], one["task"]) for one in around.tell.told] == [("task started", "a")]


def test_the_end_of_its_lease_reaches_the_warden(attempt, around, books):
    attempt(around._replace(lease_end=lambda lease: 12345.0), command=["true"])
    assert [words[3] for words in books.told if words[0] == "began"] == [12345.0]
