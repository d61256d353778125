"""The agent as pilots run it: real payloads, real pools, real signals."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from pilot.base import process_tree
from pilot.pool import open_pool
from tests.conftest import ROOT, steady, until

PLAN = ("-X", "CheckWorkerNode,LaunchAgent")


def shown(pilot_ended, task):
    """A task of the pilot's own pool."""
    path = next(pilot_ended.workdir.glob("pilot-*/pool.sqlite"))
    pool = open_pool("sqlite:%s" % path)
    found = pool.show(task)
    pool.close()
    return found


def gone(pid):
    found = process_tree.look_up(pid)
    return found is None or found.state == "Z"


@pytest.fixture
def run(pilot, tasks_file):
    """Runs tasks in a pilot of their own."""
    def go(tasks, *words, **how):
        return pilot(*(PLAN + ("--tasks", tasks_file(*tasks)) + words), **how)
    return go


def test_work_is_done_and_counted(run):
    ended = run([{"id": "ok", "command": ["echo", "hello"]}, {"id": "bad", "command": ["sh", "-c", "echo oops >&2; exit 3"], "max_attempts": 1}])
    assert ended.code == 0 and ended.report["tasks"] == {"done": 1, "error": 1, "released": 0, "retried": 0, "lost": 0}
    result = shown(ended, "ok")["attempts"][0]["result"]
    assert result["exit_code"] == 0 and result["stdout"] == "hello\n" and result["seconds"] < 5
    bad = shown(ended, "bad")
    assert bad["state"] == "error" and bad["reason"] == "exit code 3: oops" and os.path.isdir(bad["attempts"][0]["result"]["folder"])


def test_a_failed_task_is_tried_again_within_the_same_pilot(run, tmp_path):
    script = "test -e %s/second || { touch %s/second; exit 1; }" % (tmp_path, tmp_path)
    ended = run([{"id": "a", "script": script}])
    assert ended.report["tasks"]["done"] == 1 and ended.report["tasks"]["retried"] == 1
    assert [attempt["outcome"] for attempt in shown(ended, "a")["attempts"]] == ["error", "done"]


def test_files_go_in_and_out(run, tmp_path):
    (tmp_path / "in.txt").write_text("a b c\n")
    ended = run([{"id": "wc", "command": ["sh", "-c", "wc -w < in.txt > out.txt"], "inputs": ["in.txt"], "outputs": ["out.txt"]}])
    assert (ended.workdir / "outputs" / "wc.1" / "out.txt").read_text().strip() == "3"
    assert [file["name"] for file in shown(ended, "wc")["attempts"][0]["result"]["files"]] == ["in.txt", "out.txt"]


@pytest.mark.parametrize("task, words", [
    ({"command": ["no-such-program"]}, "there is no program no-such-program"), ({"command": ["/etc/hostname"]}, "/etc/hostname cannot be"),
    ({"command": ["true"], "inputs": ["missing"]}, "stage-in failed"), ({"command": ["true"], "outputs": ["never"]}, "did not make its output never"),
    ({"script": "#!/no/such/interpreter\n"}, "there is no program /no/such/interpreter"), ({"command": ["sh", "-c", "kill -9 $$"]}, "killed by signal 9")])
def test_what_cannot_go_well_is_one_sentence(run, task, words):
    ended = run([dict(task, id="a", max_attempts=1)])
    assert ended.code == 0 and ended.report["tasks"]["error"] == 1
    assert words in shown(ended, "a")["reason"]


@pytest.mark.parametrize("limits, text, words", [
    ({"walltime_s": 0.5}, "sleep 60", "wall time limit passed: allowed 0.5 s"),
    ({"memory_mb": 60}, "python3 -c 'x = bytearray(200 << 20); import time; time.sleep(60)'", "memory limit passed"),
    ({"limits": {"cpu_s": 1}}, "while :; do :; done", "CPU time limit passed"),
    ({"limits": {"disk_mb": 5}}, "head -c 20000000 /dev/zero > big; sleep 60", "disk limit passed"),
    ({"limits": {"output_mb": 1}}, "head -c 5000000 /dev/zero; sleep 60", "output limit passed"),
    ({"limits": {"silence_s": 1}}, "echo x; sleep 60", "silence limit passed")])
