"""Questions to the pool: two lanes, and an end that nobody holds up."""

import json
import signal
import threading

import pytest

from pilot.agent.pool_queries import RENEWAL, EXCHANGE, PoolQueries
from pilot.pool.interface import Busy
from tests.agent.running import PLAN, add, gone, show, sleeper, started
from tests.conftest import steady, until


def test_work_that_comes_while_the_agent_waits_is_begun_at_once(server, start_pilot, tmp_path):
    add(server, {"id": "first"})
    child = start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--workdir",
                str(tmp_path / "w"),
                "--idle-s",
                "600",
                "--slots",
                "2",
            )
        )
    )
    until(lambda: show(server, "first")["state"] == "done")
    metrics = "pilot_pool_waiting_claims 1"
    import urllib.request

    until(
        lambda: metrics
        in urllib.request.urlopen(server.url + "/metrics", timeout=10).read().decode()
    )
    began = steady()
    add(server, {"id": "second"})
    until(lambda: show(server, "second")["state"] == "done")
    assert steady() - began < 5  # a poll would have come after 15
    child.send_signal(signal.SIGUSR1)
    assert child.wait(timeout=60) == 0


def test_an_end_is_reported_while_another_claim_waits(server, start_pilot, tmp_path):
    add(server, {"id": "short", "script": "while ! test -e %s/go; do sleep 0.05; done" % tmp_path})
    child = start_pilot(
        *(
            PLAN
            + (
                "--pool",
                server.url,
                "--workdir",
                str(tmp_path / "w"),
                "--slots",
                "2",
                "--idle-s",
                "600",
            )
        )
    )
    import urllib.request

    until(
        lambda: "pilot_pool_waiting_claims 1"
        in urllib.request.urlopen(server.url + "/metrics", timeout=10).read().decode()
    )
    (tmp_path / "go").write_text("")
    began = steady()
    until(lambda: show(server, "short")["state"] == "done")
    assert steady() - began < 5
    child.terminate()
    assert child.wait(timeout=60) == 143


@pytest.mark.slow
def test_a_server_that_hangs_does_not_hold_up_the_pilots_end(server, start_pilot, tmp_path):
    add(server, {"id": "a", "script": sleeper(tmp_path)})
    child = start_pilot(
        *(PLAN + ("--pool", server.url, "--events", server.url, "--workdir", str(tmp_path / "w")))
    )
    payload = started(tmp_path)
    server.child.send_signal(signal.SIGSTOP)
    try:
        began = steady()
        child.terminate()
        assert child.wait(timeout=60) == 143
        assert steady() - began < 8
        assert gone(payload)
    finally:
        server.child.send_signal(signal.SIGCONT)
    assert "could not be reported" in (tmp_path / "w" / "pilot.log").read_text()
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["events_lost"]


class Told:
    """Stands for a pool: a question is a function, which is asked with this."""

    def __init__(self, remote):
        self.remote, self.nudged = remote, threading.Event()

    def nudge(self, pilot):
        self.nudged.set()


@pytest.fixture
def file_queries(loop):
    return PoolQueries(loop, Told(False), None)


@pytest.fixture
def queries(loop):
    """Those of a server; `care` is the pool of the second lane."""
    care = Told(True)
    one = PoolQueries(loop, Told(True), lambda: care)
    one.care = care
    return one


def refuse(pool):
    raise Busy("away")


def test_a_file_has_answered_before_the_question_is_over(file_queries):
    told = []
    file_queries.ask(EXCHANGE, lambda pool: 7, told.append, None)
    assert told == [7]


def test_a_file_that_is_busy_is_told_at_once(file_queries):
    told = []
    file_queries.ask(EXCHANGE, refuse, None, lambda error: told.append(str(error)))
    assert told == ["away"]


def test_a_server_answers_in_the_loops_thread(queries, loop):
    told = []

    def then(asked_in):
        told.append((asked_in is threading.current_thread(), threading.current_thread()))
        loop.stop()

    queries.ask(EXCHANGE, lambda pool: threading.current_thread(), then, None)
    loop.run()
    assert told == [(False, threading.main_thread())]


def test_a_lane_is_busy_until_its_answer_was_taken(queries, loop):
    seen = []

    def then(_):
        seen.append(queries.busy(EXCHANGE))
        loop.stop()

    queries.ask(EXCHANGE, lambda pool: None, then, None)
    seen.append(queries.busy(EXCHANGE))
    loop.run()
    assert seen == [True, False]


def test_a_server_that_is_busy_is_told_in_the_loop(queries, loop):
    told = []

    def failed(error):
        told.append(str(error))
        loop.stop()

    queries.ask(RENEWAL, refuse, None, failed)
    loop.run()
    assert told == ["away"]


def test_any_other_error_ends_the_agent(queries, loop):
    queries.ask(EXCHANGE, lambda pool: {}["a bug"], None, None)
    with pytest.raises(KeyError, match="a bug"):
        loop.run()


def test_a_claim_that_waits_holds_no_renewal_up(queries, loop):
    told, work = [], threading.Event()

    def then(answer):
        told.append(answer)
        if len(told) == 2:
            loop.stop()

    queries.ask(EXCHANGE, lambda pool: work.wait(60) and "turn", then, None)
    queries.ask(RENEWAL, lambda pool: work.set() or "care", then, None)
    loop.run()
    assert sorted(told) == ["care", "turn"]


def test_questions_of_one_lane_are_asked_one_after_another(queries, loop):
    told = []
    for number in range(50):
        queries.ask(EXCHANGE, lambda pool, number=number: number, told.append, None)
    queries.ask(EXCHANGE, lambda pool: None, lambda _: loop.stop(), None)
    loop.run()
    assert told == list(range(50))


def test_who_is_in_a_hurry_nudges_the_claim_that_waits(queries, loop):
    queries.ask(EXCHANGE, lambda pool: queries.care.nudged.wait(60), lambda _: loop.stop(), None)
    queries.hurry("p1")
    loop.run()
    assert queries.care.nudged.is_set()


def test_where_no_claim_waits_nobody_is_nudged(queries, loop):
    queries.hurry("p1")
    queries.ask(RENEWAL, lambda pool: None, lambda _: loop.stop(), None)
    loop.run()
    assert not queries.care.nudged.is_set()
