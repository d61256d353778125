"""What goes wrong around an agent costs no work, and no two runs of a task overlap."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from pilot.base import process, process_tree
from pilot.agent import marks
from pilot.agent.clock import boot_s
from pilot.agent.warden import Warden
from pilot.pool import open_pool
from tests.agent.test_served import PLAN, add, gone, server, show, sleeper, started  # noqa: F401
from tests.conftest import steady, until
from tests.pool.cutting import Cutting

BWRAP = shutil.which("bwrap") is not None and subprocess.call(
    ["bwrap", "--unshare-user", "--ro-bind", "/", "/", "true"], stderr=subprocess.DEVNULL) == 0
WAYS = ["none", pytest.param("bubblewrap", marks=pytest.mark.skipif(not BWRAP, reason="bubblewrap does not work here"))]


@pytest.fixture
def pool(tmp_path):
    """A pool file's URL, with short waits."""
    url = "sqlite:%s/pool.sqlite" % tmp_path
    open_pool(url, create=True, backoff_s=0.1).close()
    return url


def put(url, *tasks):
    with open_pool(url) as one:
        one.add([task if "script" in task else dict({"command": ["true"]}, **task) for task in tasks])


def look(url, task):
    with open_pool(url) as one:
        return one.show(task)


def outcomes(told):
    return [attempt["outcome"] for attempt in told["attempts"]]


def agent_of(child):
    """The agent's pid, and its warden's."""
    def both():
        agents = [pid for pid in process_tree.children(child.pid) if b"pilot.agent\0" in command_line(pid)]
        wardens = [pid for agent in agents for pid in process_tree.children(agent) if b"pilot.agent.warden" in command_line(pid)]
        return agents + wardens if wardens else None
    return until(both, what="agent and warden")


def command_line(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as stream:
            return stream.read()
    except OSError:
        return b""


def passed(seconds):
    """Something that is true so many seconds from now: for leases, which nothing but time ends."""
    moment = time.monotonic() + seconds
    return lambda: time.monotonic() > moment


@pytest.mark.slow
def test_what_ended_while_the_server_was_away_for_longer_than_the_lease_is_done(server, start_pilot, tmp_path):  # noqa: F811
    add(server, *[{"id": "t%d" % n, "script": "echo $$ > %s/t%d; sleep 1" % (tmp_path, n), "max_attempts": 1} for n in range(2)])
    start_pilot(*(PLAN + ("--pool", server.url, "--workdir", str(tmp_path / "w"), "--lease-s", "4", "--slots", "2")))
    payloads = [started(tmp_path, "t%d" % n) for n in range(2)]
    server.kill()
    until(lambda: all(gone(pid) for pid in payloads))
    until(passed(4.5))
    server.start()
    until(lambda: all(show(server, "t%d" % n)["state"] == "done" for n in range(2)))
    assert all(outcomes(show(server, "t%d" % n)) == ["done"] for n in range(2))


@pytest.mark.slow
def test_a_frozen_server_costs_no_attempt(server, start_pilot, tmp_path):  # noqa: F811
    add(server, *[{"id": "t%d" % n, "command": ["sleep", "0.1"], "max_attempts": 1} for n in range(30)])
    child = start_pilot(*(PLAN + ("--pool", server.url, "--workdir", str(tmp_path / "w"), "--lease-s", "2", "--slots", "2")))
    until(lambda: show(server, "t3")["state"] == "done")
    server.child.send_signal(signal.SIGSTOP)
    until(passed(4))
    server.child.send_signal(signal.SIGCONT)
    assert child.wait(timeout=60) == 0
    with open_pool(server.url) as one:
        assert one.status()["done"] == 30


def test_a_claim_whose_answer_was_lost_is_given_back_by_a_pilot_that_is_stopped(server, start_pilot, tmp_path):  # noqa: F811
    add(server, {"id": "a", "command": ["sleep", "300"], "max_attempts": 1})
    proxy = Cutting(int(server.url.rpartition(":")[2]))
    proxy.cut = lambda data: b'"attempt"' in data
    child = start_pilot(*(PLAN + ("--pool", proxy.url, "--workdir", str(tmp_path / "w"))))
    assert proxy.lost.wait(20)
    assert show(server, "a")["state"] == "locked"
    child.terminate()
    proxy.cut = lambda data: False
    assert child.wait(timeout=60) == 143
    told = show(server, "a")
    assert (told["state"], told["attempts_used"], outcomes(told)) == ("todo", 0, ["returned"])
    proxy.close()


@pytest.mark.slow
def test_a_claim_that_waited_longer_than_half_its_lease_is_no_lost_one(server, start_pilot, tmp_path):  # noqa: F811
    """The lease begins when it is granted, and a claim waits for half a lease at most."""
    child = start_pilot(*(PLAN + ("--pool", server.url, "--workdir", str(tmp_path / "w"), "--lease-s", "3", "--idle-s", "60", "--max-tasks", "2")))
    for name in ("a", "b"):
        began = steady()
        until(lambda: steady() - began > 2.2)
        add(server, {"id": name, "command": ["sleep", "1"], "max_attempts": 1})
    assert child.wait(timeout=30) == 0
    assert [outcomes(show(server, name)) for name in ("a", "b")] == [["done"], ["done"]]


def test_a_warden_knows_what_left_its_group_by_its_mark():
    """The agent was frozen before it could see it: a daemon with an empty environment whose leader has ended."""
    with marks.marked_children(4711):
        leader = process.spawn(["sh", "-c", "env -i setsid sleep 60 & echo $!"], stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]})
    with marks.marked_children(4712):
        other = process.spawn(["sleep", "60"], env={"PATH": os.environ["PATH"]})
    warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "nobody bears this mark", 0.2)
    try:
        warden.began(leader.pid, 4711)
        stray = int(leader.stdout.readline())
        assert leader.wait(timeout=60) == 0 and process_tree.look_up(stray)
        warden.until(leader.pid, boot_s() + 0.2)
        until(lambda: process_tree.look_up(stray) is None or process_tree.look_up(stray).state == "Z")
        assert other.poll() is None
    finally:
        warden.close()
        os.waitpid(warden.pid, 0)
        leader.stdout.close()
        other.kill()
        other.wait()


