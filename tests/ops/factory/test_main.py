"""The verbs, as an operator uses them: local processes, a pool in a file, a real daemon."""

import json
import os
import signal
import subprocess
import sys

import pytest

from pilot.ops.factory import daemon as daemon_module
from pilot.ops.factory.__main__ import main
from pilot.ops.server import tokens
from pilot.pool import open_pool
from tests.conftest import ROOT, until
from tests.pool.conftest import Within

TOOL = [sys.executable, "-m", "pilot.factory"]
FARM = """\
# our farm
[factory]
pool = sqlite:pool.sqlite
cycle_s = 0.2

[site home]   # this machine
backend = local
max_running = 2
max_pending = 2
policy = demand
idle_s = 0
commands = CheckWorkerNode,LaunchAgent
"""


@pytest.fixture
def farm(tmp_path):
    """A farm with a pool; `farm(text)` writes another file. What still runs is ended."""
    path = tmp_path / "farm.ini"

    def write(text=FARM):
        path.write_text(text)
        return str(path)

    write()
    write.folder, write.file = tmp_path, str(path)
    add_tasks(tmp_path, 3)
    yield write
    if os.path.exists(str(path)) and main(["check", str(path)]) == 0:
        main(["pause", str(path)])
        main(["cancel", str(path), "--yes"])
        until(lambda: main(["once", str(path)]) == 0 and not live(str(path)), what="the end")


def add_tasks(folder, count, script="exec true", name="t"):
    lines = [json.dumps({"id": "%s%d" % (name, number), "script": script}) for number in range(count)]
    (folder / "tasks.jsonl").write_text("\n".join(lines) + "\n")
    words = ["add", "sqlite:%s/pool.sqlite" % folder, str(folder / "tasks.jsonl")]
    subprocess.check_call(
        [sys.executable, "-m", "pilot.pool"] + words, cwd=str(ROOT), stdout=subprocess.DEVNULL
    )


def shown(*words):
    """What a verb prints as JSON."""
    return json.loads(subprocess.check_output(TOOL + list(words) + ["--json"], cwd=str(ROOT)).decode())


def site(file):
    return shown("status", file)["sites"][0]


def live(file):
    one = site(file)
    return one["pending"] + one["running"] + one["held"]


