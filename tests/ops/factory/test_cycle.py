"""Cycles of the factory with a batch system in memory."""

import os

import pytest

from pilot.errors import NodeUnfit, UsageError
from pilot.ops.factory.cycle import Access, run_cycle
from pilot.ops.factory.jobs import (
    Job, JobState, MayHaveHappened, SubmissionRefused, TooMany,
)
from pilot.ops.factory.notes import Level
from pilot.ops.factory.source import DemandSource
from pilot.ops.factory.submission import folder_of, new_tag
from tests.ops.factory.conftest import make_site


def submitted(factory):
    return [one.pilots for one in factory.system.submitted]


def test_pilots_are_submitted_for_tasks(factory):
    factory.want(3)
    assert factory.cycle()["main"].submit == 3
    assert submitted(factory) == [3]


def test_what_waits_in_the_queue_is_not_submitted_again(factory):
    factory.want(3)
    for _ in range(4):
        factory.cycle()
    assert submitted(factory) == [3]


def test_no_work_means_no_pilots(factory):
    for _ in range(3):
        assert factory.cycle()["main"].submit == 0


def test_a_task_that_runs_needs_no_further_pilot(factory):
    factory.want(1)
    factory.cycle()
    (one,) = factory.system.jobs
    factory.system.move(one, JobState.RUNNING)
    factory.want(0, locked=1)
    factory.demand = factory.demand._replace(holders={one: 1})
    assert factory.cycle()["main"].submit == 0
    factory.want(1, locked=1)
    factory.demand = factory.demand._replace(holders={one: 1})
    assert factory.cycle()["main"].submit == 1


# -- what is not known -----------------------------------------------------------------------------


def test_a_batch_system_that_does_not_answer_gets_nothing(factory):
    factory.want(5)
    factory.system.silent = "squeue ended with 1"
    decision = factory.cycle()["main"]
    assert decision.submit == 0
    assert "unknown: memory: squeue ended with 1 -> wait" in decision.line


def test_a_batch_system_that_stays_silent_is_asked_less_often(factory):
    """In each third cycle at last; once it answers there are as many as there should be within three
    cycles."""
    factory.system.silent = "squeue ended with 1"
    factory.want(5)
    for _ in range(60):
        factory.cycle()
    assert factory.system.questions == 22
    line = factory.cycle()["main"].line
    assert "asked again in" in line and "squeue ended with 1 -> wait" in line
    factory.system.silent = ""
    assert sum(factory.cycle()["main"].submit for _ in range(3)) == 5
    asked = factory.system.questions
    for _ in range(3):
        factory.cycle()
    assert factory.system.questions == asked + 3


def test_a_pool_that_does_not_answer_is_no_zero_and_no_demand(factory):
    factory.want(2)
    factory.cycle()
    factory.demand = "the pool cannot be reached"
    assert "unknown: the pool: the pool cannot be reached" in factory.cycle()["main"].line
    assert len(factory.book.live_pilots()) == 2


@pytest.mark.parametrize("jobs", [0, 2])
def test_an_answer_that_lacks_half_of_the_jobs_is_no_answer(factory, jobs):
    factory.sites = [make_site(max_pending=5)]
    factory.want(50)
    factory.cycle()
    factory.system.hidden = set(list(factory.system.jobs)[jobs:])
    for _ in range(3):
        decision = factory.cycle()["main"]
        assert decision.submit == 0
        assert "its answer lacks %d of 5 jobs" % (5 - jobs) in decision.line
    assert len(factory.book.live_pilots()) == 5


def test_a_lasting_answer_is_believed_after_five_minutes(factory):
    factory.want(50)
    factory.cycle()
    factory.system.jobs.clear()
    factory.want(0)
    for _ in range(8):
        factory.cycle()
    assert factory.book.live_pilots() == []


def test_one_missing_job_is_gone_after_two_answers(factory):
    factory.want(2)
    factory.cycle()
    first, second = list(factory.system.jobs)
    factory.system.hidden = {first}
    factory.want(0)
    factory.cycle(10)
    assert len(factory.book.live_pilots()) == 2
    factory.cycle(10)
    assert len(factory.book.live_pilots()) == 2
    factory.cycle(30)
    assert [pilot.pilot for pilot in factory.book.live_pilots()] == [second]
    assert factory.book.find_pilot(first).state == "gone"


