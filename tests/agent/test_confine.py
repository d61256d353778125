"""Control groups of payloads, where they are delegated."""

import pytest

from pilot.agent.confine import Confinement, oom_kills


def test_a_group_of_its_own_limits_a_payload(tmp_path):
    group = tmp_path / "pilot-p_t.1"
    confinement = Confinement(str(tmp_path))
    confinement.enter("p/t.1", 1234, 100)
    assert (group / "memory.max").read_text() == "104857600" and (
        group / "cgroup.procs"
    ).read_text() == "1234"
    (group / "memory.events").write_text("low 0\noom_kill 1\n")
    assert confinement.leave("p/t.1") is True and (group / "cgroup.kill").read_text() == "1"
    assert confinement.leave("p/t.1") is False
    Confinement(None).enter("x", 1, 1)


def test_oom_kills_are_counted():
    assert oom_kills("oom 1\noom_kill 2\n") == 2 and oom_kills("") == 0


@pytest.mark.parametrize(
    "name, text",
    [
        ("memory.events", "low 0\noom 3\noom_kill %d\n"),
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill %d\n"),
    ],
)
def test_a_slot_that_ran_out_of_memory_is_known_by_its_groups_counter(
    tmp_path, monkeypatch, name, text
):
    (tmp_path / name).write_text(text % 2)
    kind = "" if name == "memory.events" else "memory"
    monkeypatch.setattr(
        "pilot.agent.confine.cgroup.own_directories", lambda: {kind: [str(tmp_path)]}
    )
    slot = Confinement(None)
    assert not slot.slot_ran_out_of_memory()
    (tmp_path / name).write_text(text % 3)
    assert slot.slot_ran_out_of_memory() and not slot.slot_ran_out_of_memory()