def test_each_limit_ends_the_whole_tree_with_its_reason(run, tmp_path, limits, text, words):
    began = steady()
    script = "setsid sh -c 'echo $$ > %s/pid; exec sleep 300' &\nwhile ! test -s %s/pid; do :; done\n%s\n" % (tmp_path, tmp_path, text)
    ended = run([dict({"id": "a", "script": script, "max_attempts": 1}, **limits)], "--stop-grace-s", "0.3")
    assert words in shown(ended, "a")["reason"]
    assert steady() - began < 20
    until(lambda: gone(int((tmp_path / "pid").read_text())), what="the escaped child's end")


def test_what_a_payload_leaves_behind_is_ended_with_it(run, tmp_path):
    script = "(setsid sh -c 'echo $$ > %s/pid; exec sleep 300' &) ; while ! test -s %s/pid; do :; done" % (tmp_path, tmp_path)
    ended = run([{"id": "a", "script": script}, {"id": "b", "command": ["sleep", "0.3"]}])
    assert ended.report["tasks"]["done"] == 2
    until(lambda: gone(int((tmp_path / "pid").read_text())), what="the daemon's end")


def test_several_payloads_run_at_once_within_the_slot(run, tmp_path):
    meet = "touch %s/$PILOT_TASK_ID; for i in $(seq 500); do test -e %s/a -a -e %s/b && exit 0; sleep 0.01; done; exit 1" % ((tmp_path,) * 3)
    ended = run([{"id": "a", "script": meet, "max_attempts": 1}, {"id": "b", "script": meet, "max_attempts": 1}], "--slots", "2")
    assert ended.report["tasks"]["done"] == 2


def test_what_this_node_cannot_run_stays_in_the_pool(run):
    ended = run([{"id": "big", "command": ["true"], "cores": 1000}, {"id": "small", "command": ["true"]}])
    assert ended.code == 0 and ended.report["tasks"]["done"] == 1 and shown(ended, "big")["state"] == "todo"


def test_no_more_than_max_tasks_are_claimed(run):
    ended = run([{"id": "t%d" % n, "command": ["true"]} for n in range(5)], "--max-tasks", "2", "--slots", "1")
    assert ended.report["tasks"]["done"] == 2 and ended.report["tasks"]["released"] == 0


def test_a_task_claimed_ahead_is_given_back_when_the_slot_stays_busy(run):
    tasks = [{"id": "short", "command": ["true"], "priority": 2}, {"id": "long", "command": ["sleep", "2.5"], "priority": 1}, {"id": "last", "command": ["true"]}]
    ended = run(tasks, "--slots", "1")
    outcomes = [(event["task"], event["outcome"]) for event in ended.events if event["event"] == "task finished"]
    assert outcomes == [("short", "done"), ("last", "returned"), ("long", "done"), ("last", "done")]
    assert ended.report["tasks"] == {"done": 3, "error": 0, "released": 0, "retried": 0, "lost": 0}
    assert [attempt["outcome"] for attempt in shown(ended, "last")["attempts"]] == ["returned", "done"] and shown(ended, "last")["attempts_used"] == 1


def test_what_was_made_ready_for_a_task_that_is_given_back_goes(run, tmp_path):
    """Four quick tasks, so that the next is claimed ahead, then one that holds the slot: the one ahead waits in vain."""
    held = {"id": "t4", "script": "sleep 3", "priority": -1}
    ended = run([{"id": "t%d" % number, "command": ["true"]} for number in range(4)] + [held, {"id": "t5", "command": ["true"], "priority": -2}], "--slots", "1")
    assert ended.report["tasks"] == {"done": 6, "error": 0, "released": 0, "retried": 0, "lost": 0}
    assert [attempt["outcome"] for attempt in shown(ended, "t5")["attempts"]] == ["returned", "done"]
    assert not [name for name in os.listdir(str(next(ended.workdir.glob("pilot-*/tasks")))) if name.count("-") > 1]


def test_a_payload_has_a_session_of_its_own_and_nothing_to_read(run, tmp_path):
    code = "import os, sys; print(os.getsid(0) == os.getpid() or os.getsid(0) == os.getppid(), len(sys.stdin.read()), os.path.isdir(os.environ['TMPDIR']), os.listdir('.'))"
    ended = run([{"id": "a", "command": [sys.executable, "-c", code]}], stdin=subprocess.DEVNULL)
    assert shown(ended, "a")["attempts"][0]["result"]["stdout"] == "True 0 True []\n"


