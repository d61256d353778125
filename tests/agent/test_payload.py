"""One attempt at a task, from its start to its result."""

import os
import signal
import subprocess
import sys

import pytest

from pilot.agent.payload import Payload
from pilot.pool.interface import Lease
from tests.agent.running import PLAN, agent_of, look, outcomes, put, shown, sleeper, started
from tests.conftest import steady


@pytest.mark.parametrize(
    "task, words",
    [
        ({"command": ["no-such-program"]}, "there is no program no-such-program"),
        ({"command": ["/etc/hostname"]}, "/etc/hostname cannot be"),
        ({"command": ["true"], "inputs": ["missing"]}, "stage-in failed"),
        ({"command": ["true"], "outputs": ["never"]}, "did not make its output never"),
        ({"script": "#!/no/such/interpreter\n"}, "there is no program /no/such/interpreter"),
        ({"command": ["sh", "-c", "kill -9 $$"]}, "killed by signal 9"),
    ],
)
def test_what_cannot_go_well_is_one_sentence(run, task, words):
    ended = run([dict(task, id="a", max_attempts=1)])
    assert ended.code == 0
    assert ended.report["tasks"]["error"] == 1
    assert words in shown(ended, "a")["reason"]


def test_a_payload_has_a_session_of_its_own_and_nothing_to_read(run, tmp_path):
    code = (
        "import os, sys; print(os.getsid(0) in (os.getpid(), os.getppid()), len(sys.stdin.read()),"
        " os.path.isdir(os.environ['TMPDIR']), os.listdir('.'))"
    )
    ended = run([{"id": "a", "command": [sys.executable, "-c", code]}], stdin=subprocess.DEVNULL)
    assert shown(ended, "a")["attempts"][0]["result"]["stdout"] == "True 0 True []\n"


def test_a_payload_has_no_descriptor_of_ours(run, tmp_path):
    """Nor one that the pilot was started with."""
    code = (
        "import os; print([os.readlink('/proc/self/fd/' + name)"
        " for name in sorted(os.listdir('/proc/self/fd'), key=int)[3:-1]])"
    )
    with open(str(tmp_path / "given"), "w") as given:
        os.set_inheritable(given.fileno(), True)
        ended = run(
            [
                {"id": "t%d" % number, "command": [sys.executable, "-c", code]}
                for number in range(4)
            ],
            close_fds=False,
        )
    assert {
        shown(ended, "t%d" % number)["attempts"][0]["result"]["stdout"] for number in range(4)
    } == {"[]\n"}


@pytest.mark.parametrize("keep, folders", [("never", 0), ("failed", 1), ("always", 2)])
def test_folders_are_kept_as_it_was_asked(run, keep, folders):
    ended = run(
        [
            {"id": "good", "command": ["true"]},
            {"id": "bad", "command": ["false"], "max_attempts": 1},
        ],
        "--keep-sandboxes",
        keep,
    )
    kept = [
        name
        for name in os.listdir(str(next(ended.workdir.glob("pilot-*/tasks"))))
        if not name.startswith("slot-")
    ]
    assert len(kept) == folders


@pytest.mark.parametrize(
    "walltime_s, words",
    [(4, "wall time limit passed: allowed 4 s"), (1, "stage-in took longer than 1 s")],
)
def test_what_is_brought_in_counts_as_wall_time(run, programs, walltime_s, words):
    programs.make("xrdcp", 'sleep 2; for last; do :; done; : >"$last"')
    began = steady()
    ended = run(
        [
            {
                "id": "a",
                "command": ["sleep", "60"],
                "walltime_s": walltime_s,
                "inputs": [{"url": "root://h//f", "name": "f"}],
                "max_attempts": 1,
            }
        ]
    )
    found = shown(ended, "a")
    assert found["state"] == "error", found
    assert words in found["reason"], found
    assert steady() - began < 30, found


def test_the_peak_of_memory_is_the_payloads_own(run):
    big = "import time; x = b'x' * 120000000; time.sleep(0.1)"
    ended = run(
        [
            {"id": "small", "command": ["true"]},
            {"id": "big", "command": [sys.executable, "-c", big]},
        ]
    )
    small, large = (
        shown(ended, name)["attempts"][0]["result"]["max_rss_mb"] for name in ("small", "big")
    )
    assert small is None or small < 10
    assert 110 < large < 200


def test_a_signal_that_the_batch_system_sends_to_every_process_is_no_failure(
    pool, start_pilot, tmp_path
):
    put(pool, {"id": "a", "script": sleeper(tmp_path), "max_attempts": 1})
    child = start_pilot(*(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"))))
    payload, (agent, _) = started(tmp_path), agent_of(child)
    for pid in (payload, agent, child.pid):
        os.kill(pid, signal.SIGUSR2)
    assert child.wait(timeout=20) == 0
    told = look(pool, "a")
    assert (told["state"], told["attempts_used"], outcomes(told)) == ("todo", 0, ["released"])
    assert "signal 12" in told["reason"]


@pytest.fixture
def payload(around):
    """A payload of this task; what it is told to do is done when the loop runs."""

    def make(**spec):
        lease = Lease("a", 1, 1, 300.0, dict({"id": "a"}, **spec))
        told = []

        def over(_, ending):
            told.append(ending)
            around.loop.stop()

        one = Payload(lease, around, lambda _: told.append("vacated"), over)
        one.told = told
        return one

    return make


def test_its_place_is_free_before_its_result_is_told(payload, loop):
    one = payload(command=["true"])
    loop.after(0, lambda: one.start([]))
    loop.run()
    assert [one.told[0], one.told[1].outcome] == ["vacated", "done"]


def test_the_first_call_that_stops_it_says_why(payload, loop):
    one = payload(command=["sleep", "300"])
    loop.after(0, lambda: one.start([]))
    loop.after(0, lambda: one.stop("released", "draining", 60.0))
    loop.after(0, lambda: one.stop("error", "too late to say", 60.0))
    loop.run()
    assert one.told[1][:2] == ("released", "draining")


def test_who_does_not_heed_the_first_signal_is_killed_when_its_grace_is_over(
    payload, loop, tmp_path
):
    deaf = tmp_path / "deaf"
    one = payload(script="trap '' TERM; touch %s; while :; do sleep 300; done" % deaf)

    def stop():
        if deaf.exists():
            one.stop("released", "draining", 0.0)
        else:
            loop.after(0.01, stop)

    loop.after(0, lambda: one.start([]))
    loop.after(0, stop)
    loop.run()
    assert one.told[1].result["exit_code"] == -9


def test_what_was_made_ready_is_used_by_the_start(payload, loop, around):
    one = payload(command=["pwd"])
    one.prepare()
    made = os.listdir(around.config.workdir + "/tasks")
    loop.after(0, lambda: one.start([]))
    loop.run()
    stdout = one.told[1].result["stdout"]
    assert [stdout] == ["%s/tasks/%s/work\n" % (around.config.workdir, name) for name in made]


def test_what_was_made_ready_in_vain_is_the_next_ones(payload, around):
    one = payload(command=["true"])
    one.prepare()
    one.discard()
    assert around.sandboxes.take().home == around.config.workdir + "/tasks/slot-1"


def test_what_wants_gpus_or_files_is_not_made_ready_ahead(payload, around):
    payload(command=["true"], gpus=1).prepare()
    payload(command=["true"], inputs=[{"name": "f"}]).prepare()
    assert os.listdir(around.config.workdir + "/tasks") == []
