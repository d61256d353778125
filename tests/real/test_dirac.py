"""The real DIRAC: its client, its configuration server, its WMS. The ten commands, down to a job
that the JobAgent has run."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT, extension, until
from tests.real.conftest import PYTHON, SYSTEMS, build, need, script

cfg = extension("pilot_dirac.cfg")
NET = "pilot-dirac-test"
NINE = (
    "CheckWorkerNode, InstallDIRAC, ConfigureBasics, RegisterPilot, CheckCECapabilities, CheckWNCapabilities, ConfigureSite, ConfigureArchitecture, "
    "ConfigureCPURequirements"
)
# of the moment, not of the way
MEASURED = {"CPUNormalizationFactor", "CPUTimeLeft", "PilotReference"}


@pytest.fixture(scope="module")
def venv():
    need("swig", "gcc", "openssl", "pkg-config")
    path = ROOT / ".real" / "dirac-venv"
    build("dirac-install.sh", path, env=dict(os.environ, PY=PYTHON))
    return path


@pytest.fixture(scope="module")
def client(venv, base):
    script("dirac-client.sh", base / "client", venv)
    return base / "client"


def fly(client, workdir, *words, commands=NINE, timeout=200, entry=None):
    """dirac-pilot.py as a site director starts it, made of this checkout."""
    workdir.mkdir()
    profile = {
        "CEs": {"ce.test": {"Site": "LCG.TEST.org", "GridCEType": "TEST"}},
        "ConfigurationServers": [],
        "DefaultSetup": "T",
        "Defaults": {
            "Pilot": {"RemoteLogging": "False", "Version": "9.1.22", "Commands": {"TEST": commands}}
        },
    }
    (workdir / "pilot.json").write_text(json.dumps(profile))
    argv = (entry or [sys.executable, str(ROOT / "pilot.py"), "-E", "dirac"]) + [
        "-N",
        "ce.test",
        "-Q",
        "q1",
        "--wnVO",
        "dteam",
        "--preinstalledEnv",
        str(client / "diracosrc"),
    ]
    done = subprocess.run(
        argv + list(words),
        cwd=str(workdir),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        env=dict(os.environ, HOME=str(workdir)),
    )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def plain(tree):
    """A configuration without what was measured; lists in one order."""
    return {
        name: (
            plain(item)
            if isinstance(item, dict)
            else sorted(part.strip() for part in item.split(","))
        )
        for name, item in tree.items()
        if name not in MEASURED
    }


def test_the_nine_commands_leave_the_pilot_cfg_of_diracs_own_programs(client, tmp_path):
    code, out = fly(client, tmp_path / "ours", "--fast", "--cpu-cache", "off")
    assert code == 0, out
    script("dirac-programs.sh", client, tmp_path / "theirs")
    ours, theirs = (
        cfg.parse_cfg((tmp_path / name / "pilot.cfg").read_text()) for name in ("ours", "theirs")
    )
    assert sorted(ours) == sorted(theirs)
    # the only value that DIRAC's programs do not write: what the slot allows a job
    assert int(ours["Resources"]["Computing"]["CEDefaults"].pop("MemoryLimitMB")) <= 2048
    for section in theirs:
        assert plain(ours[section]) == plain(theirs[section]), section
    assert (
        MEASURED <= set(ours["LocalSite"])
        and 0.5
        < float(ours["LocalSite"]["CPUNormalizationFactor"])
        / float(theirs["LocalSite"]["CPUNormalizationFactor"])
        < 2
    )
    assert out.count("running dirac-configure") == 1


def test_the_ten_commands_down_to_the_job_agent(client, tmp_path):
    subprocess.check_call(
        [
            sys.executable,
            "-m",
            "pilot.bundle",
            "--text",
            "--lean",
            "--extension",
            "extensions/pilot_dirac",
            "--defaults",
            "extensions/pilot_dirac/defaults.json",
            "-o",
            str(tmp_path / "dirac-pilot.py"),
        ],
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
    )
    code, out = fly(
        client,
        tmp_path / "ten",
        "--fast",
        "--cpu-cache",
        "off",
        "-M",
        "1",
        "--StopAfterFailedMatches",
        "1",
        "--PollingTime",
        "1",
        "--pilotUUID",
        "12345678-aaaa-bbbb-cccc-123456789012",
        commands=NINE + ", LaunchAgent",
        entry=[sys.executable, str(tmp_path / "dirac-pilot.py")],
    )
    assert code == 0, out
    assert "Loaded agent module WorkloadManagement/JobAgent" in out
    assert "No more agent modules to execute. Exiting" in out
    assert "URL for service WorkloadManagement/PilotManager not found" in out
    report = json.loads((tmp_path / "ten" / "pilot-report.json").read_text())
    assert [row["status"] for row in report["commands"]] == ["ok"] * 10


def test_a_program_that_hangs_for_good_is_ended_and_nothing_of_it_stays(client, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dirac-platform").write_text(
        "#!/bin/sh\ntrap '' TERM\necho asking around\nsleep 1000 & wait; sleep 1000\n"
    )
    (tmp_path / "bin" / "dirac-platform").chmod(0o755)
    (tmp_path / "diracosrc").write_text(
        "%s\nexport PATH=%s/bin:$PATH\n" % ((client / "diracosrc").read_text(), tmp_path)
    )
    began = time.monotonic()
    code, out = fly(
        client,
        tmp_path / "hangs",
        "--preinstalledEnv",
        str(tmp_path / "diracosrc"),
        "--program-timeout-s",
        "20",
        commands="InstallDIRAC, ConfigureBasics, ConfigureArchitecture",
    )
    assert code == 30
    assert 40 < time.monotonic() - began < 65  # it has two tries
    assert re.search(
        r"ConfigureArchitecture +failed .*dirac-platform was ended after 2[0-9] s without an end: asking around",
        out,
    ), out
    assert subprocess.call(["pgrep", "-f", str(tmp_path / "bin" / "dirac-platform")]) == 1


@pytest.fixture(scope="module")
def wms(venv, base):
    """Configuration Server, PilotManager, JobManager, Matcher and what else a job needs, on a
    loopback of their own."""
    need("mariadbd", "mariadb-install-db", "ip", "openssl")
    build("netns.sh", "up", NET)
    inside = ["ip", "netns", "exec", NET]
    place = base / "srv"
    for step in ("dirac-cs.sh", "dirac-wms.sh"):
        done = subprocess.run(
            inside + [str(SYSTEMS / step), "up", str(venv), str(place)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=200,
        )
        if done.returncode:
            stop(inside, venv, place)
            pytest.skip("DIRAC's services do not start here: %s" % done.stdout.decode()[-300:])
    yield inside, place
    stop(inside, venv, place)


def stop(inside, venv, place):
    for step in ("dirac-wms.sh", "dirac-cs.sh"):
        subprocess.call(
            inside + [str(SYSTEMS / step), "down", str(venv), str(place)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    script("netns.sh", "down", NET)


def someone(wms, venv, folder, *who):
    """The pilot's owner or a user of DIRAC, with a proxy in this folder; what the user's errand
    says."""
    inside, place = wms
    done = subprocess.run(
        inside + [str(SYSTEMS / "dirac-user.sh"), str(venv), str(place), str(folder)] + list(who),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout.decode().split()[-1:]


@pytest.fixture(scope="module")
def owner(wms, venv, base):
    """Who runs generic pilots: no user's jobs are theirs."""
    someone(wms, venv, base / "owner", "pilot")
    return base / "owner"