def test_a_payload_has_no_descriptor_of_ours(run, tmp_path):
    """Nor one that the pilot was started with."""
    code = "import os; print([os.readlink('/proc/self/fd/' + name) for name in sorted(os.listdir('/proc/self/fd'), key=int)[3:-1]])"
    with open(str(tmp_path / "given"), "w") as given:
        os.set_inheritable(given.fileno(), True)
        ended = run([{"id": "t%d" % number, "command": [sys.executable, "-c", code]} for number in range(4)], close_fds=False)
    assert {shown(ended, "t%d" % number)["attempts"][0]["result"]["stdout"] for number in range(4)} == {"[]\n"}


def test_a_drain_file_that_comes_in_mid_run_is_heard(start_pilot, tasks_file, tmp_path):
    """Within two seconds: the payload ends three seconds after it, and the task behind it is not begun."""
    drain = tmp_path / "drain"
    tasks = tasks_file({"id": "a", "script": "touch %s; sleep 3" % drain, "priority": 1}, {"id": "b", "command": ["true"]})
    child = start_pilot(*(PLAN + ("--tasks", tasks, "--slots", "1", "--drain-files", str(drain), "--workdir", str(tmp_path / "w"))))
    assert child.wait(timeout=60) == 0
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["tasks"]["done"] == 1


@pytest.mark.parametrize("keep, folders", [("never", 0), ("failed", 1), ("always", 2)])
def test_folders_are_kept_as_it_was_asked(run, keep, folders):
    ended = run([{"id": "good", "command": ["true"]}, {"id": "bad", "command": ["false"], "max_attempts": 1}], "--keep-sandboxes", keep)
    kept = [name for name in os.listdir(str(next(ended.workdir.glob("pilot-*/tasks")))) if not name.startswith("slot-")]
    assert len(kept) == folders


def test_the_report_tells_the_first_ten_failures(run):
    ended = run([{"id": "t%02d" % number, "command": ["false"], "max_attempts": 1} for number in range(12)], "--slots", "1")
    failures = ended.report["task_failures"]
    assert len(failures) == 10 and {tuple(sorted(row)) for row in failures} == {("folder", "outcome", "reason", "task")}


def test_a_narrow_task_may_overtake_a_wide_one(run):
    tasks = [{"id": "first", "script": "sleep 1.5", "priority": 9}, {"id": "wide", "command": ["true"], "cores": 2, "priority": 5},
             {"id": "narrow", "command": ["true"]}]
    ended = run(tasks, "--slots", "2", env=dict(os.environ, TardisDroneCores="2"))
    order = [event["task"] for event in ended.events if event["event"] == "task started"]
    assert ended.report["tasks"]["done"] == 3 and order.index("narrow") < order.index("wide")


def test_tasks_with_a_pool_go_into_that_pool_and_stay_there(run, tmp_path):
    ended = run([{"id": "a", "command": ["true"]}, {"id": "b", "command": ["true"]}], "--pool", "sqlite:%s/p.sqlite" % tmp_path, "--max-tasks", "1")
    with open_pool("sqlite:%s/p.sqlite" % tmp_path) as pool:
        assert ended.code == 0 and (pool.status()["done"], pool.status()["todo"]) == (1, 1)


def test_output_that_is_no_utf8_and_no_output_at_all(run):
    ended = run([{"id": "a", "command": ["printf", "\\377\\303"]}, {"id": "b", "command": ["true"]}])
    assert shown(ended, "a")["attempts"][0]["result"]["stdout"] == "\ufffd\ufffd" and shown(ended, "b")["attempts"][0]["result"]["stdout"] == ""


def test_one_payloads_output_is_never_anothers(run):
    ended = run([{"id": "a", "command": ["echo", "secret of a"], "priority": 1}, {"id": "b", "command": ["no-such-program"], "max_attempts": 1},
                 {"id": "c", "command": ["true"], "inputs": ["missing"], "max_attempts": 1}], "--slots", "1")
    assert "secret" in str(shown(ended, "a")) and "secret" not in str(shown(ended, "b")) + str(shown(ended, "c"))