def test_a_missing_job_whose_pilot_has_a_task_is_not_gone(factory):
    factory.want(2)
    factory.cycle()
    first = next(iter(factory.system.jobs))
    factory.system.hidden = {first}
    factory.want(0)
    factory.demand = factory.demand._replace(holders={first: 1})
    for _ in range(5):
        factory.cycle()
    assert factory.book.find_pilot(first).ended is None


# -- submissions that fail -----------------------------------------------------------------------


def test_a_submission_that_failed_but_happened_is_found_and_not_repeated(factory):
    factory.want(3)
    factory.system.error, factory.system.happens = MayHaveHappened("killed"), True
    factory.cycle()
    for _ in range(4):
        factory.cycle()
    assert submitted(factory) == [3]
    assert len(factory.book.live_pilots()) == 3


def test_a_submission_that_did_not_happen_counts_until_it_was_looked_for(factory):
    factory.want(3)
    factory.system.error = MayHaveHappened("time-out")
    factory.cycle()
    assert [one.state for one in factory.book.open_intents()] == ["doubtful"]
    assert factory.cycle()["main"].submit <= 2  # three of max_pending 5 may be there
    factory.cycle(130)
    assert factory.book.open_intents() == []


def test_the_caps_hold_while_a_submission_is_in_doubt(factory):
    factory.sites = [make_site(max_running=3)]
    factory.want(30)
    factory.system.error, factory.system.happens = MayHaveHappened("?"), True
    factory.system.hidden = {"nothing"}
    for _ in range(6):
        factory.cycle(10)
        assert len(factory.system.jobs) <= 3


def test_a_crash_before_the_submit_command_is_closed_by_looking(factory):
    factory.book.note_intent("pabcdefghjkm", "main", "memory", 2, "")
    factory.reopen()
    factory.cycle(10)
    assert len(factory.book.open_intents()) == 1
    factory.cycle(130)
    assert factory.book.open_intents() == []
    assert factory.system.submitted == []


def test_a_crash_after_the_submit_command_leaves_no_stranger(factory):
    factory.book.note_intent("pabcdefghjkm", "main", "memory", 2, "")
    for number in range(2):
        one = "pabcdefghjkm-%d" % number
        factory.system.jobs[one] = Job(one, "pabcdefghjkm", number, JobState.RUNNING)
    factory.reopen()
    factory.want(2)
    assert factory.cycle(10)["main"].submit == 0
    assert len(factory.book.live_pilots("main")) == 2


def test_jobs_of_a_lost_book_are_adopted(factory):
    tag = new_tag(factory.folder)
    factory.system.jobs["x"] = Job("17_0", tag, 0, JobState.RUNNING)
    factory.want(1)
    assert factory.cycle()["main"].submit == 0
    assert factory.book.find_pilot(tag + "-0").job == "17_0"


def test_jobs_of_another_factory_are_left_to_it(factory):
    factory.system.jobs["x"] = Job("17_0", new_tag("/another/book"), 0, JobState.RUNNING)
    factory.want(1)
    assert factory.cycle()["main"].submit == 1
    assert [pilot.job for pilot in factory.book.live_pilots() if pilot.job == "17_0"] == []


def test_a_book_that_cannot_be_written_submits_nothing(factory):
    factory.want(3)
    factory.book._db.execute("PRAGMA query_only=1")
    with pytest.raises(NodeUnfit, match="the book cannot be written: .*; nothing is submitted"):
        factory.cycle()
    assert factory.system.submitted == []
    factory.book._db.execute("PRAGMA query_only=0")
    assert factory.cycle()["main"].submit == 3


def test_a_limit_that_was_learned_is_forgotten_after_a_while(factory):
    factory.want(3)
    factory.system.most = 0  # other jobs of ours fill the queue
    factory.cycle()
    assert "the batch system's limit 0-0 = 0" in factory.cycle(61)["main"].line
    factory.system.most = 10
    assert factory.cycle(1800)["main"].submit == 3