def pilot_of(wms, owner, workdir, *words, rc=None, variables=None):
    workdir.mkdir()
    argv = wms[0] + [
        sys.executable,
        str(ROOT / "pilot.py"),
        "-E",
        "dirac",
        "-S",
        "CI",
        "-C",
        "dips://localhost:19135/Configuration/Server",
        "-n",
        "DIRAC.CI.local",
        "-N",
        "ce.localhost",
        "-Q",
        "q1",
        "--wnVO",
        "ci",
        "--preinstalledEnv",
        str(rc or owner / "diracosrc"),
        "--PollingTime",
        "1",
        "--StopAfterFailedMatches",
        "1",
        "--fast",
        "--cpu-cache",
        "off",
        "-z",
        "-g",
        "https://localhost:19443/WorkloadManagement/TornadoPilotLogging",
    ]
    environ = dict(
        os.environ,
        HOME=str(workdir),
        X509_USER_PROXY=str(owner / "proxy"),
        X509_CERT_DIR=str(wms[1] / "certs"),
    )
    if variables is not None:
        environ.pop("X509_CERT_DIR")
        environ.update(variables)
    return subprocess.Popen(
        argv + list(words),
        cwd=str(workdir),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environ,
    )


def kept(wms, uuid):
    """What TornadoPilotLogging has kept of this pilot, finalised: moment, level and text of each
    line."""
    path = wms[1] / "logs" / "pilotlogs" / "ci" / (uuid + ".log")
    return [
        match.groups()
        for match in re.finditer(r"(?m)^(\S+Z) +(\w+) +\[[^]]*\] (.*)$", path.read_text())
    ]


def logged(workdir):
    """The same of the pilot's own log, but for what it says of this service, which is told here
    only."""
    lines = [
        match.groups()
        for match in re.finditer(
            r"(?m)^(\S+Z) +(\w+) +\S+: (.*)$", (workdir / "pilot.log").read_text()
        )
    ]
    return [line for line in lines if "/TornadoPilotLogging" not in line[2]]