def test_a_payload_sees_its_surroundings_and_no_secrets(run, tmp_path):
    environ = dict(os.environ, PILOT_REGISTER_TOKEN="hunter22", BEARER_TOKEN="hunter22", LD_LIBRARY_PATH="../..")
    ended = run([{"id": "env", "command": ["env"], "env": {"MINE": "yes"}, "cores": 1, "memory_mb": 100}], env=environ)
    found = shown(ended, "env")["attempts"][0]["result"]["stdout"]
    assert "MINE=yes" in found and "PILOT_TASK_ID=env" in found and "PILOT_TASK_MEMORY_MB=100" in found
    assert "hunter22" not in found and "LD_LIBRARY_PATH" not in found


@pytest.mark.parametrize("way", ["unshare", "bubblewrap"])
def test_walls_as_this_node_has_them(run, way):
    from pilot.node.container import start_user_namespace_check
    if not shutil.which({"unshare": "unshare", "bubblewrap": "bwrap"}[way]) or not start_user_namespace_check()():
        pytest.skip("this node has no %s or no user namespaces" % way)
    ended = run([{"id": "a", "script": "echo pid $$; ls /proc | grep -c '^[0-9]'; echo x > file; cat file"}], "--isolation", way)
    text = shown(ended, "a")["attempts"][0]["result"]["stdout"]
    assert ended.report["tasks"]["done"] == 1 and int(text.split()[2]) < 10 and text.endswith("x\n")


def test_a_container_task_waits_for_a_node_with_containers(run, programs):
    ended = run([{"id": "a", "command": ["true"], "container": "/image"}])
    assert shown(ended, "a")["state"] == "todo"
    shutil.rmtree(str(ended.workdir))
    programs.make("apptainer", 'while [ "$1" != /image ]; do shift; done; shift; exec "$@"')
    ended = run([{"id": "a", "command": ["echo", "inside"], "container": "/image"}])
    assert shown(ended, "a")["attempts"][0]["result"]["stdout"] == "inside\n"
    assert "exec --userns" in programs.calls("apptainer")[0]


def test_max_walltime_ends_payloads_and_gives_their_tasks_back(run):
    ended = run([{"id": "a", "command": ["sleep", "60"]}], "--max-walltime", "5", "--stop-grace-s", "0.5", "--min-task-s", "1")
    assert ended.code == 60 and ended.report["tasks"]["released"] == 1 and ended.status("LaunchAgent") == "failed"
    found = shown(ended, "a")
    assert found["state"] == "todo" and found["attempts_used"] == 0 and "--max-walltime" in found["reason"]


@pytest.mark.parametrize("words, state", [((), "todo"), (("--min-task-s", "20"), "done")])
def test_a_task_that_does_not_say_how_long_it_takes_needs_a_while(run, words, state):
    ended = run([{"id": "a", "command": ["true"]}, {"id": "b", "command": ["true"], "walltime_s": 1}], "--max-walltime", "50", *words)
    assert shown(ended, "a")["state"] == state and shown(ended, "b")["state"] == "done"
    assert ("--min-task-s without walltime_s" in ended.err) == (state == "todo")


@pytest.mark.parametrize("walltime_s, words", [(4, "wall time limit passed: allowed 4 s"), (1, "stage-in took longer than 1 s")])
def test_what_is_brought_in_counts_as_wall_time(run, programs, walltime_s, words):
    programs.make("xrdcp", 'sleep 2; for last; do :; done; : >"$last"')
    began = steady()
    ended = run([{"id": "a", "command": ["sleep", "60"], "walltime_s": walltime_s, "inputs": [{"url": "root://h//f", "name": "f"}], "max_attempts": 1}])
    found = shown(ended, "a")
    assert found["state"] == "error" and words in found["reason"] and steady() - began < 30, found


def test_the_peak_of_memory_is_the_payloads_own(run):
    big = "import time; x = b'x' * 120000000; time.sleep(0.1)"
    ended = run([{"id": "small", "command": ["true"]}, {"id": "big", "command": [sys.executable, "-c", big]}])
    small, large = (shown(ended, name)["attempts"][0]["result"]["max_rss_mb"] for name in ("small", "big"))
    assert (small is None or small < 10) and 110 < large < 200


