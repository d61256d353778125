"""user-data executed by the real cloud-init of two Debian releases, in throw-away machines without
a network."""

import json
import os
import re
import subprocess
import tempfile
import time

import pytest

from tests.real.conftest import PYTHON, ROOT, SYSTEMS, build, need

ROOTFS = "/var/tmp/pilot-real-cloud-%s"  # made once, kept between runs
URL = "http://127.0.0.1:8081/pilot.pyz"
SERVER = """import http.server, os, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_PUT(self):
        os.makedirs(os.path.dirname("/srv" + self.path), exist_ok=True)
        with open("/srv" + self.path, "wb") as stream:
            stream.write(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", 8081), Handler).serve_forever()
"""
PRE = (
    "printf '#!/bin/sh\\ntouch /tmp/poweroff\\n' >/usr/local/sbin/poweroff; chmod 755 /usr/local/sbin/poweroff; "
    "cd /srv && exec python3 server.py >/dev/null 2>&1"
)
END = "i=0; while [ ! -e %s ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done; "
TELL = (
    "echo '<<<ended'; cat /var/lib/pilot/ended 2>/dev/null; echo '<<<report'; cat /var/lib/pilot/work/pilot-report.json 2>/dev/null; echo '<<<result'; "
    "cat /run/cloud-init/result.json; echo '<<<owner'; stat -c %U /var/lib/pilot/work/pilot-report.json 2>/dev/null; echo '<<<off'; ls /tmp/poweroff 2>/dev/null; "
    "echo '<<<out'; cat /var/lib/pilot/out 2>/dev/null; echo '<<<'"
)


@pytest.fixture(params=["bookworm", "trixie"])
def suite(request):
    need("mmdebstrap", "unshare")
    if not os.path.isdir(ROOTFS % request.param):
        with tempfile.TemporaryDirectory() as seed:
            for name, text in (("user-data", "#!/bin/sh\n"), ("meta-data", "instance-id: i-0\n")):
                with open(os.path.join(seed, name), "w") as stream:
                    stream.write(text)
            build(
                "run-cloud-init.sh",
                ROOTFS % request.param,
                seed,
                env=dict(os.environ, SUITE=request.param),
            )
    return request.param