def test_a_warden_ends_what_outlives_its_lease_though_its_agent_lives():
    victim, other = (process.spawn(["sleep", "60"], env={"PATH": os.environ["PATH"]}) for _ in range(2))
    warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "nobody bears this mark", 0.2)
    try:
        warden.began(victim.pid, 1)
        warden.until(victim.pid, boot_s() + 60)
        warden.until(victim.pid, boot_s() + 0.3)  # the later word counts
        warden.began(other.pid, 2)
        warden.until(other.pid, boot_s() + 60)
        assert victim.wait(timeout=60) == -signal.SIGKILL and other.poll() is None
        warden.ended(other.pid)
        warden.flush()
    finally:
        warden.close()
        os.waitpid(warden.pid, 0)
        for one in (victim, other):
            one.kill()
            one.wait()


def test_a_pilot_waits_for_a_task_that_is_to_be_tried_again(pool, pilot, tmp_path):
    put(pool, {"id": "flaky", "script": "test -e %s/second || { touch %s/second; exit 1; }" % (tmp_path, tmp_path)}, {"id": "other", "tags": ["x"]})
    ended = pilot(*(PLAN + ("--pool", pool)))
    assert ended.code == 0 and look(pool, "flaky")["state"] == "done"
    assert ended.report["facts"]["AgentSummary"]["reason"] == "tasks left that cannot run here: 1"


@pytest.mark.parametrize("way", WAYS)
def test_a_pipe_in_the_place_of_its_output_holds_nobody_up(pool, pilot, way):
    spoil = "rm -f ../stdout ../stderr; mkfifo ../stdout ../stderr ../stage-out.json ../stage-out.answer out 2>/dev/null; exit %d"
    put(pool, {"id": "ok", "script": spoil % 0, "max_attempts": 1}, {"id": "bad", "script": spoil % 1, "max_attempts": 1},
        {"id": "out", "script": spoil % 0, "outputs": [{"name": "out"}], "max_attempts": 1}, {"id": "after"})
    ended = pilot(*(PLAN + ("--pool", pool, "--isolation", way, "--slots", "2")), timeout=40)
    assert ended.code == 0 and [look(pool, name)["state"] for name in ("ok", "bad", "out", "after")] == ["done", "error", "error", "done"]
    assert "did not make its output out" in look(pool, "out")["reason"]


