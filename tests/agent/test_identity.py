"""As whom payloads run."""

import os
import shutil
import signal
import tempfile

import pytest

from tests.agent.running import PLAN, agent_of, look, outcomes, put, started


def test_warnings_of_grid_engine_do_not_reach_payloads(pool, start_pilot, tmp_path):
    put(
        pool,
        {
            "id": "a",
            "script": "echo $$ > %s/new && mv %s/new %s/pid;"
            " while ! test -e %s/go; do sleep 0.05; done" % ((tmp_path,) * 4),
            "max_attempts": 1,
        },
    )
    job = dict(os.environ, SGE_TASK_ID="undefined", JOB_ID="7", QUEUE="all.q", NSLOTS="1")
    child = start_pilot(*(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"))), env=job)
    payload, (agent, _) = started(tmp_path), agent_of(child)
    for pid in (payload, agent, child.pid):
        os.kill(pid, signal.SIGUSR1)
        os.kill(pid, signal.SIGUSR2)
    (tmp_path / "go").write_text("")
    assert child.wait(timeout=20) == 0
    assert outcomes(look(pool, "a")) == ["done"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_payloads_of_a_pilot_that_is_root_run_as_another(pool, pilot):
    place = tempfile.mkdtemp(prefix="pu-", dir="/tmp")
    os.chmod(place, 0o755)
    try:
        put(
            pool,
            {
                "id": "who",
                "script": "id -un; echo $HOME; echo made > out; cat /etc/shadow %s/w/pilot.log"
                % place,
                "outputs": [{"name": "out"}],
            },
            {"id": "command", "command": ["id", "-u"]},
        )
        ended = pilot(*(PLAN + ("--pool", pool)), workdir=os.path.join(place, "w"))
        assert ended.code == 0, look(pool, "who")
        assert (
            look(pool, "who")["attempts"][0]["result"]["exit_code"],
            look(pool, "command")["state"],
        ) == (1, "done"), look(pool, "who")
        result = look(pool, "who")["attempts"][0]["result"]
        assert result["stdout"].startswith("nobody\n%s/w/pilot-" % place)
        assert result["stderr"].count("Permission denied") == 2
        assert int(look(pool, "command")["attempts"][0]["result"]["stdout"]) != 0
    finally:
        shutil.rmtree(place)
