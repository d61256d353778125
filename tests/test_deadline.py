"""One deadline bounds the whole pilot: whatever tells the slot's end, whatever runs, all of it is
over in time."""

import calendar
import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.conftest import ROOT, until

SLOT_S = 12  # long enough for a pilot to begin, and a child to end, on a busy machine


class Features:
    """A web server of Machine/Job Features."""

    def __init__(self):
        self.values = {}
        values = self.values

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                found = values.get(self.path)
                self.send_response(200 if found else 404)
                self.end_headers()
                self.wfile.write((found or "").encode())

            def log_message(self, *words):
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/mf" % self.http.server_port
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def slot(tmp_path, programs):
    """Makes this slot end at a moment that `source` tells: (variables, words of the command
    line)."""
    servers = []

    def ends(source, moment):
        left = moment - time.time()
        if source == "--max-walltime":
            return {}, ["--max-walltime", "%.1f" % left]
        if source == "MJF path":
            (tmp_path / "mf").mkdir()
            (tmp_path / "mf" / "shutdowntime").write_text("%d" % moment)
            return {"MACHINEFEATURES": str(tmp_path / "mf")}, []
        if source == "MJF URL":
            servers.append(Features())
            servers[0].values["/mf/shutdowntime"] = "%d" % moment
            return {"MACHINEFEATURES": servers[0].url}, []
        if source == "Slurm":
            return {"SLURM_JOB_ID": "7", "SLURM_JOB_END_TIME": "%d" % moment}, []
        if source == "squeue":
            # when it is asked: a busy machine may start the pilot late
            programs.make("squeue", "printf '0:%%02d\\n' $((%d - $(date +%%s)))" % moment)
            return {"SLURM_JOB_ID": "7"}, []
        if source == "HTCondor":
            (tmp_path / "job.ad").write_text(
                "ClusterId = 1\nProcId = 0\nJobCurrentStartDate = %d\nAllowedJobDuration = 100\n"
                % (moment - 100)
            )
            return {"_CONDOR_JOB_AD": str(tmp_path / "job.ad")}, []
        if source == "BOINC":
            (tmp_path / "init_data.xml").write_text(
                "<app_init_data>\n<result_name>r1</result_name>\n<computation_deadline>%d</computation_deadline>\n</app_init_data>\n"
                % moment
            )
            return {}, []
        assert source == "SGE"
        began = time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(moment - 100))
        programs.make(
            "qstat", "echo 'hard resource_list:  h_rt=100'; echo 'start_time 1: %s'" % began
        )
        return {"JOB_ID": "5", "SGE_ROOT": "/sge", "SGE_TASK_ID": "undefined"}, []

    yield ends
    for server in servers:
        server.close()


LONG = "#!/bin/sh\nsleep 300\n"
STUBBORN = "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n"
SOURCES = ("--max-walltime", "MJF path", "MJF URL", "Slurm", "squeue", "HTCondor", "SGE", "BOINC")
# what a pilot starts of its own Python (the look at CVMFS, the benchmark) hangs, as on a node whose
# disk does; the pilot itself runs
SICK_PYTHON = """#!/bin/bash
case "$1" in -S) exec sleep 300;; esac
exec -a "$0" %s "$@"
"""


