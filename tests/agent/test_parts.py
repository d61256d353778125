"""The agent's pure parts and small ones."""

import os
import signal
import stat
import sys
import tempfile

import pytest

from pilot import process, process_tree
from pilot.agent import capacity, config, environment, isolation, limits, sandbox, watch
from pilot.agent.agent import Agent
from pilot.agent.clock import boot_s
from pilot.agent.config import AgentConfig
from pilot.agent.confine import Confinement, oom_kills
from pilot.agent.leases import Leases
from pilot.agent.loop import Exit, Loop, exit_code
from pilot.agent.removal import remove_tree
from pilot.agent.sandbox import Sandboxes
from pilot.agent.suspicion import Suspicion
from pilot.agent.warden import Warden
from pilot.node import gpu
from pilot.pool.interface import Busy, Offer

CONFIG = AgentConfig("sqlite:p", "p1", "/w", "/o", {}, slots=3, cores=4, memory_mb=4000, gpus=["0/a", "1/b"], tags=["t"])
SPEC = {"cores": 2, "memory_mb": 1000}


def test_what_runs_is_taken_from_what_is_offered():
    left = capacity.free(capacity.whole(CONFIG), [SPEC, {}], ["0/a"])
    assert left == capacity.Capacity(1, 1, 3000, ["1/b"])
    assert capacity.offer(left, CONFIG, 100.0) == Offer(1, 3000, 1, 100.0, ("t",), False)


@pytest.mark.parametrize("running, time_left", [([{}, {}, {}], None), ([{"cores": 4}], None), ([], 0.0), ([], -5.0)])
def test_when_nothing_fits_nothing_is_asked_for(running, time_left):
    assert capacity.offer(capacity.free(capacity.whole(CONFIG), running, []), CONFIG, time_left) is None


def test_more_slots_than_cores_share_the_cores():
    assert capacity.whole(CONFIG._replace(slots=8)).cores == 8


@pytest.mark.parametrize("spec, fits", [({}, True), ({"cores": 5}, False), ({"memory_mb": 5000}, False), ({"gpus": 3}, False), ({"gpus": 2}, True)])
def test_a_task_fits_or_not(spec, fits):
    assert capacity.fits(capacity.whole(CONFIG), spec) is fits


def test_memory_that_is_not_known_is_not_watched():
    assert capacity.fits(capacity.whole(CONFIG._replace(memory_mb=None)), {"memory_mb": 10 ** 9})


def test_what_a_task_asks_for_is_what_it_may_use():
    allowed = limits.of({"memory_mb": 100, "walltime_s": 5, "limits": {"cpu_s": 3, "silence_s": 9}})
    assert (allowed.memory_mb, allowed.walltime_s, allowed.cpu_s, allowed.silence_s, allowed.disk_mb) == (100, 5, 3, 9, None)
    assert limits.of({"memory_mb": 100, "limits": {"memory_mb": 200}}).memory_mb == 200


@pytest.mark.parametrize("sample, words", [
    (limits.Sample(0, 101, 0, 0, 0), "memory limit passed: 101 MB, allowed 100"), (limits.Sample(6, 0, 0, 0, 0), "CPU time limit passed: 6 s, allowed 5"),
    (limits.Sample(0, 0, 11, 0, 0), "disk limit"), (limits.Sample(0, 0, 0, 2, 0), "output limit"), (limits.Sample(0, 0, 0, 0, 8), "silence limit")])
def test_the_first_limit_passed_is_named(sample, words):
    assert words in limits.breach(limits.Limits(1, 5, 100, 10, 1, 7), sample)


def test_within_limits_all_is_well():
    assert limits.breach(limits.Limits(*[None] * 6), limits.Sample(1e9, 1e9, 1e9, 1e9, 1e9)) is None
    assert limits.breach(limits.Limits(1, 5, 100, 10, 1, 7), limits.Sample(5, 100, 10, 1, 7)) is None


def which(*there):
    return lambda name: "/bin/" + name if name in there else None


@pytest.mark.parametrize("asked, there, namespaces, way", [
    ("none", (), False, "none"), ("auto", ("bwrap", "unshare"), True, "bubblewrap"), ("auto", ("unshare",), True, "unshare"),
    ("auto", ("bwrap", "unshare"), False, "none"), ("auto", (), True, "none"), ("apptainer", ("singularity",), False, "apptainer")])