def ship(folder, *words):
    return subprocess.run(
        [PYTHON, "-m", "pilot.ship", "cloud-init", "-o", str(folder)] + list(words),
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


# systemd's transient units, as far as a stage 0 uses them: options, an environment of nothing else,
# its own session, back at once
SYSTEMD_RUN = """#!/bin/sh
set --  "$@" END
while [ "$1" != END ]; do case $1 in -q) ;; --unit=*) unit=${1#--unit=} ;; --setenv=*) vars="$vars ${1#--setenv=}" ;; *) break ;; esac; shift; done
echo "$unit $*" >/tmp/systemd-run
n=$#; for word; do n=$((n-1)); [ $n = 0 ] || set -- "$@" "$word"; shift; done
env -i PATH=/usr/bin:/bin LANG=C.UTF-8 INVOCATION_ID=x $vars setsid "$@" >/dev/null 2>&1 </dev/null &
"""


def boot(suite, folder, wait_for="/tmp/poweroff", post="", pre=""):
    """Boot a machine on folder/user-data; what it told, by mark."""
    (folder / "meta-data").write_text("instance-id: i-0042\n")
    srv = folder / "srv"
    srv.mkdir(exist_ok=True)
    (srv / "server.py").write_text(SERVER)
    if (folder / "pilot.pyz").exists():
        (srv / "pilot.pyz").write_bytes((folder / "pilot.pyz").read_bytes())
    environ = dict(os.environ, SUITE=suite, PRE=pre + PRE, POST=END % wait_for + post + TELL)
    done = subprocess.run(
        [str(SYSTEMS / "run-cloud-init.sh"), ROOTFS % suite, str(folder)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=400,
    )
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0 and "<<<ended" in text, text[-3000:]
    parts = dict(part.partition("\n")[::2] for part in text.split("<<<") if part)
    parts["all"] = text
    return parts


@pytest.mark.parametrize("form", ["script", "gzip", "mime", "crlf"])
def test_stage_0_fetches_and_runs_the_pilot_as_a_plain_user(suite, tmp_path, form):
    words = [
        "--cloud",
        "ec2",
        "--url",
        "http://127.0.0.1:1/dead",
        "--url",
        URL,
        "--format",
        "script" if form == "crlf" else form,
        "--",
        "-X",
        "CheckWorkerNode",
        "--site",
        "it's me",
    ]
    assert ship(tmp_path, *words).returncode == 0
    if form == "crlf":
        (tmp_path / "user-data").write_bytes(
            (tmp_path / "user-data").read_bytes().replace(b"\n", b"\r\n")
        )
    told = boot(suite, tmp_path)
    assert told["ended"].strip() == "exit code 0", told["all"][-3000:]
    report = json.loads(told["report"])
    assert report["pilot"] == "vm-i-0042"
    assert report["exit_code"] == 0
    assert report["settings"]["site"]["value"] == "it's me"
    assert (
        report["facts"]["WorkerNode"]["batch"]["system"] == "cloud"
        and report["facts"]["WorkerNode"]["batch"]["job_id"] == "i-0042"
    )
    assert told["owner"].strip() == "pilot" and told["off"].strip() == "/tmp/poweroff"
    assert json.loads(told["result"])["v1"]["errors"] == []


def test_a_file_that_is_not_the_right_one_is_never_run(suite, tmp_path, monkeypatch):
    assert (
        ship(tmp_path, "--cloud", "ec2", "--url", URL, "--", "-X", "CheckWorkerNode").returncode
        == 0
    )
    (tmp_path / "pilot.pyz").write_bytes(b"#!/bin/sh\ntouch /tmp/evil\n")
    text = (
        (tmp_path / "user-data")
        .read_text()
        .replace("-lt 60 ]", "-lt 2 ]")
        .replace("sleep 10", "sleep 1")
    )
    (tmp_path / "user-data").write_text(text)
    told = boot(suite, tmp_path, "/run/cloud-init/result.json")
    assert told["ended"].strip() == "" and told["report"].strip() == ""
    assert (
        "pilot: no URL gave the file with sha256" in told["all"]
        and "scripts-user" in told["result"]
    )
    assert told["off"].strip() == "/tmp/poweroff"  # a machine that cannot work costs nothing


def test_a_reboot_does_not_run_it_twice(suite, tmp_path):
    assert (
        ship(tmp_path, "--cloud", "ec2", "--url", URL, "--", "-X", "CheckWorkerNode").returncode
        == 0
    )
    again = "cloud-init single --name scripts-user --frequency always >/dev/null 2>&1; sleep 2; "
    told = boot(suite, tmp_path, post=again)
    assert told["ended"].split("\n")[:-1] == ["exit code 0"]


def test_the_whole_pilot_is_user_data_where_it_fits(suite, tmp_path):
    assert ship(tmp_path, "--", "-X", "CheckWorkerNode").returncode == 0
    told = boot(suite, tmp_path)
    assert (
        json.loads(told["report"])["exit_code"] == 0
        and json.loads(told["result"])["v1"]["errors"] == []
    )
    assert told["owner"].strip() == "pilot" and told["off"].strip() == "/tmp/poweroff"


def test_a_long_pilot_does_not_hold_the_boot(suite, tmp_path):
    """cloud-init's final stage is a oneshot unit: phone_home, and all that waits for it, come after
    the user's scripts."""
    assert (
        ship(
            tmp_path, "--", "-X", "CheckWorkerNode,LaunchAgent", "--execute", "sleep 30"
        ).returncode
        == 0
    )
    working = "i=0; until pgrep -u pilot -x sleep >/dev/null || [ $i -ge 200 ]; do sleep 0.1; i=$((i+1)); done; echo '<<<working'; pgrep -u pilot -x sleep; "
    told = boot(suite, tmp_path, "/run/cloud-init/result.json", post=working)
    assert told["working"].strip().isdigit(), told["all"][-3000:]
    assert told["ended"].strip() == "", told["all"][-3000:]
    assert told["off"].strip() == "", told["all"][-3000:]
    assert json.loads(told["result"])["v1"]["errors"] == []


def test_a_vac_machine_reads_its_features_and_leaves_its_message(suite, tmp_path):
    done = subprocess.run(
        [
            PYTHON,
            "-m",
            "pilot.ship",
            "vac",
            "-o",
            str(tmp_path),
            "--url",
            URL,
            "--",
            "-X",
            "CheckWorkerNode,LaunchAgent",
            "--execute",
            "true",
        ],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    base = "http://127.0.0.1:8081/"
    filled = {
        "uuid": "11d5b0f2-aaaa",
        "machinefeatures_url": base + "mf",
        "jobfeatures_url": base + "jf",
        "joboutputs_url": base + "jo",
        "space": "vac01.example.org",
    }
    text = (tmp_path / "user_data").read_text()
    for key, value in filled.items():
        text = text.replace("##user_data_%s##" % key, value)
    # what the manager does with what it does not know
    text = re.sub("##user_data_[a-z,0-9,_]*##", "", text)
    (tmp_path / "user-data").write_text(text)
    for folder, key, value in (
        ("mf", "total_cpu", "8\n"),
        ("jf", "allocated_cpu", "1\n"),
        ("jf", "shutdowntime_job", str(int(time.time()) + 5000)),
    ):
        (tmp_path / "srv" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "srv" / folder / key).write_text(value)
    told = boot(
        suite,
        tmp_path,
        post="echo '<<<message'; cat /srv/jo/shutdown_message; echo; echo '<<<beat'; cat /srv/jo/heartbeat; ",
    )
    report = json.loads(told["report"])
    assert report["pilot"] == "vm-11d5b0f2-aaaa" and report["exit_code"] == 0, told["all"][-2000:]
    assert report["settings"]["site"]["value"] == "vac01.example.org"
    assert {"source": "JOBFEATURES/allocated_cpu", "value": 1} in report["facts"]["WorkerNode"][
        "core_sources"
    ] and report["facts"]["WorkerNode"]["cores"] == 1
    assert told["message"].startswith("200 ") and len(told["beat"].split()) == 5


def test_where_there_is_systemd_the_pilot_is_a_unit_of_its_own(suite, tmp_path):
    """The machine has no systemd that runs: a stand-in of ours takes systemd-run's place, after its
    manual."""
    assert ship(tmp_path, "--url", URL, "--", "-X", "CheckWorkerNode").returncode == 0
    pre = (
        "mkdir -p /run/systemd/system; printf '%%s' '%s' >/usr/local/sbin/systemd-run; chmod 755 /usr/local/sbin/systemd-run; "
        % SYSTEMD_RUN.replace("'", "'\\''")
    )
    told = boot(suite, tmp_path, pre=pre, post="echo '<<<unit'; cat /tmp/systemd-run; ")
    assert told["ended"].strip() == "exit code 0", told["all"][-3000:]
    assert told["unit"].startswith("pilot /bin/sh /var/lib/pilot/run vm-i-0042")
    assert json.loads(told["report"])["pilot"] == "vm-i-0042"
    assert told["owner"].strip() == "pilot"
