"""Whose fault a pilot's end was."""

import pytest

from pilot.ops.factory.book import new_pilot
from pilot.ops.factory.jobs import JobState
from pilot.ops.factory.outcome import (
    Failure, count_failures, is_bad_end, is_quick_end, judge_site,
)


def ended(code, node="n1", ran=30.0, done=None, state=JobState.FAILED, at=1000.0, **more):
    pilot = new_pilot("pabcdefghjkm", int(at), "main", "1", 0.0)
    return pilot._replace(
        exit_code=code, node=node, started=at - ran, ended=at, done=done, state=state.value, **more
    )


def live(node, ran):
    pilot = new_pilot("pabcdefghjkn", 0, "main", "2", 0.0)
    return pilot._replace(node=node, started=0.0, started_s=1000.0 - ran, state="running")


@pytest.mark.parametrize(
    "pilot, quick",
    [
        (ended(10), True),
        (ended(10, ran=121.0), False),
        (ended(10, done=1), False),
        (ended(None), True),
        (ended(None, state=JobState.PREEMPTED), False),
        (ended(None, state=JobState.CANCELLED), False),
        (ended(60), False),
        (ended(50), False),
        (ended(2), False),
        (ended(0), False),
        (ended(10)._replace(started=None), True),
        (ended(None)._replace(started=None), False),
    ],
)
def test_a_quick_end(pilot, quick):
    assert is_quick_end(pilot) is quick


def test_three_quick_ends_on_one_node_and_it_is_avoided():
    two = [ended(10, at=1000.0 - n) for n in range(2)]
    assert judge_site(two, (), 3, 1000.0).avoid == []
    verdict = judge_site(two + [ended(10, at=990.0)], (), 3, 1000.0)
    assert (verdict.avoid, verdict.quarantine) == (["n1"], "")


def test_quick_ends_on_two_nodes_are_the_sites_fault_until_one_works():
    bad = [ended(10, "n1"), ended(20, "n2", at=999.0)]
    verdict = judge_site(bad, (), 3, 1000.0)
    assert verdict.quarantine == "2 pilots ended within 120 s on 2 nodes, the last with exit code 10"
    assert judge_site([ended(0, at=1001.0)] + bad, (), 3, 1001.0).quarantine == ""
    assert judge_site(bad, [live("n3", 200.0)], 3, 1000.0).quarantine == ""
    assert judge_site(bad, [live("n3", 20.0)], 3, 1000.0).quarantine != ""
    assert judge_site(bad, [live("n1", 200.0)], 3, 1000.0).quarantine != ""


def test_a_node_that_still_fails_after_it_was_left_out_is_the_sites_fault():
    bad = [ended(10, at=1000.0 - n) for n in range(6)]
    assert judge_site(bad[:5], (), 3, 1000.0).quarantine == ""
    verdict = judge_site(bad, (), 3, 1000.0)
    assert verdict.quarantine == "6 pilots ended within 120 s on 1 node, the last with exit code 10"
    assert judge_site(bad, [live("n3", 200.0)], 3, 1000.0).quarantine == ""


def test_a_pilot_that_was_preempted_or_cancelled_did_not_end_badly():
    assert is_bad_end(ended(10)) and is_bad_end(ended(None))
    assert not is_bad_end(ended(0)) and not is_bad_end(ended(60))
    assert not is_bad_end(ended(None, state=JobState.PREEMPTED))
    assert not is_bad_end(ended(-15, state=JobState.CANCELLED))


def test_a_wrong_configuration_stops_the_site_with_its_sentence():
    verdict = judge_site([ended(2, reason="--colour: there is no such option")], (), 3, 1000.0)
    assert verdict.stopped.endswith("ended with exit code 2: --colour: there is no such option")
    assert judge_site([ended(1)], (), 3, 1000.0).stopped.endswith("exit code 1: see its output")


def test_a_server_that_is_away_is_nobodys_fault():
    verdict = judge_site([ended(50), ended(50, "n2", at=999.0)], (), 3, 1000.0)
    assert (verdict.server_away, verdict.quarantine, verdict.avoid) == (True, "", [])
    assert not judge_site([ended(10), ended(50, at=999.0)], (), 3, 1000.0).server_away


def test_failures_that_differ_in_numbers_alone_are_one():
    pilots = [
        ended(10, reason="CheckWorkerNode: 512 MB are free", at=1003.0),
        ended(10, reason="CheckWorkerNode: 87 MB are free", at=1002.0),
        ended(None, at=1001.0),
        ended(0),
        ended(60),
        ended(None, state=JobState.CANCELLED),
    ]
    assert count_failures(pilots, 5) == [
        Failure("exit code 10: CheckWorkerNode: 512 MB are free", 2, "pabcdefghjkm-1003"),
        Failure("failed: it left no report", 1, "pabcdefghjkm-1001"),
    ]
    assert len(count_failures(pilots, 1)) == 1