def test_the_wall_is_what_the_node_offers(asked, there, namespaces, way, monkeypatch):
    monkeypatch.setattr(isolation, "APPTAINERS", ())
    assert isolation.choose(asked, which(*there), namespaces) == way


@pytest.mark.parametrize("asked, there, namespaces", [("bubblewrap", (), True), ("bubblewrap", ("bwrap",), False), ("unshare", (), True), ("apptainer", (), True)])
def test_a_wall_that_is_asked_for_and_missing_is_told(asked, there, namespaces, monkeypatch):
    monkeypatch.setattr(isolation, "APPTAINERS", ())
    with pytest.raises(ValueError, match=asked):
        isolation.choose(asked, which(*there), namespaces)


def test_walls_leave_the_payloads_own_words_at_the_end():
    for way in ("none", "bubblewrap", "unshare"):
        assert isolation.wrap(["x", "y"], isolation.Wall(way), isolation.Folders("/h/work", "/h/tmp"), which())[-2:] == ["x", "y"]
    words = isolation.wrap(["x"], isolation.Wall("none", "/image"), isolation.Folders("/h/work", "/h/tmp"), which("apptainer"))
    assert words[:2] == ["/bin/apptainer", "exec"] and words[-2:] == ["/image", "x"] and "--userns" in words


def test_a_payload_sees_its_own_facts_and_no_secrets():
    base = environment.base({"PATH": "/bin", "PILOT_REGISTER_TOKEN": "s", "BEARER_TOKEN": "s", "LD_LIBRARY_PATH": "../..", "PYTHONPATH": "x", "PYTHONHOME": "x",
                             "LD_PRELOAD": "x", "BEARER_TOKEN_FILE": "x"},
                            {"LD_LIBRARY_PATH": "/soft/lib"})
    assert base == {"PATH": "/bin", "LD_LIBRARY_PATH": "/soft/lib"}
    found = environment.of_task(base, {"id": "t1", "cores": 2, "memory_mb": 10, "walltime_s": 5, "env": {"MY": "1", "OMP_NUM_THREADS": "7"}},
                                "/h", "p1", ["1/uuid"], "mark")
    assert found["PILOT_TASK_ID"] == "t1" and found["PILOT_TASK_CORES"] == "2" and found["MY"] == "1" and found["OMP_NUM_THREADS"] == "7"
    assert found["CUDA_VISIBLE_DEVICES"] == "1" and found["TMPDIR"] == "/h/tmp" and found["PILOT_TASK_MEMORY_MB"] == "10"
    assert "s" not in found.values()
    assert {name: found[name] for name in ("PILOT_TASK_WALLTIME_S", "PILOT_ID", "PILOT_PAYLOAD")} == {"PILOT_TASK_WALLTIME_S": "5", "PILOT_ID": "p1", "PILOT_PAYLOAD": "mark"}
    assert environment.of_task(dict(base, PILOT_AGENT="a1"), {"id": "t1"}, "/h", "p1", [], "mark")["PILOT_AGENT"] == "a1"


@pytest.mark.parametrize("slot", [{"CUDA_VISIBLE_DEVICES": "10000", "NVIDIA_VISIBLE_DEVICES": "none"}, {"CUDA_VISIBLE_DEVICES": "0,1"}, {}])
def test_a_payload_without_gpus_sees_none_whatever_the_slot_has(slot):
    found = environment.of_task(environment.base(dict(slot, PATH="/bin"), {}), {"id": "t1"}, "/h", "p1", [], "mark")
    assert gpu.visible(gpu.parse_nvidia_smi("0, GPU-1111, A100, 1\n1, GPU-2222, A100, 1\n"), found["CUDA_VISIBLE_DEVICES"]) == ()
    assert found["CUDA_VISIBLE_DEVICES"] != "10000" and found["NVIDIA_VISIBLE_DEVICES"] == "none"


def test_a_payload_has_no_more_threads_than_cores():
    slot = {"OMP_NUM_THREADS": "8", "PYTHON_CPU_COUNT": "8", "MKL_NUM_THREADS": "8"}
    found = environment.of_task(environment.base(slot, {}), {"id": "t1", "cores": 2}, "/h", "p1", [], "mark")
    assert [found[name] for name in sorted(slot)] == ["2"] * 3 and "GOMAXPROCS" not in found


