"""What a payload sees of the world."""

import os

import pytest

from pilot.agent import environment
from pilot.node import gpu
from tests.agent.running import shown


def test_a_payload_sees_its_own_facts_and_no_secrets():
    base = environment.base_environ(
        {
            "PATH": "/bin",
            "PILOT_REGISTER_TOKEN": "s",
            "BEARER_TOKEN": "s",
            "LD_LIBRARY_PATH": "../..",
            "PYTHONPATH": "x",
            "PYTHONHOME": "x",
            "LD_PRELOAD": "x",
            "BEARER_TOKEN_FILE": "x",
        },
        {"LD_LIBRARY_PATH": "/soft/lib"},
    )
    assert base == {"PATH": "/bin", "LD_LIBRARY_PATH": "/soft/lib"}
    found = environment.of_task(
        base,
        {
            "id": "t1",
            "cores": 2,
            "memory_mb": 10,
            "walltime_s": 5,
            "env": {"MY": "1", "OMP_NUM_THREADS": "7"},
        },
        "/h",
        "p1",
        ["1/uuid"],
        "mark",
    )
    assert found["PILOT_TASK_ID"] == "t1"
    assert found["PILOT_TASK_CORES"] == "2"
    assert found["MY"] == "1"
    assert found["OMP_NUM_THREADS"] == "7"
    assert found["CUDA_VISIBLE_DEVICES"] == "1"
    assert found["TMPDIR"] == "/h/tmp"
    assert found["PILOT_TASK_MEMORY_MB"] == "10"
    assert "s" not in found.values()
    assert {
        name: found[name] for name in ("PILOT_TASK_WALLTIME_S", "PILOT_ID", "PILOT_PAYLOAD")
    } == {"PILOT_TASK_WALLTIME_S": "5", "PILOT_ID": "p1", "PILOT_PAYLOAD": "mark"}
    assert (
        environment.of_task(dict(base, PILOT_AGENT="a1"), {"id": "t1"}, "/h", "p1", [], "mark")[
            "PILOT_AGENT"
        ]
        == "a1"
    )


@pytest.mark.parametrize(
    "slot",
    [
        {"CUDA_VISIBLE_DEVICES": "10000", "NVIDIA_VISIBLE_DEVICES": "none"},
        {"CUDA_VISIBLE_DEVICES": "0,1"},
        {},
    ],
)
def test_a_payload_without_gpus_sees_none_whatever_the_slot_has(slot):
    found = environment.of_task(
        environment.base_environ(dict(slot, PATH="/bin"), {}), {"id": "t1"}, "/h", "p1", [], "mark"
    )
    assert (
        gpu.visible(
            gpu.parse_nvidia_smi("0, GPU-1111, A100, 1\n1, GPU-2222, A100, 1\n"),
            found["CUDA_VISIBLE_DEVICES"],
        )
        == ()
    )
    assert found["CUDA_VISIBLE_DEVICES"] != "10000"
    assert found["NVIDIA_VISIBLE_DEVICES"] == "none"


def test_a_payload_has_no_more_threads_than_cores():
    slot = {"OMP_NUM_THREADS": "8", "PYTHON_CPU_COUNT": "8", "MKL_NUM_THREADS": "8"}
    found = environment.of_task(
        environment.base_environ(slot, {}), {"id": "t1", "cores": 2}, "/h", "p1", [], "mark"
    )
    assert [found[name] for name in sorted(slot)] == ["2"] * 3
    assert "GOMAXPROCS" not in found


def test_a_payload_sees_its_surroundings_and_no_secrets(run, tmp_path):
    environ = dict(
        os.environ,
        PILOT_REGISTER_TOKEN="hunter22",
        BEARER_TOKEN="hunter22",
        LD_LIBRARY_PATH="../..",
    )
    ended = run(
        [{"id": "env", "command": ["env"], "env": {"MINE": "yes"}, "cores": 1, "memory_mb": 100}],
        env=environ,
    )
    found = shown(ended, "env")["attempts"][0]["result"]["stdout"]
    assert "MINE=yes" in found
    assert "PILOT_TASK_ID=env" in found
    assert "PILOT_TASK_MEMORY_MB=100" in found
    assert "hunter22" not in found
    assert "LD_LIBRARY_PATH" not in found