def test_no_task_is_claimed_that_cannot_end_in_time(run):
    ended = run([{"id": "long", "command": ["true"], "walltime_s": 1000}, {"id": "short", "command": ["true"], "walltime_s": 1}], "--max-walltime", "60")
    assert ended.code == 0 and shown(ended, "long")["state"] == "todo" and shown(ended, "short")["state"] == "done"


def test_a_drain_file_lets_payloads_finish_and_claims_nothing(run, tmp_path):
    (tmp_path / "drain").write_text("")
    ended = run([{"id": "a", "command": ["true"]}], "--drain-files", str(tmp_path / "drain"))
    assert ended.code == 0 and shown(ended, "a")["state"] == "todo" and "drain file" in ended.err


def test_another_program_may_be_the_agent(pilot, programs):
    programs.make("my-agent", 'echo "cores $PILOT_ID"; echo to-stderr >&2; exit ${1:-0}')
    ended = pilot(*(PLAN + ("--execute", "my-agent")))
    assert ended.code == 0 and "to-stderr" in ended.err
    ended = pilot(*(PLAN + ("--execute", "my-agent 7")))
    assert ended.code == 40 and "my-agent ended with 7" in ended.report["commands"][-1]["reason"]


class Busy:
    """A pilot with a payload that runs until it is ended."""

    def __init__(self, tmp_path, start_pilot, tasks_file, script, *words):
        self.pidfile, self.tmp_path = tmp_path / "payload.pid", tmp_path
        self.pool = "sqlite:%s/pool.sqlite" % tmp_path
        path = tasks_file({"id": "a", "script": "echo $$ > %s.new; mv %s.new %s\n%s" % ((self.pidfile,) * 3 + (script,)), "max_attempts": 9})
        pool = open_pool(self.pool, create=True, backoff_s=0.01)
        from pilot.pool.task import read_file
        pool.add(read_file(path))
        pool.close()
        self.child = start_pilot(*(PLAN + ("--pool", self.pool, "--workdir", str(tmp_path / "w")) + words))
        until(self.pidfile.exists, what="the payload's start")
        self.payload = int(self.pidfile.read_text())

    @property
    def agent(self):
        return until(lambda: [p.pid for p in process_tree.descendants(self.child.pid) if p.parent == self.child.pid])[0]

    def show(self):
        pool = open_pool(self.pool)
        found = pool.show("a")
        pool.close()
        return found

    @property
    def report(self):
        return json.loads((self.tmp_path / "w" / "pilot-report.json").read_text())


STUBBORN = "trap '' TERM; while :; do sleep 1; done"


@pytest.mark.parametrize("script", ["sleep 300", STUBBORN])
def test_sigterm_ends_all_within_five_seconds_and_gives_the_task_back(tmp_path, start_pilot, tasks_file, script):
    busy = Busy(tmp_path, start_pilot, tasks_file, script)
    began = steady()
    busy.child.send_signal(signal.SIGTERM)
    until(lambda: (tmp_path / "w" / "pilot-report.json").exists(), 1.0, "the essential report within a second")
    assert busy.child.wait(timeout=60) == 143
    assert steady() - began < 5
    assert gone(busy.payload)
    found = busy.show()
    assert found["state"] == "todo" and found["attempts_used"] == 0 and found["attempts"][0]["outcome"] == "released"
    assert busy.report["exit_code"] == 143 and busy.report["tasks"]["released"] == 1
    assert busy.report["commands"][-1]["status"] == "interrupted"


def test_a_second_signal_hurries(tmp_path, start_pilot, tasks_file):
    busy = Busy(tmp_path, start_pilot, tasks_file, STUBBORN, "--stop-grace-s", "4")
    began = steady()
    busy.child.send_signal(signal.SIGINT)
    until(lambda: (tmp_path / "w" / "pilot-report.json").exists())
    busy.child.send_signal(signal.SIGTERM)
    assert busy.child.wait(timeout=60) == 130
    assert steady() - began < 3.9 and busy.show()["state"] == "todo"