def test_orders_survive_their_journey():
    assert config.load(config.dump(CONFIG)) == CONFIG


def test_leases_in_danger_are_those_not_renewed_in_time():
    now = [0.0]
    leases = Leases(300.0, 2.0, lambda: now[0])
    leases.add(("a", 1), 0.0)
    leases.add(("b", 1), 0.0)
    assert (leases.every_s(), leases.in_danger()) == (60.0, [])
    now[0] = 290.0
    leases.renewed([("b", 1), ("gone", 1)], 240.0)
    assert leases.in_danger() == [("a", 1)]
    leases.drop(("a", 1))
    assert leases.in_danger() == [] and leases.keys() == [("b", 1)]


def test_a_node_is_suspect_after_many_quick_failures_in_a_row():
    suspicion = Suspicion(2)
    ends = [("error", 1.0), ("done", 1.0), ("error", 1.0), ("error", 100.0), ("error", 1.0), ("lost", 0.0), ("error", 1.0)]
    told = [suspicion.note(outcome, seconds, "exit code 1") for outcome, seconds in ends]
    assert told[:-1] == [""] * 6 and told[-1].startswith("2 payloads in a row failed")
    assert all(Suspicion(0).note("error", 0.1, "") == "" for _ in range(100))


def test_an_empty_sandbox_is_used_again_and_a_used_one_is_not(tmp_path):
    boxes = Sandboxes(str(tmp_path / "t"))
    first = boxes.take()
    first.open_streams()
    boxes.give_back(first)
    assert boxes.take() == first
    with open(first.work + "/left", "w") as stream:
        stream.write("x")
    boxes.give_back(first)
    second = boxes.take()
    assert second != first and not os.path.exists(first.home)
    os.chmod(second.tmp, 0o777)
    boxes.give_back(second)
    assert boxes.take() != second


def test_a_kept_sandbox_has_the_tasks_name(tmp_path):
    boxes = Sandboxes(str(tmp_path / "t"))
    kept = boxes.give_back(boxes.take(), sandbox.folder_name("a:b", 2))
    assert kept == str(tmp_path / "t" / "a_b.2") and os.path.isdir(kept + "/work")


@pytest.mark.parametrize("script, words", [("#!/usr/bin/env python3\nx", ["/usr/bin/env", "python3"]), ("#! /bin/bash -e\r\nx", ["/bin/bash", "-e"]),
                                           ("echo x", ["sh"]), ("#!\n", ["sh"])])
def test_a_scripts_first_line_names_its_interpreter(script, words):
    assert sandbox.interpreter_of(script) == words


def test_the_tail_of_a_file_is_bounded_and_never_fails(tmp_path):
    (tmp_path / "f").write_bytes(b"a" * 10000 + b"\xff end")
    with open(str(tmp_path / "f"), "rb") as stream:
        assert len(sandbox.tail(stream.fileno())) == sandbox.TAIL_BYTES and sandbox.tail(stream.fileno()).endswith("\ufffd end")
    assert sandbox.tail(-1) == ""


def test_the_size_of_a_folder_follows_no_links(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"x" * 3 * 1048576)
    os.symlink("/", str(tmp_path / "d" / "root"))
    assert 2.9 < sandbox.size_mb(str(tmp_path)) < 4


def test_a_group_of_its_own_limits_a_payload(tmp_path):
    group = tmp_path / "pilot-p_t.1"
    confinement = Confinement(str(tmp_path))
    confinement.enter("p/t.1", 1234, 100)
    assert (group / "memory.max").read_text() == "104857600" and (group / "cgroup.procs").read_text() == "1234"
    (group / "memory.events").write_text("low 0\noom_kill 1\n")
    assert confinement.leave("p/t.1") is True and (group / "cgroup.kill").read_text() == "1"
    assert confinement.leave("p/t.1") is False
    Confinement(None).enter("x", 1, 1)


def test_oom_kills_are_counted():
    assert oom_kills("oom 1\noom_kill 2\n") == 2 and oom_kills("") == 0


