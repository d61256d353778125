"""A whole virtual machine with systemd: stage 0 by its own cloud-init, and the unit of `pilot.ship
systemd`."""

import json
import os
import subprocess
import sys
import threading
from http.server import HTTPServer, SimpleHTTPRequestHandler

import pytest

from tests.conftest import ROOT
from tests.real.conftest import SYSTEMS, build, need

ROOTFS = "/var/tmp/pilot-real-vm-bookworm"  # made once, kept between runs


@pytest.fixture
def web(tmp_path):
    """The folder `www` behind the machine's 10.0.2.2."""
    (tmp_path / "www").mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *words):
            os.chdir(str(tmp_path / "www"))
            super().__init__(*words)

        def log_message(self, *words):
            pass
    server = HTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = os.getcwd()
    yield "http://10.0.2.2:%d" % server.server_address[1]
    server.shutdown()
    server.server_close()
    os.chdir(here)


@pytest.fixture
def boot(tmp_path):
    """Boots a machine with this user-data until it powers off: its console, and a reader of its
    files."""
    need("qemu-system-x86_64", "genisoimage", "mke2fs", "debugfs", "mmdebstrap")

    def run(user_data):
        seed = tmp_path / "seed"
        seed.mkdir()
        (seed / "user-data").write_bytes(user_data)
        (seed / "meta-data").write_text("instance-id: i-vm-1\nlocal-hostname: vm1\n")
        disk = tmp_path / "disk"
        # the first machine is made and boots nothing of ours
        if not os.path.exists(ROOTFS + ".img"):
            (seed / "user-data").write_text("#!/bin/sh\npoweroff\n")
            build("vm.sh", ROOTFS, seed, disk)
            (seed / "user-data").write_bytes(user_data)
        done = subprocess.run(
            [str(SYSTEMS / "vm.sh"), ROOTFS, str(seed), str(disk), "280"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        console = done.stdout.decode("utf-8", "replace")
        assert done.returncode == 0 and "Power down" in console, console[-3000:]
        return (
            console,
            lambda path: subprocess.run(
                ["debugfs", "-R", "cat " + path, str(disk)],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ).stdout.decode(),
        )
    return run


def ship(world, folder, *words):
    subprocess.check_call(
        [sys.executable, "-m", "pilot.ship", world, "-o", str(folder)] + list(words),
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )


def test_stage_0_in_a_machine_with_systemd(boot, web, tmp_path):
    ship(
        "cloud-init",
        tmp_path / "www",
        "--cloud",
        "openstack",
        "--url",
        web + "/pilot.pyz",
        "--",
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--min-disk-mb",
        "100",
        "--execute",
        "sh -c 'id; cat /proc/self/cgroup; sleep 2'",
    )
    console, content = boot((tmp_path / "www" / "user-data").read_bytes())
    report = json.loads(content("/var/lib/pilot/work/pilot-report.json"))
    assert report["exit_code"] == 0
    assert report["facts"]["WorkerNode"]["virtual_machine"]
    assert report["facts"]["WorkerNode"]["batch"]["system"] == "cloud"
    assert "i-vm-1" in report["pilot"]
    log = content("/var/lib/pilot/work/pilot.log")
    assert "(pilot)" in log
    assert "uid=0" not in log
    assert "cloud-final" not in log.split("LaunchAgent: starting")[1]
    assert '"errors": []' in content(
        "/var/lib/cloud/data/result.json"
    ) and "exit code 0" in content("/var/lib/pilot/ended")


UNIT = """#!/bin/sh
mkdir -p /opt/pilot; curl -sf %(web)s/pilot.pyz -o /opt/pilot/pilot.pyz; curl -sf %(web)s/pilot.service -o /etc/systemd/system/pilot.service
curl -sf %(web)s/pilot.env -o /etc/pilot.env; chmod 600 /etc/pilot.env
mkdir -m 700 /var/lib/private; cd /var/lib/private; mkdir -p pilot/pilot-old pilot/pilot-kept/outputs; touch -d '4 days ago' pilot/pilot-*
systemctl daemon-reload; systemctl start --no-block pilot
i=0; while ! grep -q 'LaunchAgent: starting' /var/lib/private/pilot/pilot-*/pilot.log && [ $i -lt 600 ]; do sleep 0.2; i=$((i+1)); done
grep -ls hunter22 /proc/[0-9]*/cmdline && echo left >>/root/told
began=$(date +%%s); systemctl stop pilot; echo "stopped after $(($(date +%%s) - began)) s" >>/root/told
systemctl show pilot -p Result -p ExecMainStatus -p NRestarts >>/root/told; cp /var/lib/private/pilot/pilot-*/pilot-report.json /root/report.json; pgrep -f 'sleep 54321' >>/root/told && echo left >>/root/told
ls /var/lib/private/pilot >>/root/told; sync; poweroff
"""


def test_the_unit_runs_and_is_stopped_by_systemd(boot, web, tmp_path):
    ship(
        "systemd",
        tmp_path / "www",
        "--",
        "-X",
        "CheckWorkerNode,LaunchAgent",
        "--min-disk-mb",
        "100",
        "--execute",
        "sleep 54321",
        "--site",
        "it's $HOME 100%",
        "--pool-token",
        "hunter22",
    )
    console, content = boot((UNIT % {"web": web}).encode())
    report = json.loads(content("/root/report.json"))
    assert report["settings"]["pool_token"] == {"value": "********", "source": "environment"}
    assert (
        report["exit_code"] == 143 and report["settings"]["site"]["value"] == "it's $HOME 100%"
    ), console[-3000:]
    told = content("/root/told")
    assert "pilot-kept" in told and "pilot-old" not in told
    assert "ExecMainStatus=143" in told, told
    assert "left" not in told, told
    assert int(told.split("stopped after ")[1].split()[0]) < 15, told
