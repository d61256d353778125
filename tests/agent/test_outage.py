"""How long the pool has not answered."""

from pilot.agent.outage import Outage
from pilot.agent.timing import RETRY_S
from pilot.pool.interface import Busy, Denied


def test_it_counts_from_the_first_failure_not_from_the_last_answer():
    """The last answer may lie before an hour's payload."""
    outage = Outage()
    outage.end()
    assert outage.note_failure() == 0.0


def test_waits_grow_with_the_failures_and_begin_anew_after_an_answer():
    outage, waits = Outage(), []
    for _ in range(len(RETRY_S) + 2):
        outage.note_failure()
        waits.append(outage.retry_s())
    assert waits == list(RETRY_S) + [RETRY_S[-1]] * 2
    outage.end()
    outage.note_failure()
    assert outage.retry_s() == RETRY_S[0]


def test_a_token_refused_before_any_answer_is_hopeless():
    assert Outage().is_hopeless(Denied("who are you"))


def test_a_token_refused_later_is_an_outage():
    outage = Outage()
    outage.end()
    assert not outage.is_hopeless(Denied("who are you"))


def test_a_pool_that_is_away_is_never_hopeless():
    assert not Outage().is_hopeless(Busy("away"))
