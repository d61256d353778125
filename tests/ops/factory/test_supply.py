"""What a batch system's answers mean for the book."""

import pytest

from pilot.ops.factory.book import new_pilot
from pilot.ops.factory.jobs import Job, JobList, JobState
from pilot.ops.factory.supply import (
    CANCELLED, Counts, adopt_jobs, count_pilots, count_supply, find_doubt, update_pilots,
)

TAG = "pabcdefghjkm"
NOW = (1.6e9, 1000.0)


def pilot(number=0, state=JobState.PENDING, **more):
    return new_pilot(TAG, number, "main", str(number), 1.0)._replace(state=state.value, **more)


def job(number=0, state=JobState.PENDING, **more):
    return Job(str(number), TAG, number, state, **more)


def update(pilots, jobs, alive=(), now=NOW):
    return update_pilots(pilots, JobList(jobs), alive, now)


def test_all_states_are_counted():
    pilots = [pilot(n, state) for n, state in enumerate(JobState) if n < 7]
    assert count_pilots(pilots) == Counts(pending=3, held=2, running=2)
    assert count_pilots(pilots).total == 7


def test_what_has_not_changed_is_not_written():
    started = pilot(0, JobState.RUNNING, started=1.0, started_s=1.0, node="n1")
    assert update([started, pilot(1)], [job(0, JobState.RUNNING, node="n1"), job(1)]).changed == []


def test_a_job_starts_and_ends():
    (running,) = update([pilot()], [job(0, JobState.RUNNING, node="n1")]).changed
    assert (running.state, running.node, running.started, running.started_s) == (
        "running", "n1", 1.6e9, 1000.0,
    )
    (over,) = update([running], [job(0, JobState.FAILED, exit_code=10)]).changed
    assert (over.state, over.exit_code, over.ended) == ("failed", 10, 1.6e9)


def test_a_requeued_job_starts_again():
    running = pilot(0, JobState.RUNNING, started=1.0, started_s=1.0)
    (again,) = update([running], [job(0, JobState.REQUEUED)]).changed
    assert (again.state, again.started, again.ended) == ("requeued", None, None)


def test_the_reason_of_a_held_job_is_kept():
    (held,) = update([pilot()], [job(0, JobState.HELD, reason="by root")]).changed
    assert (held.state, held.reason) == ("held", "by root")


def test_a_job_that_we_cancelled_is_gone_at_once_and_no_doubt():
    """Slurm shows a cancelled array as one line, without the parts."""
    ours = [pilot(number, reason=CANCELLED) for number in range(5)]
    assert find_doubt(ours + [pilot(5)], JobList([job(5)])) == ""
    changed = update(ours, []).changed
    assert {(one.state, one.ended) for one in changed} == {("cancelled", 1.6e9)}
    # one that is still there is live; held ones keep the reason
    (held,) = update([ours[0]], [job(0, JobState.HELD, reason="JobHeldUser")]).changed
    assert (held.ended, held.reason) == (None, CANCELLED)


def test_a_job_is_gone_after_two_answers_without_it():
    (missed,) = update([pilot()], []).changed
    assert (missed.missing_s, missed.ended) == (1000.0, None)
    assert update([missed], [], now=(1.6e9, 1029.0)).changed == []
    (gone,) = update([missed], [], now=(1.6e9, 1030.0)).changed
    assert (gone.state, gone.reason) == ("gone", "ended, unknown how")
    (back,) = update([missed], [job()], now=(1.6e9, 1030.0)).changed
    assert back.missing_s is None
    (heard,) = update([missed], [], [missed.pilot], now=(1.6e9, 1030.0)).changed
    assert (heard.missing_s, heard.ended) == (None, None)


@pytest.mark.parametrize("shown, doubt", [(0, "lacks 6 of 6"), (3, "lacks 3 of 6"), (4, "")])
def test_an_answer_that_lacks_half_is_doubted(shown, doubt):
    assert doubt in find_doubt([pilot(n) for n in range(6)], JobList([job(n) for n in range(shown)]))
    assert bool(find_doubt([pilot(n) for n in range(6)], JobList([job(n) for n in range(shown)]))) == bool(doubt)


def test_four_jobs_may_vanish_at_once():
    assert find_doubt([pilot(n) for n in range(4)], JobList([])) == ""


def test_unknown_jobs_are_told_by_tag_and_adopted():
    unknown = update([], [job(1, JobState.RUNNING), job(2)]).unknown
    adopted = adopt_jobs(unknown[TAG], "main", NOW)
    assert [(one.number, one.state, one.site) for one in adopted] == [
        (1, "running", "main"), (2, "pending", "main"),
    ]


def test_a_pilot_whose_time_is_over_for_any_task_is_no_supply():
    young = pilot(0, JobState.RUNNING, started_s=900.0)
    old = pilot(1, JobState.RUNNING, started_s=0.0)
    pilots = [young, old, pilot(2), pilot(3, JobState.HELD), pilot(4, JobState.COMPLETING)]
    assert count_supply(pilots, None, None, 1000.0) == 3
    assert count_supply(pilots, 60.0, 1030.0, 1000.0) == 2
    assert count_supply(pilots, 60.0, 900.0, 1000.0) == 2
    assert count_supply(pilots, 850.0, 900.0, 1000.0) == 1