def test_a_pilot_near_its_end_is_not_replaced_while_it_has_its_task(factory):
    factory.sites = [make_site(walltime_s=3600.0)]
    factory.want(1, walltime_s=1800.0)
    factory.cycle()
    (one,) = factory.system.jobs
    factory.system.move(one, JobState.RUNNING)
    factory.cycle()
    factory.want(0, locked=1)
    factory.demand = factory.demand._replace(holders={one: 1})
    assert factory.cycle(3000)["main"].submit == 0
    # without a task it is too short for the next one
    factory.want(1, walltime_s=1800.0)
    assert factory.cycle()["main"].submit == 1


def test_a_refused_submission_is_seen_at_once(factory):
    factory.want(3)
    factory.system.error = SubmissionRefused("invalid partition")
    factory.cycle()
    assert factory.book.notes.state("main") == "back-off"
    assert factory.book.notes.decisions("main", 1)[0]["line"] == "main: refused: invalid partition"
    assert factory.book.notes.decision_counts("main") == {"submit": 1}


@pytest.mark.parametrize("error", [SubmissionRefused("no"), TooMany("limit")])
def test_a_refused_submission_leaves_no_script_and_no_token(factory, error):
    """The limit of a user is looked for again and again."""
    made = []

    def submit(submission):
        folder = folder_of(factory.folder, submission.tag)
        os.makedirs(folder)
        made.append(folder)
        raise error

    factory.system.submit = submit
    factory.want(3)
    factory.cycle()
    assert made
    assert not [folder for folder in made if os.path.exists(folder)]


def test_a_factory_that_ends_looks_for_no_limit(factory):
    factory.system.most = 0
    factory.stopping = lambda: factory.system.tries > 0
    factory.want(5)
    factory.cycle()
    assert factory.system.tries == 1
    assert factory.book.notes.refusal("main") is None


def test_a_refused_submission_waits_longer_each_time(factory):
    factory.want(3)
    tries = []
    for minute in range(40):
        factory.system.error = SubmissionRefused("invalid partition")
        if factory.cycle()["main"].submit:
            tries.append(minute)
    assert tries == [0, 1, 3, 7, 15, 31]
    factory.system.error = None
    for _ in range(30):
        factory.cycle()
    assert submitted(factory) == [3]
    assert factory.book.notes.refusal("main") is None


def test_a_limit_of_the_batch_system_is_a_cap_and_no_failure(factory):
    factory.sites = [make_site(max_pending=50, max_running=50, max_per_cycle=50)]
    factory.system.most = 13
    factory.want(30)
    assert factory.cycle()["main"].submit == 30
    # 30 and 15 are refused, 7 taken; then 8 refused, 4 taken, 4 and 2 refused ...
    assert len(factory.book.live_pilots()) == len(factory.system.jobs) == 13
    tries = factory.system.tries
    for _ in range(3):
        decision = factory.cycle()["main"]
        assert "the batch system's limit 13-13 = 0" in decision.line
    assert factory.system.tries == tries <= 12
    one = sorted(factory.system.jobs)[0]
    factory.system.move(one, JobState.OK, exit_code=0)
    factory.cycle()  # sees the end and submits another one
    assert len(factory.book.live_pilots()) == 13
    assert factory.system.tries == tries + 1
    assert factory.book.open_intents() == []


def test_a_limit_that_was_raised_is_noticed_within_minutes(factory):
    factory.sites = [make_site(max_pending=50, max_running=50, max_per_cycle=50)]
    factory.system.most = 4
    factory.want(30)
    factory.cycle()
    factory.system.most = 9
    for _ in range(6):
        factory.cycle()
    assert len(factory.book.live_pilots()) == 9


# -- operators and several sites -----------------------------------------------------------------


def test_a_paused_site_gets_nothing_until_it_is_resumed(factory):
    factory.want(3)
    factory.book.notes.switch("main", "paused")
    assert factory.cycle()["main"].line.endswith("paused -> wait")
    factory.book.notes.switch("main", "")
    assert factory.cycle()["main"].submit == 3


def test_each_task_is_wanted_once_over_all_sites(factory):
    factory.sites = [make_site("a"), make_site("b")]
    factory.want(6)
    decisions = factory.cycle()
    assert [decisions["a"].submit, decisions["b"].submit] == [3, 3]