@pytest.fixture
def loop():
    saved = {signum: signal.getsignal(signum) for signum in (signal.SIGCHLD, signal.SIGUSR1)}
    heard = []
    one = Loop([signal.SIGUSR1], heard.append, lambda: None)
    one.heard = heard
    yield one
    signal.set_wakeup_fd(-1)
    for signum, handler in saved.items():
        signal.signal(signum, handler)


def test_timers_come_in_order_and_can_be_taken_back(loop):
    told = []
    loop.after(0.02, lambda: told.append("late"))
    loop.after(0.0, lambda: told.append("soon"))
    loop.after(0.01, lambda: told.append("never")).cancel()
    loop.after(0.05, loop.stop)
    loop.run()
    assert told == ["soon", "late"]


def test_a_signal_wakes_the_loop(loop):
    loop.after(0, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    loop.after(0.1, loop.stop)
    loop.run()
    assert loop.heard == [signal.SIGUSR1]


def test_a_child_that_ends_is_told_with_what_it_used(loop):
    from pilot import process

    child = process.spawn(["bash", "-c", "exit 3"])
    told = []

    def dead(ended):
        child.returncode = ended.code
        told.append(ended)
        loop.stop()
    loop.watch_child(child.pid, lambda: told.append("dying"), dead)
    loop.run()
    assert told[0] == "dying" and isinstance(told[1], Exit) and told[1].code == 3


def test_a_reader_that_goes_is_noticed(loop):
    read, write = os.pipe()
    loop.watch_broken(write, loop.stop)
    loop.after(0.01, lambda: os.close(read))
    loop.run()
    os.close(write)


def test_a_regular_file_as_output_is_no_harm(loop, tmp_path):
    with open(str(tmp_path / "f"), "w") as stream:
        loop.watch_broken(stream.fileno(), loop.stop)


def test_exit_codes_are_those_of_subprocess():
    assert exit_code(3 << 8) == 3 and exit_code(9) == -9


def test_a_script_is_stored_executable(tmp_path):
    boxes = Sandboxes(str(tmp_path / "t"))
    words = boxes.take().argv({"script": "#!/bin/bash\necho x\n"})
    assert words[0] == "/bin/bash" and os.stat(words[1]).st_mode & stat.S_IXUSR


def test_a_warden_ends_what_was_seen_and_never_itself(tmp_path):
    from pilot.agent.warden import NOBODYS
    from tests.conftest import until

    seen = process.spawn(["sleep", "300"], env={"PATH": os.environ["PATH"]})
    nobodys = process.spawn(["sleep", "300"], env={"PATH": os.environ["PATH"]})
    stranger = process.spawn(["sleep", "300"], env={"PATH": os.environ["PATH"]})
    try:
        warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "no process bears this mark", 0.2)
        warden.began(999999999, 1)
        for group, child in ((999999999, seen), (NOBODYS, nobodys)):
            warden.saw(group, child.pid, process_tree.look_up(child.pid).started)
        warden.close()
        assert until(lambda: os.waitpid(warden.pid, os.WNOHANG))[1] == 0
        assert seen.wait(5) == nobodys.wait(5) == -signal.SIGKILL and stranger.poll() is None
    finally:
        for child in (seen, nobodys, stranger):
            child.kill()
            child.wait()


