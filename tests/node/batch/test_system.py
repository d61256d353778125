"""What a batch system tells that tells nothing but its variables."""

import pytest

from pilot.node.batch.system import System


class Small(System):
    name = "Small"
    job_id_variables = ("SMALL_ID", "SMALL_OLD_ID")
    queue_variables = ("SMALL_QUEUE",)


@pytest.mark.parametrize(
    "environ, job_id",
    [
        ({"SMALL_ID": "1", "SMALL_OLD_ID": "2"}, "1"),
        ({"SMALL_OLD_ID": "2"}, "2"),
        ({"SMALL_ID": "", "SMALL_OLD_ID": "2"}, "2"),
        ({}, ""),
    ],
)
def test_the_first_variable_that_holds_something_is_the_id(environ, job_id):
    assert Small().job_id(environ) == job_id


def test_the_full_id_is_the_id_unless_a_system_says_otherwise():
    assert Small().full_job_id({"SMALL_ID": "1"}) == "1"


def test_the_queue_is_read_from_its_variable():
    assert Small().queue({"SMALL_QUEUE": "long"}) == "long"


@pytest.mark.parametrize("ask", ["cores", "memory_mb", "gpus"])
def test_what_it_does_not_tell_is_none(ask):
    assert getattr(Small(), ask)({"SMALL_ID": "1"}) is None


def test_no_time_is_told():
    assert Small().time_left_s({"SMALL_ID": "1"}, 0.0) is None


def test_an_answer_that_nobody_reads_is_none():
    assert Small().parse_answer("60", 0.0, {}) is None


def test_its_marks_alone_say_that_it_is_at_work():
    assert Small().is_at_work({}) is True


def test_its_values_are_those_of_the_environment():
    environ = {"SMALL_ID": "1"}
    assert Small().read_values(environ) == environ