def test_what_a_closed_site_cannot_take_goes_to_the_others(factory):
    factory.sites = [make_site("a", prefer=1), make_site("b")]
    factory.book.notes.switch("a", "paused")
    factory.want(4)
    decisions = factory.cycle()
    assert [decisions["a"].submit, decisions["b"].submit] == [0, 4]


def test_the_cap_of_the_factory_holds_over_all_sites(factory):
    factory.sites = [make_site("a"), make_site("b")]
    factory.max_total = 5
    factory.want(20)
    for _ in range(3):
        factory.cycle()
        factory.system.move("all", JobState.RUNNING)
    assert len(factory.system.jobs) == 5


def test_held_jobs_count_towards_the_caps(factory):
    factory.want(30)
    factory.cycle()
    factory.system.move("all", JobState.HELD)
    decision = factory.cycle()["main"]
    assert (decision.submit, "max_pending 5-5 = 0" in decision.line) == (0, True)


def test_a_clock_that_is_set_changes_nothing(factory):
    factory.want(3)
    factory.cycle()
    for seconds in (86400, -2 * 86400):
        factory.clock.set_time(seconds)
        assert factory.cycle()["main"].submit == 0
    assert submitted(factory) == [3]


def test_equal_decisions_are_written_once_with_their_number(factory):
    for _ in range(4):
        factory.cycle()
    assert [one["times"] for one in factory.book.notes.decisions("main", 10)] == [4]


def test_pilots_of_a_site_that_left_the_file_are_followed_to_their_end(factory):
    factory.want(3)
    factory.cycle()
    factory.sites = [make_site("other")]
    factory.want(0)
    factory.system.move("all", JobState.OK, exit_code=0)
    factory.cycle()
    assert factory.book.live_pilots() == []


def test_a_token_that_the_server_refuses_to_make_stops_only_this_submission(factory):
    class Files:
        sha256 = ""

        def write_submission(self, *how):
            raise UsageError("HTTP 400: this is no valid pilot id")

    factory.want(3)
    access = Access(lambda name: factory.system, factory._read_demand, lambda *words: set(), lambda source: 0, lambda site: None, Files())
    factory.clock.pass_time(60)
    run_cycle(factory.farm(), factory.book, access)
    assert (factory.system.submitted, factory.book.open_intents()) == ([], [])


# -- pilots that end -------------------------------------------------------------------------------


def end_all(factory, code, node="n1", **more):
    """Let all live jobs run for ten seconds and end with this code."""
    for one, job in factory.system.jobs.items():
        if job.state in (JobState.PENDING, JobState.RUNNING):
            state = JobState.OK if code == 0 else JobState.FAILED
            factory.system.move(one, state, node=node, exit_code=code, **more)


def test_pilots_without_work_offend_nobody(factory):
    factory.want(2)
    for _ in range(5):
        factory.cycle()
        end_all(factory, 0)
    assert len(submitted(factory)) == 5


def test_a_site_that_fails_everything_is_tested_by_single_pilots(factory):
    factory.want(50)
    for number in range(30):
        factory.cycle()
        end_all(factory, 10, "n%d" % (number % 3))
    # five and five; then one canary each ten minutes
    assert sum(submitted(factory)) <= 5 + 5 + 4
    assert submitted(factory)[-1] == 1


def test_a_machine_that_fails_every_pilot_gets_one_each_ten_minutes(factory):
    """There is one node, and no batch system that could leave it out."""
    factory.want(1000)
    for _ in range(120):
        factory.cycle()
        factory.system.move("all", JobState.FAILED, exit_code=10, node="laptop")
    assert sum(submitted(factory)) <= 2 * 5 + 12


def test_a_site_that_works_again_leaves_quarantine(factory):
    factory.want(50)
    for number in range(4):
        factory.cycle()
        end_all(factory, 10, "n%d" % number)
    assert "quarantine" in factory.cycle()["main"].line
    factory.cycle(600)
    end_all(factory, 0)
    assert factory.cycle()["main"].submit == 5


def test_a_node_that_fails_is_avoided(factory):
    factory.sites = [make_site(max_running=20)]
    factory.want(50)
    factory.cycle()
    end_all(factory, 10, "bad")
    factory.cycle()
    assert factory.system.submitted[-1].avoid == ("bad",)