@pytest.mark.parametrize("late, cpu_s, owed", [(100.0, 0.5, 100.0), (100.0, 60.0, 0.0), (2.0, 0.0, 0.0)], ids=["suspended", "a busy machine", "a little late"])
def test_only_a_gap_without_cpu_time_is_a_suspension(monkeypatch, late, cpu_s, owed):
    clock, used = [1000.0], [process_tree.Usage(1, 5.0, 1.0)]
    monkeypatch.setattr(watch.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(watch.process_tree, "total", lambda tree: used[0])
    seen = watch.Watch(limits.of({}))
    seen.begin()
    clock[0] += 1
    assert seen.asleep_now([]) == 0
    clock[0] += watch.SAMPLE_S + late
    used[0] = process_tree.Usage(1, 5.0 + cpu_s, 1.0)
    assert seen.asleep_now([]) == pytest.approx(owed) and seen.asleep_now([]) == 0


@pytest.mark.parametrize("name, text", [("memory.events", "low 0\noom 3\noom_kill %d\n"), ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill %d\n")])
def test_a_slot_that_ran_out_of_memory_is_known_by_its_groups_counter(tmp_path, monkeypatch, name, text):
    (tmp_path / name).write_text(text % 2)
    kind = "" if name == "memory.events" else "memory"
    monkeypatch.setattr("pilot.agent.confine.cgroup.own_directories", lambda: {kind: [str(tmp_path)]})
    slot = Confinement(None)
    assert not slot.slot_ran_out_of_memory()
    (tmp_path / name).write_text(text % 3)
    assert slot.slot_ran_out_of_memory() and not slot.slot_ran_out_of_memory()


@pytest.mark.parametrize("cores, memory_mb, slots, wanted", [(2, 4000, 3, 1960), (4, 4000, 3, 3920), (1, 300, 3, 67), (1, None, 3, None)])
def test_what_asks_for_no_memory_has_its_cores_share(cores, memory_mb, slots, wanted):
    assert limits.of({"cores": cores}, CONFIG._replace(memory_mb=memory_mb, slots=slots)).memory_mb == wanted
    assert limits.of({"cores": cores, "memory_mb": 7}, CONFIG).memory_mb == 7


def test_a_look_comes_sooner_the_faster_something_grows():
    allowed = limits.of({"limits": {"memory_mb": 100, "disk_mb": 100}})
    before, now = limits.NOTHING._replace(memory_mb=10.0), limits.NOTHING._replace(memory_mb=20.0)
    assert limits.next_look_s(allowed, before, now, 1.0, 0.05, 1.0) == 1.0  # eight seconds are left
    assert limits.next_look_s(allowed, before, now, 0.1, 0.05, 1.0) == pytest.approx(0.4)
    assert limits.next_look_s(allowed, before, now._replace(memory_mb=99.0), 0.1, 0.05, 1.0) == 0.05
    assert limits.next_look_s(limits.of({}), before, now, 0.001, 0.05, 1.0) == 1.0


def test_the_first_failed_exchange_after_a_long_payload_gives_nothing_up():
    """How long a pool has not answered counts from its first failure, not from the last exchange before an hour's payload."""
    agent, waits = Agent.__new__(Agent), []
    agent.__dict__.update(_silent_since=0.0, _payloads={}, _stopping=False, _met=True, end=None, _ledger=[1], _failures=0, _soon=waits.append,
                          _slot=type("Slot", (), {"time_left_s": staticmethod(lambda: None)}), _loop=None)
    agent._busy(Busy("away"))
    assert waits == [0.2] and agent.end is None


def test_a_new_warden_hears_all_that_matters_however_much_there_was(tmp_path):
    victim = process.spawn(["sleep", "60"], env={"PATH": os.environ["PATH"]})
    warden = Warden([sys.executable, "-m", "pilot.agent.warden"], "nobody bears this mark", 0.2)
    try:
        warden.began(victim.pid, 1)
        warden.until(victim.pid, boot_s() + 60)
        for pid in range(4000000, 4010000):  # children that came and went
            warden.saw(victim.pid, pid, 1)
        os.kill(warden.pid, signal.SIGKILL)
        os.waitpid(warden.pid, 0)
        warden.replace()
        warden.until(victim.pid, boot_s() + 0.2)
        assert victim.wait(timeout=60) == -signal.SIGKILL
    finally:
        warden.close()
        os.waitpid(warden.pid, 0)
        victim.kill()
        victim.wait()


def test_what_a_killed_life_left_is_no_fault_of_the_node(tmp_path):
    first = Sandboxes(str(tmp_path / "t")).take()
    with open(first.work + "/left", "w"):
        pass
    second = Sandboxes(str(tmp_path / "t")).take()
    assert second.home != first.home and os.listdir(second.work) == [] and not os.path.exists(first.home)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be a user who may not write everywhere")
def test_folders_that_may_not_be_written_are_removed_too(tmp_path):
    place = tempfile.mkdtemp(prefix="rm-", dir="/tmp")
    os.chmod(place, 0o777)
    child = os.fork()
    if child == 0:
        try:
            os.setuid(54321)
            os.makedirs(place + "/home/work/a/b/c")
            open(place + "/home/work/a/b/c/f", "w").close()
            for name in ("/home/work/a/b/c", "/home/work/a/b", "/home/work/a"):
                os.chmod(place + name, 0o555)
            remove_tree(place + "/home")
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0 and os.listdir(place) == []
    os.rmdir(place)