@pytest.mark.parametrize("way", WAYS)
def test_links_that_a_payload_leaves_lead_the_agent_nowhere(pool, pilot, tmp_path, way):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    names = "../stdout ../stderr ../script ../stage-out.json ../stage-out.log ../stage-out.answer ../stage-in.json"
    plant = "for name in %s; do rm -f $name; ln -s %s $name; done 2>/dev/null; exit 0" % (names, victim)
    swap = "cd ..; rm -rf work; ln -s %s work 2>/dev/null; exit 0" % tmp_path
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    put(pool, *[{"id": "plant%d" % n, "script": plant, "priority": 9} for n in range(3)] +
        [{"id": "swap", "script": swap, "outputs": [{"name": "secret", "optional": True}], "priority": 8}] +
        [{"id": "after%d" % n, "script": "echo hello; echo made > out", "outputs": [{"name": "out"}]} for n in range(3)])
    ended = pilot(*(PLAN + ("--pool", pool, "--isolation", way, "--slots", "1")))
    assert ended.code == 0 and victim.read_text() == "untouched"
    assert all(look(pool, "after%d" % n)["attempts"][-1]["result"]["stdout"] == "hello\n" for n in range(3))
    assert not list((ended.workdir / "outputs").glob("swap*/secret")) and len(list((ended.workdir / "outputs").glob("after*/out"))) == 3


def test_folders_of_any_depth_and_mode_are_removed(pool, pilot):
    deep = "i=0; while [ $i -lt 3000 ]; do mkdir d; cd d; i=$((i+1)); done; touch f; cd /; exit 0"
    put(pool, {"id": "deep", "command": [sys.executable, "-c", "import os\nfor n in range(5000):\n os.mkdir('d'); os.chdir('d')\nopen('f', 'w').close()"]},
        {"id": "closed", "script": "mkdir -p a/b; touch a/b/c; chmod 000 a"}, {"id": "shell", "script": deep})
    ended = pilot(*(PLAN + ("--pool", pool)))
    assert ended.code == 0 and ended.report["tasks"]["done"] == 3
    assert not [name for name in os.listdir(str(next(ended.workdir.glob("pilot-*/tasks")))) if not name.startswith("slot")]
    assert not [path for path in ended.workdir.glob("pilot-*/tasks/slot-*/work/*")]