def test_a_wrong_configuration_stops_the_site_and_says_why(factory):
    factory.want(50)
    factory.cycle()
    end_all(factory, 2)
    decision = factory.cycle()["main"]
    assert decision.submit == 0
    assert "stopped: pilot p" in decision.line and "ended with exit code 2" in decision.line


def test_a_preempted_pilot_is_no_failure(factory):
    factory.want(50)
    for _ in range(4):
        factory.cycle()
        factory.system.move("all", JobState.PREEMPTED)
    assert "quarantine" not in factory.cycle()["main"].line


def test_pilots_that_cannot_reach_the_pool_blame_no_site(factory):
    factory.sites = [make_site("a"), make_site("b")]
    factory.want(50)
    factory.cycle()
    first = factory.system.submitted[0].tag
    for one, job in list(factory.system.jobs.items()):
        if job.tag == first:
            factory.system.move(one, JobState.FAILED, exit_code=50, node="n")
    decisions = factory.cycle()
    assert [one.submit for one in decisions.values()] == [0, 0]
    assert "could not reach the pool (exit code 50)" in decisions["b"].line
    assert "quarantine" not in decisions["a"].line
    assert factory.cycle(601)["a"].submit > 0


@pytest.mark.parametrize("minutes", [5, 60])
def test_a_pool_server_that_is_away_costs_nothing_but_the_time(factory, minutes):
    """Pilots give up one by one; nothing is submitted, and afterwards there are as many as before
    within three cycles."""
    factory.sites = [make_site("a", max_running=8, max_pending=8), make_site("b", max_running=8, max_pending=8)]
    factory.want(40)
    factory.cycle()
    factory.system.move("all", JobState.RUNNING, node="n")
    factory.cycle()
    before, jobs = len(submitted(factory)), list(factory.system.jobs)
    assert len(jobs) == 16
    factory.demand = factory.heard = "the pool cannot be reached"
    for minute in range(minutes):
        if 2 <= minute and jobs:
            for one in [jobs.pop() for _ in range(min(4, len(jobs)))]:
                factory.system.move(one, JobState.FAILED, exit_code=50)
        for decision in factory.cycle().values():
            assert decision.submit == 0 and "unknown: the pool" in decision.line
    assert len(submitted(factory)) == before
    factory.heard = set()
    factory.want(40)
    for one in jobs:  # these gave up just before
        factory.system.move(one, JobState.FAILED, exit_code=50)
    for _ in range(3):
        decisions = factory.cycle()
    assert len(factory.book.live_pilots()) == 16
    assert not any("quarantine" in one.line or "unknown" in one.line for one in decisions.values())


def test_nodes_that_cannot_reach_a_pool_which_the_factory_reaches_are_tried_again(factory):
    factory.want(40)
    factory.demand = "away"
    factory.cycle()
    factory.want(40)
    factory.cycle()
    factory.system.move("all", JobState.FAILED, exit_code=50)
    waits = [factory.cycle()["main"] for _ in range(30)]
    # the first five end within three minutes after the pool was back; then one try in ten minutes
    assert sum(one.submit for one in waits) <= 20


# -- demand of another source ----------------------------------------------------------------------


def test_a_site_may_have_a_fixed_number_of_pilots(factory):
    factory.sites = [make_site(demand=DemandSource("fixed", 4)), make_site(name="other")]
    factory.source = 4
    factory.want(2)
    decisions = factory.cycle()
    assert (decisions["main"].submit, decisions["other"].submit) == (4, 2)  # tasks are the other's
    factory.system.move("all", JobState.RUNNING)
    factory.want(0)
    assert [one.submit for one in factory.cycle().values()] == [0, 0]


def test_a_program_that_fails_is_unknown_and_hinders_no_other_site(factory):
    factory.sites = [make_site(demand=DemandSource("program", words=("x",))), make_site(name="other")]
    factory.source = "x ended with exit code 3"
    factory.want(2)
    decisions = factory.cycle()
    assert "unknown: the demand: x ended with exit code 3 -> wait" in decisions["main"].line
    assert decisions["other"].submit == 2


