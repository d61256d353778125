"""Each policy of a chain, and the chain's words."""

import pytest

from pilot.ops.factory.policy import DEFAULT, SiteState, parse_chain, run_chain


def state(demand=37, running=9, pending=3, **more):
    values = dict(demand=demand, tasks=demand, running=running, pending=pending,
                  supply=running + pending)
    values.update(more)
    return SiteState(**values)


@pytest.mark.parametrize(
    "chain, given, pilots, words",
    [
        ("demand", state(), 25,
         "demand 37 in 37 tasks, minus supply 12 (9 running, 3 pending) = 25"),
        ("demand", state(demand=5), 0, "= 0"),
        ("demand half", state(), 13, "half = 13"),
        ("demand half half", state(), 7, "half = 7"),
        ("demand scale(0.5)", state(), 13, "scale(0.5) = 13"),
        ("demand scale(2)", state(), 50, "scale(2) = 50"),
        ("fixed(4)", state(), 4, "fixed(4)"),
        ("keep_running(20)", state(), 8, "keep_running(20) = 8"),
        ("keep_running(10)", state(), 0, "keep_running(10) = 0"),
        ("keep_pending(5)", state(), 2, "keep_pending(5) = 2"),
        ("demand persist(0)", state(), 25, "persist(0) = 25"),
        ("demand probe(600)", state(demand=0, running=0, pending=0), 1, "probe(600) = 1"),
        ("demand probe(600)", state(demand=0, running=1, pending=0), 0, "= 0"),
        ("demand probe(600)", state(demand=0, running=0, pending=0, silent_s=10.0), 0, "= 0"),
    ],
)
def test_a_policy(chain, given, pilots, words):
    proposal = run_chain(parse_chain(chain), given)
    assert proposal.pilots == pilots
    assert proposal.words[-1].endswith(words)


@pytest.mark.parametrize(
    "wanted, pilots",
    [
        ((), 0),  # seen for the first time
        (((30.0, 25),), 0),
        (((60.0, 25),), 25),
        (((70.0, 25), (40.0, 2), (20.0, 25)), 2),
        (((60.1, 0),), 0),  # a cycle lasts a little longer than it should
        (((70.0, 1), (50.0, 25)), 25),  # what is older does not count
    ],
)
def test_demand_has_to_last(wanted, pilots):
    assert run_chain(parse_chain("demand persist(60)"), state(wanted=wanted)).pilots == pilots


def test_persist_compares_with_what_it_got():
    assert run_chain(parse_chain("demand half persist(60)"), state()).wanted == 13
    assert run_chain(parse_chain("demand"), state()).wanted == 25


def test_the_default_is_half_of_the_lasting_demand():
    assert DEFAULT == "demand half persist(60)"


@pytest.mark.parametrize(
    "text", ["", "nonsense", "half(2)", "scale", "scale(x)", "persist(-1)", "fixed(nan)", "demand;half"]
)
def test_what_is_no_chain_is_told(text):
    with pytest.raises(ValueError, match="policies are demand, half, fixed"):
        parse_chain(text)