@pytest.mark.slow
def test_a_frozen_agent_s_payload_ends_with_its_lease(pool, start_pilot, tmp_path):
    put(pool, {"id": "a", "script": sleeper(tmp_path)})
    child = start_pilot(*(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"), "--lease-s", "4")))
    payload = started(tmp_path)
    agent, warden = agent_of(child)
    os.kill(agent, signal.SIGSTOP)
    try:
        began = steady()
        until(lambda: gone(payload), what="the payload's end")
        assert steady() - began < 5.5  # a second for the warden's look on a busy machine
    finally:
        os.kill(agent, signal.SIGCONT)


def test_a_warden_that_is_killed_is_replaced(pool, start_pilot, tmp_path):
    put(pool, {"id": "a", "script": "setsid sleep 300 & " + sleeper(tmp_path)})
    child = start_pilot(*(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"))))
    payload = started(tmp_path)
    agent, warden = agent_of(child)
    os.kill(warden, signal.SIGKILL)
    until(lambda: agent_of(child)[1] != warden)
    os.kill(agent, signal.SIGKILL)
    until(lambda: gone(payload), what="the payload's end")
    assert child.wait(timeout=20) == 40


def test_what_agent_and_warden_leave_when_both_are_killed_is_ended_by_the_pilot(pool, start_pilot, tmp_path):
    put(pool, {"id": "a", "script": "(env -i setsid sh -c 'echo $$ > %s/stray; exec sleep 300' &) ; " % tmp_path + sleeper(tmp_path)})
    child = start_pilot(*(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"), "--stop-grace-s", "0.5")))
    payload, stray = started(tmp_path), started(tmp_path, "stray")
    agent, warden = agent_of(child)
    os.kill(agent, signal.SIGSTOP)  # it shall not replace the warden
    os.kill(warden, signal.SIGKILL)
    os.kill(agent, signal.SIGKILL)
    until(lambda: gone(payload) and gone(stray), what="the payload's end")
    assert child.wait(timeout=20) == 40
    assert "the agent's warden had died, too" in (tmp_path / "w" / "pilot.log").read_text()


@pytest.mark.parametrize("hide", ["setsid", "env -i setsid"])
def test_a_task_is_over_only_when_its_strays_are_dead(pool, start_pilot, tmp_path, hide):
    stray = "(%s sh -c 'trap \"\" TERM; echo $$ > %s/stray; while :; do sleep 1; done' &)" % (hide, tmp_path)
    put(pool, {"id": "long", "script": "trap '' TERM; while :; do sleep 0.1; done", "priority": 5},
        {"id": "a", "script": stray + "; while ! test -s %s/stray; do sleep 0.01; done" % tmp_path})
    child = start_pilot(*(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"), "--slots", "2")))
    pid = started(tmp_path, "stray")
    until(lambda: look(pool, "a")["state"] == "done")
    assert gone(pid)
    child.terminate()
    assert child.wait(timeout=60) == 143


def test_a_task_is_given_back_only_when_its_strays_are_dead(pool, start_pilot, tmp_path):
    stray = "(setsid sh -c 'trap \"\" TERM; echo $$ > %s/stray; while :; do sleep 1; done' &)" % tmp_path
    put(pool, {"id": "long", "script": "trap '' TERM; while :; do sleep 0.1; done", "priority": 5}, {"id": "a", "script": stray + "; exec sleep 300"})
    child = start_pilot(*(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"), "--slots", "2")))
    pid = started(tmp_path, "stray")
    child.terminate()
    until(lambda: look(pool, "a")["state"] == "todo")
    assert gone(pid)
    assert child.wait(timeout=60) == 143


def test_a_signal_that_the_batch_system_sends_to_every_process_is_no_failure(pool, start_pilot, tmp_path):
    put(pool, {"id": "a", "script": sleeper(tmp_path), "max_attempts": 1})
    child = start_pilot(*(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"))))
    payload, (agent, _) = started(tmp_path), agent_of(child)
    for pid in (payload, agent, child.pid):
        os.kill(pid, signal.SIGUSR2)
    assert child.wait(timeout=20) == 0
    told = look(pool, "a")
    assert (told["state"], told["attempts_used"], outcomes(told)) == ("todo", 0, ["released"]) and "signal 12" in told["reason"]


def test_warnings_of_grid_engine_do_not_reach_payloads(pool, start_pilot, tmp_path):
    put(pool, {"id": "a", "script": "echo $$ > %s/new && mv %s/new %s/pid; while ! test -e %s/go; do sleep 0.05; done" % ((tmp_path,) * 4), "max_attempts": 1})
    job = dict(os.environ, SGE_TASK_ID="undefined", JOB_ID="7", QUEUE="all.q", NSLOTS="1")
    child = start_pilot(*(PLAN + ("--pool", pool, "--workdir", str(tmp_path / "w"))), env=job)
    payload, (agent, _) = started(tmp_path), agent_of(child)
    for pid in (payload, agent, child.pid):
        os.kill(pid, signal.SIGUSR1)
        os.kill(pid, signal.SIGUSR2)
    (tmp_path / "go").write_text("")
    assert child.wait(timeout=20) == 0 and outcomes(look(pool, "a")) == ["done"]


def test_a_payload_without_a_limit_has_its_share_of_the_slots_memory(pool, pilot):
    put(pool, {"id": "hog", "command": [sys.executable, "-c", "import time; x = b'x' * 400000000; time.sleep(60)"], "max_attempts": 1})
    job = dict(os.environ, SLURM_JOB_ID="7", SLURM_MEM_PER_NODE="300", SLURM_CPUS_PER_TASK="1")
    ended = pilot(*(PLAN + ("--pool", pool, "--slots", "1", "--min-memory-mb", "100")), env=job)
    reason = look(pool, "hog")["reason"]
    assert ended.code == 0 and reason.startswith("memory limit passed") and int(reason.rpartition(" ")[2]) <= 270


def test_what_grows_fast_is_ended_soon(pool, pilot):
    fast = "import time\nx = []\nwhile True:\n x.append(b'x' * 5000000); time.sleep(0.005)"
    put(pool, {"id": "hog", "command": [sys.executable, "-c", fast], "limits": {"memory_mb": 200}, "max_attempts": 1})
    assert pilot(*(PLAN + ("--pool", pool))).code == 0
    told = look(pool, "hog")
    assert told["reason"].startswith("memory limit passed") and told["attempts"][0]["result"]["max_rss_mb"] < 600


@pytest.fixture
def small_disk(tmpfs):
    """A working directory of 24 MB."""
    return tmpfs("24m")


def test_a_payload_that_fills_the_disk_is_charged_and_the_next_one_runs(pool, pilot, small_disk):
    put(pool, {"id": "hog", "script": "cat /dev/zero > big", "max_attempts": 2, "priority": 5}, *[{"id": "ok%d" % n} for n in range(5)])
    ended = pilot(*(PLAN + ("--pool", pool, "--min-disk-mb", "8", "--slots", "1")), workdir=small_disk)
    assert ended.code == 0 and ended.report["tasks"]["done"] == 5
    assert look(pool, "hog")["state"] == "error" and "it filled the disk" in look(pool, "hog")["reason"]


def test_a_node_whose_disk_fills_costs_no_attempt(pool, pilot, small_disk):
    full = "until [ $(df --output=avail -m %s | tail -1) -lt 8 ]; do sleep 0.05; done" % small_disk  # the other slot is busy until then
    put(pool, {"id": "filler", "script": "cat /dev/zero > %s/elsewhere; exit 0" % small_disk, "priority": 5},
        {"id": "waits", "script": full, "priority": 4}, *[{"id": "ok%d" % n} for n in range(50)])
    ended = pilot(*(PLAN + ("--pool", pool, "--min-disk-mb", "8", "--slots", "2")), workdir=small_disk)
    assert ended.code == 10 and "8 needed (--min-disk-mb)" in ended.out + ended.err
    told = [look(pool, "ok%d" % n) for n in range(50)]
    assert {one["state"] for one in told} <= {"todo", "done"} and all(one["attempts_used"] == (one["state"] == "done") for one in told)


def test_tasks_that_all_fail_at_once_end_a_pilot_before_it_has_spoilt_the_pool(pool, pilot):
    put(pool, *[{"id": "t%03d" % n, "command": ["false"], "max_attempts": 1} for n in range(100)])
    ended = pilot(*(PLAN + ("--pool", pool)))
    with open_pool(pool) as one:
        assert ended.code == 10 and one.status()["error"] < 40 and "payloads in a row failed" in ended.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_payloads_of_a_pilot_that_is_root_run_as_another(pool, pilot):
    place = tempfile.mkdtemp(prefix="pu-", dir="/tmp")
    os.chmod(place, 0o755)
    try:
        put(pool, {"id": "who", "script": "id -un; echo $HOME; echo made > out; cat /etc/shadow %s/w/pilot.log" % place, "outputs": [{"name": "out"}]},
            {"id": "command", "command": ["id", "-u"]})
        ended = pilot(*(PLAN + ("--pool", pool)), workdir=os.path.join(place, "w"))
        assert ended.code == 0 and (look(pool, "who")["attempts"][0]["result"]["exit_code"], look(pool, "command")["state"]) == (1, "done"), look(pool, "who")
        result = look(pool, "who")["attempts"][0]["result"]
        assert result["stdout"].startswith("nobody\n%s/w/pilot-" % place) and result["stderr"].count("Permission denied") == 2
        assert int(look(pool, "command")["attempts"][0]["result"]["stdout"]) != 0
    finally:
        shutil.rmtree(place)