@pytest.mark.parametrize("signum", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_drain_signal_lets_the_payload_finish(tmp_path, start_pilot, tasks_file, signum):
    busy = Busy(tmp_path, start_pilot, tasks_file, "while ! test -e %s/go; do sleep 0.05; done" % tmp_path, "--idle-s", "600")
    busy.child.send_signal(signum)
    until(lambda: "draining" in (tmp_path / "w" / "pilot.log").read_text())
    assert not gone(busy.payload)
    (tmp_path / "go").write_text("")
    assert busy.child.wait(timeout=20) == 0
    assert busy.show()["state"] == "done"


def test_a_killed_pilot_takes_its_payload_along(tmp_path, start_pilot, tasks_file):
    busy = Busy(tmp_path, start_pilot, tasks_file, STUBBORN)
    agent = busy.agent
    os.kill(busy.child.pid, signal.SIGKILL)
    until(lambda: gone(busy.payload), 5, "the payload's end")
    until(lambda: gone(agent), 5, "the agent's end")
    assert busy.show()["state"] == "todo"  # the agent gave it back


def test_a_killed_agent_takes_its_payload_along_and_the_pilot_says_so(tmp_path, start_pilot, tasks_file):
    busy = Busy(tmp_path, start_pilot, tasks_file, STUBBORN, "--lease-s", "3")
    until(lambda: "task started" in (tmp_path / "w" / "pilot-events.jsonl").read_text())
    os.kill(busy.agent, signal.SIGKILL)
    assert busy.child.wait(timeout=60) == 40
    until(lambda: gone(busy.payload), 5, "the payload's end")
    assert "died without a last word" in busy.report["commands"][-1]["reason"]
    until(lambda: _status(busy.pool)["locked"] == 0, 10, "the lease's end")
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["tasks"]["lost"] == 1


def test_pilot_and_agent_killed_at_once_leave_nothing(tmp_path, start_pilot, tasks_file):
    busy = Busy(tmp_path, start_pilot, tasks_file, "setsid sh -c 'echo $$ > %s/inner; exec sleep 300' & wait" % tmp_path)
    inner = int(until(lambda: (tmp_path / "inner").exists() and (tmp_path / "inner").read_text()))
    for pid in (busy.agent, busy.child.pid):
        os.kill(pid, signal.SIGKILL)
    until(lambda: gone(busy.payload) and gone(inner), 6, "the end of the payload and of what it started")


def _status(url):
    pool = open_pool(url)
    found = pool.status()
    pool.close()
    return found


def test_a_pilot_frozen_beyond_its_lease_ends_its_payload_and_tells_nothing(tmp_path, start_pilot, tasks_file):
    busy = Busy(tmp_path, start_pilot, tasks_file, "sleep 300", "--lease-s", "2", "--stop-grace-s", "0.3")
    agent = busy.agent
    os.kill(agent, signal.SIGSTOP)
    try:
        until(lambda: _status(busy.pool)["locked"] == 0, 10, "the lease's end")
        pool = open_pool(busy.pool)
        from pilot.pool.interface import Offer
        until(lambda: pool.claim("other", Offer(), 1, 300.0, "r%s" % time.monotonic()), 10, "a claim by another")
        pool.close()
    finally:
        os.kill(agent, signal.SIGCONT)
    until(lambda: gone(busy.payload), 5, "the payload's end")
    found = busy.show()
    assert found["pilot"] == "other" and [attempt["outcome"] for attempt in found["attempts"]] == ["lost", None]


def test_leases_are_renewed_while_a_payload_runs(tmp_path, start_pilot, tasks_file):
    busy = Busy(tmp_path, start_pilot, tasks_file, "while ! test -e %s/go; do sleep 0.05; done" % tmp_path, "--lease-s", "1")
    began = steady()
    until(lambda: steady() - began > 2.5 and _status(busy.pool)["locked"] == 1, what="a lease that outlives itself")
    (tmp_path / "go").write_text("")
    assert busy.child.wait(timeout=20) == 0 and busy.show()["generation"] == 1


def test_a_cancelled_task_is_stopped_at_the_next_renewal(tmp_path, start_pilot, tasks_file):
    busy = Busy(tmp_path, start_pilot, tasks_file, "sleep 300", "--lease-s", "2", "--stop-grace-s", "0.3")
    pool = open_pool(busy.pool)
    assert pool.cancel(["a"]) == 1
    pool.close()
    assert busy.child.wait(timeout=20) == 0
    assert gone(busy.payload) and busy.show()["state"] == "held" and busy.report["tasks"]["lost"] == 1


def test_a_pool_that_is_busy_for_a_while_loses_nothing(tmp_path, start_pilot, tasks_file):
    busy = Busy(tmp_path, start_pilot, tasks_file, "while ! test -e %s/go; do sleep 0.05; done" % tmp_path)
    hog = sqlite3.connect(str(tmp_path / "pool.sqlite"), isolation_level=None)
    hog.execute("BEGIN EXCLUSIVE")
    (tmp_path / "go").write_text("")
    until(lambda: gone(busy.payload))
    hog.execute("ROLLBACK")
    hog.close()
    assert busy.child.wait(timeout=30) == 0 and busy.show()["state"] == "done"


def test_idle_agents_wait_for_new_tasks(tmp_path, start_pilot, tasks_file):
    busy = Busy(tmp_path, start_pilot, tasks_file, "true", "--idle-s", "600")
    until(lambda: _status(busy.pool)["done"] == 1)
    pool = open_pool(busy.pool)
    pool.add([{"id": "later", "command": ["true"]}])
    pool.close()
    until(lambda: _status(busy.pool)["done"] == 2)
    busy.child.send_signal(signal.SIGTERM)
    assert busy.child.wait(timeout=60) == 143


def test_the_agents_orders_are_checked(tmp_path):
    done = subprocess.run([sys.executable, "-m", "pilot.agent"], cwd=str(ROOT), stderr=subprocess.PIPE)
    assert done.returncode != 0 and b"usage" in done.stderr


def test_a_drain_before_the_agent_listens_claims_nothing_and_kills_nobody(tmp_path, start_pilot, tasks_file):
    (tmp_path / "probe").write_text("#!/bin/sh\ntouch %s/probing; while ! test -e %s/go; do sleep 0.05; done\n" % (tmp_path, tmp_path))
    child = start_pilot("-X", "CheckWorkerNode,RunProbes,LaunchAgent", "--probes", "probe", "--tasks", tasks_file({"id": "a", "command": ["true"]}),
                        "--workdir", str(tmp_path))
    until((tmp_path / "probing").exists)
    child.send_signal(signal.SIGUSR1)
    (tmp_path / "go").write_text("")
    assert child.wait(timeout=20) == 0
    report = json.loads((tmp_path / "pilot-report.json").read_text())
    assert report["commands"][-1]["status"] == "skipped" and "asked to drain" in report["commands"][-1]["reason"]
    assert report["tasks"]["done"] == 0 and "SIGUSR1: draining" in (tmp_path / "pilot.log").read_text()


def test_a_flood_of_tasks_that_cannot_start_does_not_deafen_the_agent(tmp_path, start_pilot, tasks_file):
    path = tasks_file(*[{"id": "t%d" % n, "command": ["/no/program"], "max_attempts": 1} for n in range(20000)])
    child = start_pilot(*(PLAN + ("--tasks", path, "--workdir", str(tmp_path))))
    until(lambda: (tmp_path / "pilot-events.jsonl").exists() and "task finished" in (tmp_path / "pilot-events.jsonl").read_text(), 30)
    began = steady()
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=60) == 143 and steady() - began < 5
    pool = open_pool("sqlite:%s" % next(tmp_path.glob("pilot-*/pool.sqlite")))
    counts = pool.status()
    pool.close()
    assert counts["locked"] == 0 and json.loads((tmp_path / "pilot-report.json").read_text())["tasks"]["error"] == counts["error"] > 0


