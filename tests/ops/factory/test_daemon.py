"""The daemon with local processes and a pool in a file."""

import os
import signal
import subprocess
import sys

from pilot.ops.factory import daemon as daemon_module
from pilot.ops.factory.__main__ import main
from pilot.ops.server import tokens
from pilot.pool import open_pool
from tests.conftest import ROOT, until
from tests.ops.factory.farming import FARM, TOOL, add_tasks, live, shown, site, tasks
from tests.pool.conftest import Within


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