def test_the_whole_circle_a_users_job_is_matched_and_run_by_a_generic_pilot(
    wms, owner, venv, base, tmp_path
):
    job, = someone(wms, venv, base / "user", "user")
    assert job.isdigit(), job
    uuid = "12345678-aaaa-bbbb-cccc-123456789012"
    pilot = pilot_of(wms, owner, tmp_path / "w", "-M", "3", "--pilotUUID", uuid)
    out = pilot.communicate(timeout=200)[0].decode("utf-8", "replace")
    assert pilot.returncode == 0, out
    report = json.loads((tmp_path / "w" / "pilot-report.json").read_text())
    assert (
        report["facts"]["Registration"]["registered_at"] == "PilotManager"
        and "it took 1 jobs" in report["facts"]["AgentSummary"]["reason"]
    )
    assert "hello from the job" in out and "Final job status Done" in out
    assert someone(wms, venv, base / "user", "user", job) == ["Done"]
    # the job ran with its user's own
    assert "getProxy" in (wms[1] / "log" / "ProxyManager.log").read_text()
    assert "commitRegisters" in (wms[1] / "log" / "DataStore.log").read_text()
    found = cfg.parse_cfg((tmp_path / "w" / "pilot.cfg").read_text())
    assert (
        found["DIRAC"]["Configuration"]["Servers"] == "dips://localhost:19135/Configuration/Server"
        and found["LocalSite"]["MaxRAM"] == "4000"
    )
    assert "correction by 1.2" in out  # it is the Configuration Server's
    assert kept(wms, uuid)[1:] == logged(tmp_path / "w") and "hello from the job" in [
        text for _, _, text in kept(wms, uuid)
    ]


SYSTEMS_OF_SITES = {
    "HTCondor": ({"_CONDOR_JOB_AD": "/the/ad", "CONDOR_JOBID": "77.0"}, "sshcondor://ce.localhost/77.0"),
    "SLURM": ({"SLURM_JOBID": "12"}, "sshslurm://ce.localhost/12"),
}


@pytest.mark.parametrize("system", sorted(SYSTEMS_OF_SITES))
def test_a_job_at_a_site_with_cvmfs_has_its_certificates_and_the_batch_system_is_known(
    wms, owner, venv, base, tmp_path, system
):
    """In the job's own environment; the client's script would set folders of its own."""
    job, = someone(wms, venv, base / "user", "user")
    place = tmp_path / "cvmfs" / "etc" / "grid-security"
    for name in ("vomsdir", "vomses"):
        (place / name).mkdir(parents=True)
        (place / name / "file").write_text("x")
    (place / "certificates").symlink_to(wms[1] / "certs")
    lines = (owner / "diracosrc").read_text().replace("X509_CERT_DIR=%s/certs" % wms[1], "")
    (tmp_path / "rc").write_text(lines + ': "${X509_CERT_DIR:=/none}"\nexport X509_CERT_DIR\n')
    variables, reference = SYSTEMS_OF_SITES[system]
    pilot = pilot_of(
        wms, owner, tmp_path / "w", "-M", "3", "--CVMFS_locations=%s" % (tmp_path / "cvmfs"),
        "--pilotUUID", "12345678-aaaa-bbbb-cccc-1234567890%02d" % len(system), rc=tmp_path / "rc",
        variables=variables,
    )
    out = pilot.communicate(timeout=200)[0].decode("utf-8", "replace")
    assert pilot.returncode == 0, out[-3000:]
    assert someone(wms, venv, base / "user", "user", job) == ["Done"]
    has = dict(re.findall(r"job has (\w+)=(.*)", out))
    assert has["X509_CERT_DIR"] == str(place / "certificates")
    assert has["X509_VOMS_DIR"] == str(place / "vomsdir")
    assert has["X509_VOMSES"] == has["DIRAC_VOMSES"] == str(place / "vomses")
    found = cfg.parse_cfg((tmp_path / "w" / "pilot.cfg").read_text())["LocalSite"]
    assert found["BatchSystemInfo"]["Type"] == system
    assert found["PilotReference"] == reference
    report = json.loads((tmp_path / "w" / "pilot-report.json").read_text())
    assert report["facts"]["Registration"]["reference"] == reference


def test_a_drained_pilot_ends_after_the_cycle_and_no_line_is_lost_while_the_log_service_is_down(
    wms, owner, venv, base, tmp_path
):
    someone(wms, venv, base / "user", "user")
    uuid = "12345678-aaaa-bbbb-cccc-123456789013"
    pilot = pilot_of(
        wms,
        owner,
        tmp_path / "w",
        "-M",
        "1000",
        "--StopAfterFailedMatches",
        "1000",
        "--pilotUUID",
        uuid,
        "-X",
        "InstallDIRAC,ConfigureBasics,CheckCECapabilities,CheckWNCapabilities,ConfigureSite,ConfigureArchitecture,ConfigureCPURequirements,LaunchAgent",
    )
    log, service = tmp_path / "w" / "pilot.log", wms[0] + [str(SYSTEMS / "dirac-wms.sh")]
    until((wms[1] / "logs" / "pilotlogs" / "ci" / uuid).exists, 60, "the first lines")
    subprocess.check_call(service + ["logs-down", str(venv), str(wms[1])])
    until(lambda: "Job being submitted" in log.read_text(), 100, "a job")
    subprocess.check_call(service + ["logs-up", str(venv), str(wms[1])])
    pilot.send_signal(signal.SIGUSR1)
    out = pilot.communicate(timeout=100)[0].decode("utf-8", "replace")
    assert (
        pilot.returncode == 0 and "Stopping agent module WorkloadManagement/JobAgent" in out
    ), out[-3000:]
    assert "events do not arrive at https://localhost:19443" in out
    assert kept(wms, uuid)[1:] == logged(tmp_path / "w")