ESCAPE = "env -i setsid sh -c 'echo $$ > %s/pid.new; mv %s/pid.new %s/pid; exec sleep 300' &\n"


@pytest.mark.slow
def test_what_hides_its_mark_is_ended_with_a_killed_agent(tmp_path, start_pilot, tasks_file):
    busy = Busy(tmp_path, start_pilot, tasks_file, "(" + ESCAPE % ((tmp_path,) * 3) + ")\nsleep 300")
    hidden = int(until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    began = steady()
    until(lambda: steady() - began > 2.2, what="two samples")
    os.kill(busy.agent, signal.SIGKILL)
    until(lambda: gone(hidden) and gone(busy.payload), 6, "the end of all")


def test_what_hides_its_mark_lives_as_long_as_its_payload_and_no_longer(run, tmp_path):
    first = "(" + ESCAPE % ((tmp_path,) * 3) + ")\nwhile ! test -s %s/pid; do sleep 0.05; done\nsleep 2.5; kill -0 $(cat %s/pid)" % (tmp_path, tmp_path)
    ended = run([{"id": "a", "script": first, "max_attempts": 1}] + [{"id": "b%d" % n, "command": ["sleep", "0.3"]} for n in range(4)], "--slots", "2")
    assert ended.report["tasks"]["done"] == 5, shown(ended, "a")
    until(lambda: gone(int((tmp_path / "pid").read_text())), 5, "the helper's end")


def test_limits_count_what_went_to_another_session(run, tmp_path):
    script = "(setsid python3 -c 'x = bytearray(300 << 20); import time; time.sleep(60)' &)\nsleep 60"
    ended = run([{"id": "a", "script": script, "memory_mb": 100, "max_attempts": 1}], "--stop-grace-s", "0.3")
    assert "memory limit passed" in shown(ended, "a")["reason"]


def test_a_foreign_agent_dies_with_a_killed_pilot(tmp_path, start_pilot, programs):
    programs.make("my-agent", "echo $$ > %s/pid; exec sleep 300" % tmp_path)
    child = start_pilot(*(PLAN + ("--execute", "my-agent", "--workdir", str(tmp_path))))
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    child.kill()
    until(lambda: gone(int((tmp_path / "pid").read_text())), 5, "the agent's end")


def test_work_that_does_not_fit_is_told(run):
    ended = run([{"id": "big", "command": ["true"], "cores": 1000}])
    assert ended.code == 0 and "tasks left that this slot cannot run: 1" in ended.err and "tasks left that cannot run here: 1" in ended.out


def test_a_pilot_without_time_for_any_work_is_out_of_time(run):
    ended = run([{"id": "a", "command": ["true"]}], "--max-walltime", "2")
    assert ended.code == 60 and shown(ended, "a")["state"] == "todo"


@pytest.mark.slow
def test_a_pool_that_stays_locked_is_exit_code_50(pilot, tmp_path):
    url = "sqlite:%s/pool.sqlite" % tmp_path
    open_pool(url, create=True).close()
    hog = sqlite3.connect(str(tmp_path / "pool.sqlite"), isolation_level=None)
    hog.execute("BEGIN EXCLUSIVE")
    ended = pilot(*(PLAN + ("--pool", url)))
    hog.close()
    assert ended.code == 50 and "locked" in ended.report["commands"][-1]["reason"]


def test_many_quick_failures_make_the_node_suspect(run):
    tasks = [{"id": "t%d" % n, "command": ["false"], "max_attempts": 1} for n in range(10)]
    ended = run(tasks, "--slots", "1", "--max-quick-failures", "3", "--hold-s", "0.1")
    assert ended.code == 10 and "3 payloads in a row failed within 30 s each, the last: exit code 1" in ended.out
    assert ended.report["tasks"]["error"] == 3 and "holding this slot" in ended.err
    good = [dict(task, command=["true"] if number % 3 == 2 else ["false"]) for number, task in enumerate(tasks)]
    assert run(good, "--slots", "1", "--max-quick-failures", "3", "--workdir", str(ended.workdir / "again"), workdir=None).code == 0


@pytest.mark.slow
def test_time_in_which_the_slot_was_suspended_does_not_count(start_pilot, tasks_file, tmp_path):
    """As BOINC, HTCondor and docker pause do it: everything stands, and goes on later."""
    script = "echo $$ > %s/new; mv %s/new %s/pid; i=0; while [ $i -lt 12 ]; do sleep 0.1; i=$((i+1)); done" % ((tmp_path,) * 3)
    child = start_pilot("-X", "CheckWorkerNode,LaunchAgent", "--tasks", tasks_file({"id": "a", "script": script, "max_attempts": 1, "walltime_s": 3, "limits": {"silence_s": 3}}), "--lease-s", "3", "--workdir", "w")
    until((tmp_path / "pid").exists, what="the payload")
    stopped = process_tree.descendants(child.pid)
    process_tree.send(stopped, signal.SIGSTOP)
    time.sleep(6)  # that time passes is what is tested
    process_tree.send(stopped, signal.SIGCONT)
    assert child.wait(timeout=30) == 0
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["tasks"]["done"] == 1
