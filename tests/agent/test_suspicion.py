"""When a node is suspect."""

from pilot.agent.suspicion import Suspicion


def test_a_node_is_suspect_after_many_quick_failures_in_a_row():
    suspicion = Suspicion(2)
    ends = [
        ("error", 1.0),
        ("done", 1.0),
        ("error", 1.0),
        ("error", 100.0),
        ("error", 1.0),
        ("lost", 0.0),
        ("error", 1.0),
    ]
    told = [suspicion.note(outcome, seconds, "exit code 1") for outcome, seconds in ends]
    assert told[:-1] == [""] * 6 and told[-1].startswith("2 payloads in a row failed")
    assert all(Suspicion(0).note("error", 0.1, "") == "" for _ in range(100))