def test_its_own_demand_does_not_need_the_pool(factory):
    factory.sites, factory.source = [make_site(demand=DemandSource("fixed", 2))], 2
    factory.demand = "the pool is away"
    assert factory.cycle()["main"].submit == 2


# -- what is kept ----------------------------------------------------------------------------------


def test_the_oldest_outputs_go_when_there_are_too_many(factory):
    factory.want(1)
    tags = []
    for number in range(3):
        factory.cycle(3600.0)
        tags.append(factory.system.submitted[-1].tag)
        path = folder_of(factory.folder, tags[-1]) + "/job-0/pilot.log"
        os.makedirs(os.path.dirname(path))
        with open(path, "w") as stream:
            stream.write("x" * 1000000)
        factory.system.move("all", JobState.OK, exit_code=0)
        factory.want(0)
        factory.cycle()
        factory.want(1)
    factory.keep_outputs_mb = 2.0
    factory.want(0)
    factory.cycle()
    assert [os.path.exists(folder_of(factory.folder, tag)) for tag in tags] == [False, True, True]


def test_how_an_ended_pilot_used_its_slot_is_noted(factory):
    factory.want(1)
    factory.cycle()
    (submission,) = factory.system.submitted
    folder = folder_of(factory.folder, submission.tag) + "/job-0"
    os.makedirs(folder)
    with open(folder + "/pilot-events.jsonl", "w") as stream:
        for second, kind in ((0, "pilot started"), (9, "pilot finished")):
            stream.write('{"event": "%s", "time": "2026-11-22T10:00:%02dZ"}\n' % (kind, second))
    factory.system.move("all", JobState.RUNNING)
    factory.cycle(100.0)
    factory.system.move("all", JobState.OK, exit_code=0)
    factory.cycle(50.0)
    (span,) = factory.book.ended_spans(3600.0)
    assert (span.site, span.cores, span.use.setup_s) == ("main", 1, 9.0)
    assert (span.started - span.submitted, span.ended - span.started) == (100.0, 50.0)


# -- what is shown ---------------------------------------------------------------------------------


def test_what_no_site_can_run_is_noted(factory):
    factory.want(14, memory_mb=65536)
    factory.sites = [make_site(memory_mb=32768)]
    factory.cycle()
    assert factory.book.notes.unmet() == ["14 tasks need 65536 MB, the largest site offers 32768"]
    factory.want(1)
    factory.cycle()
    assert factory.book.notes.unmet() == []


def test_pilots_without_a_task_are_counted(factory):
    factory.want(2)
    factory.cycle()
    factory.system.move("all", JobState.RUNNING)
    (busy, _) = sorted(factory.system.jobs)
    factory.want(0, locked=1)
    factory.demand = factory.demand._replace(holders={busy: 1})
    factory.cycle()
    assert factory.book.notes.last_level("main") == Level(1, 0, 2, 0, 1)


def test_decisions_are_counted_for_good(factory):
    factory.want(1)
    for _ in range(3):
        factory.cycle()
    assert factory.book.notes.decision_counts("main") == {"submit": 1, "wait": 2}


# -- the second witness ----------------------------------------------------------------------------


def lose_one(factory):
    """Six running pilots, of which the batch system forgets one; returns its id."""
    factory.sites = [make_site(max_per_cycle=6, max_pending=6)]
    factory.want(6)
    factory.cycle()
    factory.system.move("all", JobState.RUNNING)
    factory.want(0)
    factory.cycle()
    lost = sorted(factory.system.jobs)[0]
    factory.system.hidden = {lost}
    return lost


def test_a_pilot_that_its_server_hears_is_not_gone(factory):
    lost = lose_one(factory)
    factory.heard = {lost}
    for _ in range(5):
        factory.cycle()
    assert factory.book.find_pilot(lost).ended is None
    factory.heard = set()
    for _ in range(2):
        factory.cycle()
    assert factory.book.find_pilot(lost).state == JobState.GONE


def test_a_server_that_cannot_be_asked_makes_no_pilot_gone(factory):
    lost, factory.heard = lose_one(factory), "the server is away"
    for _ in range(5):
        factory.cycle()
    assert factory.book.find_pilot(lost).ended is None