@pytest.fixture
def daemon(farm):
    """`run` in a process of its own."""
    child = subprocess.Popen(
        TOOL + ["run", farm.file], cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    until(lambda: shown("status", farm.file)["running"] == child.pid, what="the daemon")
    yield child
    if child.poll() is None:
        child.kill()
    child.wait()
    child.stdout.close()


def tasks(folder):
    text = subprocess.check_output(
        [sys.executable, "-m", "pilot.pool", "status", "sqlite:%s/pool.sqlite" % folder, "--json"],
        cwd=str(ROOT),
    )
    return json.loads(text.decode())


def test_work_is_done_and_pilots_go(farm, daemon):
    until(lambda: tasks(farm.folder)["done"] == 3, 60, "the tasks")
    until(lambda: site(farm.file)["ended_well"] == 2 and not live(farm.file), 60, "the pilots' end")
    assert main(["stop", farm.file]) == 0
    assert daemon.wait(30) == 0
    assert b"stopped; the pilots go on" in daemon.stdout.read()


def test_with_a_server_each_pilot_has_a_token_of_its_own(tmp_path):
    keys = str(tmp_path / "tokens")
    token = tokens.add_token(keys, "factory", "f")
    admin = tokens.add_token(keys, "admin", "a")
    (tmp_path / "token").write_text(token)
    served = Within(tmp_path / "served.sqlite", tokens.read_keyring(keys))
    text = FARM.replace("pool = sqlite:pool.sqlite", "pool = %s\ntoken_file = token" % served.url)
    (tmp_path / "farm.ini").write_text(text)
    file = str(tmp_path / "farm.ini")
    try:
        with open_pool(served.url, environ={"PILOT_POOL_TOKEN": admin}) as pool:
            pool.add([{"id": "t%d" % number, "script": "exec true"} for number in range(5)])
            until(lambda: main(["once", file]) == 0 and pool.status()["done"] == 5, 60)
            pilots = {pool.show("t%d" % number)["attempts"][0]["pilot"] for number in range(5)}
        until(lambda: main(["once", file]) == 0 and not live(file), 60)
        assert all(len(pilot.split("-")[0]) == 12 for pilot in pilots)
        assert site(file)["ended_badly"] == 0
        left = [path.name for path in (tmp_path / "farm.ini.book").rglob("token")]
        assert left == []
    finally:
        served.close()


def test_pilots_outlive_the_daemon_and_are_known_to_the_next(farm, daemon):
    # a pilot may hold two tasks, but it runs one
    add_tasks(farm.folder, 2, "touch %s/up-$PILOT_TASK_ID; sleep 300" % farm.folder, "long")
    until(lambda: len(list(farm.folder.glob("up-*"))) == 2, 60, "two payloads")
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait()
    assert main(["once", farm.file]) == 0
    assert site(farm.file)["running"] == 2


def test_a_changed_file_is_taken_over_and_a_wrong_one_is_not(farm, daemon):
    farm(FARM.replace("max_running = 2", "max_runing = 9"))
    until(lambda: tasks(farm.folder)["done"] == 3, 60, "the tasks, by the old file")
    farm(FARM.replace("[site home]", "[site other]"))
    until(
        lambda: [one["last"] for one in shown("explain", farm.file, "other")], 60, "the new site"
    )
    main(["stop", farm.file])
    out = daemon.stdout.read().decode()
    assert "the changed file is not used" in out and "max_runing" in out
    assert "was read again: 1 sites" in out


def test_once_does_nothing_while_the_daemon_runs(farm, daemon, capsys):
    assert main(["once", farm.file]) == 0
    assert "process %d runs this factory" % daemon.pid in capsys.readouterr().out


def test_a_second_daemon_is_refused(farm, daemon, capsys):
    assert main(["run", farm.file]) == 2
    assert "process %d runs this factory" % daemon.pid in capsys.readouterr().err


def test_looking_never_keeps_a_factory_from_starting(farm):
    """`status` reads the lock again and again while `once` takes it."""
    looking = subprocess.Popen(
        [sys.executable, "-c",
         "import sys; from pilot.ops.factory.daemon import read_lock\n"
         "print('up', flush=True)\nwhile True: read_lock(sys.argv[1])", farm.file + ".book"],
        cwd=str(ROOT), stdout=subprocess.PIPE,
    )
    try:
        looking.stdout.readline()
        for _ in range(20):
            with daemon_module.locked(farm.file + ".book"):
                assert daemon_module.read_lock(farm.file + ".book") == os.getpid()
            assert daemon_module.read_lock(farm.file + ".book") is None
    finally:
        looking.kill()
        looking.wait()
        looking.stdout.close()


def test_a_book_of_another_machine_is_refused(farm, capsys):
    main(["once", farm.file])
    (farm.folder / "farm.ini.book" / "machine").write_text("another")
    assert main(["once", farm.file]) == 2
    assert "this book is of another machine" in capsys.readouterr().err
    (farm.folder / "farm.ini.book" / "machine").unlink()
    assert main(["once", farm.file]) == 0


def test_a_submit_command_that_hangs_does_not_hold_up_the_end(programs, farm):
    """It may have submitted: it is looked for, and not repeated."""
    programs.make("squeue", "")
    programs.make("sacct", "")
    started = farm.folder / "started"
    programs.make("sbatch", "touch %s; exec sleep 600" % started)
    farm(FARM.replace("backend = local", "backend = slurm"))
    child = subprocess.Popen(
        TOOL + ["run", farm.file], cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        until(started.exists, what="sbatch")
        child.terminate()
        said = child.communicate(timeout=60)[0].decode()
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 0, said
    assert "may have happened: sbatch: the factory ends" in said
    assert "stopped; the pilots go on" in said
    programs.make("sbatch", "touch %s-again; echo 17" % started)
    assert main(["once", farm.file]) == 0
    assert not (farm.folder / "started-again").exists()


def test_pause_resume_and_drain(farm, capsys):
    assert main(["pause", farm.file, "home"]) == 0
    main(["once", farm.file])
    assert (site(farm.file)["state"], live(farm.file)) == ("paused", 0)
    assert main(["resume", farm.file]) == 0
    main(["once", farm.file])
    assert live(farm.file) == 2
    assert main(["drain", farm.file]) == 0
    assert site(farm.file)["state"] == "draining"


def test_an_unknown_site_is_told_with_the_nearest(farm, capsys):
    assert main(["pause", farm.file, "hme"]) == 2
    assert "there is no site or group 'hme' (did you mean home?)" in capsys.readouterr().err


def test_more_than_twenty_running_pilots_need_a_yes(farm, capsys):
    farm(FARM.replace("max_running = 2", "max_running = 21\nmax_per_cycle = 21").replace(
        "max_pending = 2", "max_pending = 21"))
    add_tasks(farm.folder, 30, "sleep 300", "long")
    main(["once", farm.file])
    until(lambda: main(["once", farm.file]) == 0 and site(farm.file)["running"] == 21, 60)
    assert main(["cancel", farm.file]) == 2
    assert "this would end 21 running pilots: give --yes" in capsys.readouterr().err
    assert main(["cancel", farm.file, "--older", "1h"]) == 0
    assert live(farm.file) == 21
    assert main(["cancel", farm.file, "--yes"]) == 0


def test_what_a_pilot_wrote_is_shown(farm, capsys):
    farm(FARM + "pilot_options = --min-cores 9999\n")
    main(["once", farm.file])
    until(lambda: main(["once", farm.file]) == 0 and site(farm.file)["ended_badly"] >= 2, 60)
    from pilot.ops.factory.book import Book

    book = Book(str(farm.folder / "farm.ini.book"))
    pilot = book.ended_pilots("home", 1000)[0]
    book.close()
    assert pilot.exit_code == 10
    capsys.readouterr()
    assert main(["outputs", farm.file, pilot.pilot]) == 0
    assert "9999 needed (--min-cores)" in capsys.readouterr().out
    assert main(["outputs", farm.file, "nobody"]) == 2


def test_status_shows_why_pilots_fail_and_what_no_site_can_run(farm, capsys):
    farm(FARM + "pilot_options = --need-programs no-such-program-here\n")
    add_tasks(farm.folder, 1, name="big")
    with open_pool("sqlite:%s/pool.sqlite" % farm.folder) as pool:
        pool.add([{"id": "huge", "script": "true", "cores": 64}])
    until(lambda: main(["once", farm.file]) == 0 and site(farm.file)["ended_badly"], 60)
    (failure,) = site(farm.file)["failures"]
    assert failure["reason"].startswith("exit code 10: CheckWorkerNode: ")
    assert "no-such-program-here" in failure["reason"]
    capsys.readouterr()
    assert main(["status", farm.file]) == 0
    said = capsys.readouterr().out
    assert "pilots ended with exit code 10: CheckWorkerNode: " in said
    assert failure["example"] in said
    assert "1 tasks need 64 cores, the largest site offers " in said


def test_waste_shows_what_slots_were_used_for(farm, capsys):
    until(lambda: main(["once", farm.file]) == 0 and tasks(farm.folder)["done"] == 3, 60)
    until(lambda: main(["once", farm.file]) == 0 and not live(farm.file), 60)
    (row,) = shown("waste", farm.file)
    assert (row["site"], row["pilots"]) == ("home", site(farm.file)["ended_well"])
    assert row["allocated_h"] == pytest.approx(
        sum(row[name + "_h"] for name in ("setup", "well", "failed", "idle", "after_last", "unreported")),
        abs=0.001,
    )
    assert row["unreported_h"] == 0.0
    capsys.readouterr()
    assert main(["waste", farm.file, "--csv"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.startswith("day,site,pilots,asked_h,queue_h,allocated_h,")
    assert line.split(",")[1] == "home"
    assert main(["waste", farm.file]) == 0
    assert "efficiency" in capsys.readouterr().out
    assert main(["waste", farm.file, "--days", "x"]) == 2


def test_a_wrong_configuration_stops_the_site_until_it_is_resumed(farm, capsys):
    farm(FARM.replace("CheckWorkerNode,LaunchAgent", "LaunchAgent"))
    main(["once", farm.file])
    until(lambda: main(["once", farm.file]) == 0 and site(farm.file)["state"] == "stopped", 60)
    words = "ended with exit code 2: LaunchAgent needs WorkerNode: put CheckWorkerNode before it"
    assert words in site(farm.file)["decision"]
    farm()
    main(["once", farm.file])
    assert live(farm.file) == 0
    assert main(["resume", farm.file]) == 0
    main(["once", farm.file])
    assert live(farm.file) == 2


def test_a_dry_run_shows_the_decision_and_submits_nothing(farm, capsys):
    assert main(["dry-run", farm.file]) == 0
    out = capsys.readouterr().out
    assert "-> submit 2" in out and "processes of this machine" in out
    assert live(farm.file) == 0


def test_add_makes_the_file_and_extends_it(tmp_path, capsys):
    add_tasks(tmp_path, 1)
    file = str(tmp_path / "new.ini")
    assert main(["add", file, "local", "--pool", "sqlite:%s/pool.sqlite" % tmp_path]) == 0
    assert "-> wait" in capsys.readouterr().out
    with open(file, "a") as stream:
        stream.write("# a comment that stays\n")
    assert main(["add", file, "local", "--site", "two", "--max-running", "3", "--", "-x", "a b"]) == 0
    with open(file) as stream:
        text = stream.read()
    assert text == (
        "[factory]\npool = sqlite:%s/pool.sqlite\n\n[site local]\nbackend = local\n"
        "# a comment that stays\n\n[site two]\nbackend = local\nmax_running = 3\noptions = -x 'a b'\n"
        % tmp_path
    )
    assert main(["remove", file, "local"]) == 0
    assert shown("check", file) == {"sites": ["two"]}


@pytest.mark.parametrize(
    "words, told",
    [
        (["local", "--cores", "9999"], "this machine has"),
        (["local", "--site", "home"], "has a site home already"),
        (["lokal"], "'lokal' is no backend (did you mean local?)"),
        (["local", "--max-running", "many"], "max_running"),
    ],
)
def test_add_refuses_what_cannot_work_and_writes_nothing(farm, capsys, words, told):
    assert main(["add", farm.file] + words) == 2
    assert told in capsys.readouterr().err
    with open(farm.file) as stream:
        assert stream.read() == FARM


def test_without_a_dry_run_it_says_so(farm, capsys):
    assert main(["add", farm.file, "local", "--site", "x", "--cores", "9999", "--no-dry-run"]) == 0
    assert "not asked whether it takes such a pilot (--no-dry-run)" in capsys.readouterr().out


def test_a_site_with_pilots_stays_until_they_have_ended(farm, capsys):
    add_tasks(farm.folder, 2, "sleep 300", "long")
    main(["once", farm.file])
    until(lambda: main(["once", farm.file]) == 0 and site(farm.file)["running"] == 2, 60)
    farm(FARM + "\n[site second]\nbackend = local\nmode = offline\n")
    assert main(["remove", farm.file, "home"]) == 0
    assert "2 pilots have not ended" in capsys.readouterr().out
    assert shown("check", farm.file)["sites"] == ["home", "second"]
    farm()


@pytest.mark.parametrize("words", [[], ["nonsense"], ["status"], ["check", "/no/file"], ["check", "x", "--", "y"]])
def test_mistakes_are_exit_code_2_without_a_traceback(words, capsys):
    assert main(words) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["add", "remove", "check", "dry-run", "run", "once", "status",
                                  "explain", "pause", "resume", "drain", "cancel", "stop", "outputs"])
def test_every_verb_has_a_help(verb, capsys):
    assert main([verb, "--help"]) == 0
    assert "FILE" in capsys.readouterr().out