@pytest.fixture
def silent_server():
    """The URL of a server that takes connections and never answers."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    yield "http://127.0.0.1:%d/" % listener.getsockname()[1]
    listener.close()


def make_sick_python(folder):
    (folder / "python").write_text(SICK_PYTHON % os.path.realpath(sys.executable))
    (folder / "python").chmod(0o755)
    return str(folder / "python")


def words_of(what, tmp_path):
    """The command line of a pilot that would run far beyond its slot."""
    for name, text in (("probe", LONG), ("agent", STUBBORN), ("install.sh", LONG)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "tasks.jsonl").write_text(
        json.dumps({"id": "a", "script": "sleep 300", "max_attempts": 1}) + "\n"
    )
    return {
        "RunProbes": ["-X", "CheckWorkerNode,RunProbes", "--probes", str(tmp_path / "probe")],
        "Install": [
            "-X",
            "CheckWorkerNode,Install",
            "--install",
            "installer:%s" % (tmp_path / "install.sh"),
        ],
        "--execute": ["-X", "CheckWorkerNode,LaunchAgent", "--execute", str(tmp_path / "agent")],
        "the built-in agent": [
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--tasks",
            str(tmp_path / "tasks.jsonl"),
            "--min-task-s",
            "1",
        ],
        "a hold": ["-X", "CheckWorkerNode", "--min-cores", "9999", "--hold-s", "300-400"],
        "CheckWorkerNode": [
            "-X",
            "CheckWorkerNode",
            "--cvmfs-repositories",
            "sick",
            "--cvmfs-timeout-s",
            "250",
        ],
        "CPUNormalization": ["-X", "CheckWorkerNode,CPUNormalization", "--cpu-cache", "off"],
        "Configure": ["-X", "CheckWorkerNode,Configure", "--agent-config", str(tmp_path / "fifo")],
        "RegisterPilot": ["-X", "CheckWorkerNode,RegisterPilot", "--register-url"],
    }[what]


@pytest.mark.slow
@pytest.mark.parametrize(
    "what",
    [
        "CheckWorkerNode",
        "RunProbes",
        "Install",
        "Configure",
        "CPUNormalization",
        "RegisterPilot",
        "--execute",
        "the built-in agent",
        "a hold",
    ],
)
@pytest.mark.parametrize("source", SOURCES)
def test_all_is_over_in_time(pilot, slot, silent_server, tmp_path, source, what):
    words, jobs = words_of(what, tmp_path), tmp_path / "jo"
    jobs.mkdir()
    if what == "RegisterPilot":
        words.append(silent_server)
    if what == "Configure":
        os.mkfifo(str(tmp_path / "fifo"))
    python = sys.executable
    if what in ("CheckWorkerNode", "CPUNormalization"):
        python = make_sick_python(tmp_path)
    moment = int(time.time()) + SLOT_S
    variables, more = slot(source, moment)
    ended = pilot(
        *words,
        *more,
        entry=[python, str(ROOT / "pilot.py")],
        env=dict(os.environ, JOBOUTPUTS=str(jobs), **variables),
    )
    if source == "--max-walltime":  # counts from the pilot's start, which may be late
        started = ended.report["started"]
        began = calendar.timegm(time.strptime(started[:19], "%Y-%m-%dT%H:%M:%S"))
        moment = max(moment, began + float(started[19:-1]) + SLOT_S)
    assert time.time() < moment + 1.5, ended.err  # on a busy machine
    assert ended.code == (10 if what == "a hold" else 60), ended.err
    assert ended.report["exit_code"] == ended.code and (jobs / "shutdown_message").exists()
    if what not in ("a hold", "the built-in agent"):
        assert "the slot's end by" in ended.report["commands"][-1]["reason"]


def test_an_end_that_is_set_while_a_command_runs_counts(start_pilot, tmp_path):
    (tmp_path / "mf").mkdir()
    words = words_of("RunProbes", tmp_path)
    child = start_pilot(
        *words,
        "--workdir",
        str(tmp_path / "w"),
        env=dict(os.environ, MACHINEFEATURES=str(tmp_path / "mf")),
    )
    until(
        lambda: (tmp_path / "w" / "pilot.log").exists()
        and "ok after" in (tmp_path / "w" / "pilot.log").read_text()
    )
    (tmp_path / "mf" / "shutdowntime").write_text("%d" % (time.time() + 3))
    assert child.wait(timeout=60) == 60


def test_an_end_that_is_taken_back_ends_nothing(start_pilot, tmp_path):
    (tmp_path / "mf").mkdir()
    (tmp_path / "mf" / "shutdowntime").write_text("%d" % (time.time() + 7))
    (tmp_path / "probe").write_text(
        "#!/bin/sh\nwhile [ ! -e %s/on ]; do sleep 0.1; done\n" % tmp_path
    )
    (tmp_path / "probe").chmod(0o755)
    child = start_pilot(
        "-X",
        "RunProbes",
        "--probes",
        str(tmp_path / "probe"),
        "--workdir",
        str(tmp_path / "w"),
        env=dict(os.environ, MACHINEFEATURES=str(tmp_path / "mf")),
    )
    until((tmp_path / "w" / "pilot.log").exists)
    (tmp_path / "mf" / "shutdowntime").unlink()
    until(lambda: time.time() > (tmp_path / "probe").stat().st_mtime + 8)
    (tmp_path / "on").write_text("")
    assert child.wait(timeout=60) == 0


@pytest.mark.parametrize("how", ["a file", "SIGUSR1"])
def test_a_wish_to_drain_reaches_a_foreign_agent_in_mid_run(start_pilot, tmp_path, how):
    (tmp_path / "agent").write_text(
        "#!/bin/sh\ntrap 'echo asked; exit 0' USR1\ntouch %s/up\nwhile :; do sleep 0.1; done\n"
        % tmp_path
    )
    (tmp_path / "agent").chmod(0o755)
    child = start_pilot(
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--execute",
        str(tmp_path / "agent"),
        "--drain-files",
        str(tmp_path / "drain"),
        "--workdir",
        str(tmp_path / "w"),
    )
    until((tmp_path / "up").exists)
    if how == "a file":
        (tmp_path / "drain").write_text("")
    else:
        child.send_signal(signal.SIGUSR1)
    assert child.wait(timeout=60) == 0
    assert "asked" in (tmp_path / "w" / "pilot.log").read_text()


def test_the_smallest_of_all_sources_is_what_is_asked_for(pilot, slot, tmp_path):
    variables, _ = slot("MJF path", time.time() + 300)
    for more, words in (
        ({}, "MACHINEFEATURES/shutdowntime"),
        (
            {"SLURM_JOB_ID": "7", "SLURM_JOB_END_TIME": "%d" % (time.time() + 100)},
            "by Slurm (environment)",
        ),
    ):
        ended = pilot(
            "-X",
            "CheckWorkerNode",
            "--min-time-left-s",
            "3600",
            env=dict(os.environ, **dict(variables, **more)),
        )
        assert ended.code == 10 and words in ended.err
    assert (
        "by --max-walltime"
        in pilot(
            "-X",
            "CheckWorkerNode",
            "--min-time-left-s",
            "3600",
            "--max-walltime",
            "50",
            env=dict(os.environ, **variables),
        ).err
    )
