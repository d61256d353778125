"""DIRAC's commands with a client of small programs: the whole way, the files, and what they survive."""

import importlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from pilot.testing import run_command, worker_node as node
from tests.conftest import extension, until
from tests.extensions.dirac_client import Client
from tests.test_deadline import SLOT_S, SOURCES, slot  # noqa: F401

dirac = extension("pilot_dirac")
cfg = extension("pilot_dirac.cfg")
parsing = extension("pilot_dirac.parsing")
params = extension("pilot_dirac.params")
NINE = ("CheckWorkerNode,InstallDIRAC,ConfigureBasics,RegisterPilot,CheckCECapabilities,CheckWNCapabilities,ConfigureSite,ConfigureArchitecture,"
        "ConfigureCPURequirements")
COMMANDS = {command.name: command for command in dirac.COMMANDS}


@pytest.fixture
def client(tmp_path):
    return Client(tmp_path)


@pytest.fixture
def flight(pilot, client, tmp_path):
    """Runs dirac-pilot.py's command line; what is not said is as a site director says it."""
    def run(*words, extensions="dirac", **how):
        given = ["-E", extensions, "--pilotUUID", "p1", "-n", "LCG.TEST.org", "-N", "ce.test", "-Q", "q1", "--wnVO", "dteam", "--cpu-power", "20"]
        if not any(word.startswith("--preinstalledEnv") for word in words):
            given += ["--preinstalledEnv", str(client.env)]
        return pilot(*(given + list(words)), **how)
    return run


def settings_of(ended):
    return cfg.parse_cfg((ended.workdir / "pilot.cfg").read_text())


def test_the_ten_commands_run_in_order_and_leave_diracs_files(flight, client):
    ended = flight()
    assert ended.code == 0, ended.out + ended.err
    assert [row["command"] for row in ended.report["commands"]] == list(dirac.USUAL_PLAN) and all(row["status"] == "ok" for row in ended.report["commands"])
    found = settings_of(ended)["LocalSite"]
    assert {key: found[key] for key in ("Site", "GridCE", "CEQueue", "GridMiddleware", "Architecture", "CPUNormalizationFactor", "CPUTimeLeft", "MaxRAM", "Queue")} == {
        "Site": "LCG.TEST.org", "GridCE": "ce.test", "CEQueue": "q1", "GridMiddleware": "DIRAC", "Architecture": "Linux_x86_64_glibc-2.36",
        "CPUNormalizationFactor": "20.0", "CPUTimeLeft": "144000", "MaxRAM": "2048", "Queue": "q1"}
    defaults = settings_of(ended)["Resources"]["Computing"]["CEDefaults"]
    assert defaults == {"MaxRAM": "2048", "NumberOfProcessors": "2", "Tag": "GPU, MyTag", "RequiredTag": "special"}
    assert os.path.realpath(str(ended.workdir / "etc" / "dirac.cfg")) == os.path.realpath(str(ended.workdir / "pilot.cfg"))
    assert "[LaunchAgent] " in (ended.workdir / "pilot.out").read_text() and len(client.calls("dirac-configure")) == 1
    agent = client.calls("dirac-agent")[0]
    assert agent[0] == "WorkloadManagement/JobAgent" and "MaxCycles=10" in agent and "/LocalSite/CPUTime=144000" in agent and agent[-2:] == ["--cfg", "pilot.cfg"]
    assert "1 jobs" in ended.report["facts"]["AgentSummary"]["reason"] and ended.report["facts"]["Registration"]["registered_at"] == "PilotManager"


def test_an_inner_pool_takes_many_jobs(flight, client):
    assert flight("-y", "Pool/Singularity", "-X", NINE + ",LaunchAgent").code == 0
    words = client.calls("dirac-agent")[0]
    assert {"MaxCycles=5000", "PollingTime=20", "StopOnApplicationFailure=False", "StopAfterFailedMatches=10", "FillingModeFlag=True"} <= set(words)


def test_a_bad_end_of_the_agent_is_told(flight, client):
    client.say(dirac_agent={"code": 3, "out": "Cannot start\n"})
    ended = flight("-X", "InstallDIRAC,LaunchAgent")
    assert ended.code == 40 and "dirac-agent ended with 3: Cannot start" in ended.out


def test_get_pilot_version_tells_the_release(flight):
    assert "release v9r1" in flight("-X", "GetPilotVersion", "-r", "v9r1,v9r0").err


@pytest.mark.parametrize("program, command, code", [
    ("dirac-configure", "ConfigureBasics", 30), ("dirac-resource-get-parameters", "CheckCECapabilities", 30),
    ("dirac-wms-get-wn-parameters", "CheckWNCapabilities", 30), ("dirac-platform", "ConfigureArchitecture", 30),
    ("dirac-wms-get-queue-cpu-time", "ConfigureCPURequirements", 10)])
def test_a_program_that_hangs_is_ended_with_its_last_lines_and_nothing_stays(flight, client, program, command, code):
    client.say(**{program.replace("-", "_"): {"out": "contacting the server\n", "hangs": "for good" if program == "dirac-platform" else True}})
    ended = flight("--program-timeout-s", "1")
    assert ended.code == code and ended.status(command) == "failed"
    reason = next(row["reason"] for row in ended.report["commands"] if row["command"] == command)
    assert program in reason and "without an end" in reason and "contacting the server" in reason
    assert not os.path.exists("/proc/%s" % (client.bin / "hanging").read_text())


def test_an_environment_script_that_hangs_is_ended_too(flight, client, tmp_path):
    client.env.write_text("echo sourcing\necho $$ > %s/pid\nsleep 100\n" % tmp_path)
    ended = flight("-X", "InstallDIRAC", "-o", "cvmfsOnly", "--program-timeout-s", "1.5")
    assert ended.code == 20 and "without an end: sourcing" in ended.out and not os.path.exists("/proc/%s" % (tmp_path / "pid").read_text().strip())


def test_a_client_that_does_not_start_is_told(flight, client):
    client.say(dirac_version={"code": 3, "out": "no libraries\n"})
    ended = flight("-X", "InstallDIRAC")
    assert ended.code == 0 and "dirac-version ended with 3: no libraries" in ended.err


def test_a_registration_that_hangs_costs_its_time_and_not_the_pilot(flight, client):
    client.say(dirac_admin_add_pilot={"hangs": True})
    ended = flight("-X", "InstallDIRAC,RegisterPilot", "--program-timeout-s", "1")
    assert ended.code == 0 and "could not be registered" in ended.err and not os.path.exists("/proc/%s" % (client.bin / "hanging").read_text())


def test_a_limit_is_under_a_minute_by_default():
    assert importlib.import_module("pilot_dirac.options").TABLE["program_timeout_s"].default < 60


def test_a_failure_before_any_configuration_keeps_its_code_and_reason(flight):
    ended = flight("-D", "999999999")
    assert ended.code == 10 and "MB free" in ended.out and not (ended.workdir / "pilot.cfg").exists()


def test_execute_runs_in_diracs_environment_by_bash(flight, client):
    ended = flight("-X", "InstallDIRAC,LaunchAgent", "-x", "source /dev/null; [[ -n $DIRAC ]] && echo in \"$DIRAC\"")
    assert ended.code == 0 and "in %s" % client.folder in ended.err
    assert flight("-X", "InstallDIRAC,LaunchAgent", "-x", "kill -9 $$").code == 40


def test_nothing_of_a_value_is_run_and_empty_ones_swallow_nothing(flight, client, tmp_path):
    ended = flight("-o", "/LocalSite/Odd=$(touch %s) `id` ; x" % (tmp_path / "run"), "-n", "A site; rm x")
    assert ended.code == 0 and not (tmp_path / "run").exists()
    found = settings_of(ended)["LocalSite"]
    assert found["Odd"] == "$(touch %s) `id` ; x" % (tmp_path / "run") and found["Site"] == "A site; rm x"
    assert client.calls("dirac-resource-get-parameters")[0][:2] == ["-S", "A site; rm x"]
    ended = flight("-Q", "", "-X", NINE)
    assert ended.status("CheckCECapabilities") == "skipped" and client.calls("dirac-wms-get-wn-parameters")[-1][:4] == ["-S", "LCG.TEST.org", "-N", "ce.test"]


def test_every_option_is_passed_on_and_words_are_not(flight, client):
    ended = flight("-o", "/LocalSite/A=1", "-o", "cvmfsOnly", "-o", "/LocalSite/B=2", "-X", NINE)
    found = settings_of(ended)["LocalSite"]
    assert (found["A"], found["B"]) == ("1", "2") and not any("cvmfsOnly" in words for words in client.calls("dirac-configure"))


def test_a_stop_ends_what_runs_and_writes_the_report(start_pilot, client, tmp_path):
    client.say(dirac_agent={"out": "began\n", "hangs": True})
    child = start_pilot("-E", "dirac", "--preinstalledEnv", str(client.env), "-X", "InstallDIRAC,LaunchAgent", "--workdir", "w")
    until((client.bin / "hanging").exists, what="the agent")
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 143 and not os.path.exists("/proc/%s" % (client.bin / "hanging").read_text())
    assert json.loads((tmp_path / "w" / "pilot-report.json").read_text())["exit_code"] == 143


@pytest.mark.slow
@pytest.mark.parametrize("command", ["LaunchAgent", "MultiLaunchAgent"])
@pytest.mark.parametrize("source", SOURCES)
def test_a_job_agent_ends_with_its_slot(pilot, slot, client, tmp_path, source, command):  # noqa: F811
    client.say(dirac_agent={"out": "began\n", "hangs": True})
    moment = int(time.time()) + SLOT_S
    variables, more = slot(source, moment)
    ended = pilot("-E", "dirac", "--preinstalledEnv", client.env, "-X", "InstallDIRAC," + command, *more, env=dict(os.environ, **variables))
    assert ended.code == 60 and time.time() < moment + 2, ended.err
    assert "the slot's end by" in ended.report["commands"][-1]["reason"] and (client.bin / "hanging").exists()


@pytest.mark.parametrize("how", ["SIGUSR1", "a file"])
def test_asked_to_drain_the_agent_finds_its_stop_file(start_pilot, client, tmp_path, how):
    client.say(dirac_agent={"out": "began\n", "hangs": True})
    child = start_pilot("-E", "dirac", "--preinstalledEnv", str(client.env), "-X", "InstallDIRAC,LaunchAgent", "--workdir", "w",
                        "--drain-files", str(tmp_path / "drain"))
    until((client.bin / "hanging").exists, what="the agent")
    if how == "a file":
        (tmp_path / "drain").write_text("")
    else:
        child.send_signal(signal.SIGUSR1)
    until((tmp_path / "w/control/WorkloadManagement/JobAgent/stop_agent").exists, what="the stop file")
    assert child.poll() is None


def test_a_bad_command_line_is_told_on_stderr_and_in_a_report(flight, pilot):
    ended = flight("-m", "x", "-Z", "novalue", "--userEnvVariables", "A=1", "--disk", "much")
    assert ended.code == 2
    for word in ("--max-number-of-processors", "--command-options", "--user-env-variables", "--min-disk-mb"):
        assert word in ended.err
    bad = ended.workdir / "bad.json"
    bad.write_text("{")
    assert pilot("-E", "dirac", "-F", str(bad)).code == 2


def test_the_limits_of_the_slot_hold_whatever_dirac_says(tmp_path, client):
    trial = run_command(COMMANDS["CheckWNCapabilities"], tmp_path, {"max_number_of_processors": 4}, [node(cores=8, memory_mb=1000)],
                        dict(os.environ, PATH="%s:%s" % (client.bin, os.environ["PATH"])))
    assert trial.outcome.status == "ok" and cfg.get_option(cfg.parse_cfg((tmp_path / "pilot.cfg").read_text()), "/Resources/Computing/CEDefaults/MaxRAM") == "1000"
    for told, cores, expected in ((8, 2, "2"), (2, 8, "2"), (1, 8, "1")):
        client.say(dirac_wms_get_wn_parameters={"out": "%d 3000 1\n" % told})
        folder = tmp_path / ("%d-%d" % (told, cores))
        folder.mkdir()
        run_command(COMMANDS["CheckWNCapabilities"], folder, {}, [node(cores=cores)], dict(os.environ, PATH="%s:%s" % (client.bin, os.environ["PATH"])))
        found = cfg.parse_cfg((folder / "pilot.cfg").read_text())["Resources"]["Computing"]["CEDefaults"]
        assert found["NumberOfProcessors"] == expected and found["MaxRAM"] == "3000" and found["NumberOfGPUs"] == "1" and found["Tag"] == "GPU"


@pytest.mark.parametrize("out, tags", [
    ('{"Tag": "GPU, MyTag", "WholeNode": "True", "MaxRAM": 2048}', ["WholeNode", "GPU", "MyTag"]), ('{"Tag": ["a"]}\nA last line that is none', ["a"])])
def test_the_queues_parameters_may_have_any_type(flight, client, out, tags):
    client.say(dirac_resource_get_parameters={"out": out + "\n"})
    ended = flight("-X", NINE)
    assert settings_of(ended)["Resources"]["Computing"]["CEDefaults"]["Tag"] == ", ".join(tags)


@pytest.mark.parametrize("program, out, word", [
    ("dirac-resource-get-parameters", "nothing\n", "gave no JSON object; its last line: nothing"), ("dirac-wms-get-wn-parameters", "x y\n", "its last line: x y"),
    ("dirac-wms-get-queue-cpu-time", "nothing\n", "told no CPU time; its last line: nothing"), ("dirac-platform", "\n", "told no platform")])
def test_words_that_make_no_sense_are_told_as_such(flight, client, program, out, word):
    client.say(**{program.replace("-", "_"): {"out": out}})
    ended = flight()
    assert ended.code in (10, 30) and word in ended.out


def test_decorated_lines_are_read():
    assert parsing.last_number(parsing.TIME_LEFT, "2026 INFO: CPU time left determined as: 12.5 s (ok)\n") == 12.5
    assert parsing.last_number(parsing.TIME_LEFT, "x\nCPU time left determined as 7.2e3 s\n") == 7200.0 and parsing.last_number(parsing.TIME_LEFT, "") is None


def test_without_a_vo_the_pilot_is_not_registered_and_says_so(pilot, client):
    ended = pilot("-E", "dirac", "--preinstalledEnv", client.env, "-X", "InstallDIRAC,RegisterPilot")
    assert ended.code == 0 and ended.status("RegisterPilot") == "skipped" and not client.calls("dirac-admin-add-pilot")


def test_a_pilot_that_nobody_knows_is_not_registered(pilot, client):
    words = ("-E", "dirac", "--preinstalledEnv", client.env, "--wnVO", "dteam", "-X", "InstallDIRAC,RegisterPilot")
    ended = pilot(*words)
    assert ended.code == 0 and ended.status("RegisterPilot") == "skipped" and not client.calls("dirac-admin-add-pilot")
    assert pilot("--pilotUUID", "abc", *words).code == 0 and client.calls("dirac-admin-add-pilot")[0][0] == "abc"


def test_a_stamp_fits_the_pilot_managers_table(flight, client):
    flight("-X", "InstallDIRAC,RegisterPilot", env=dict(os.environ, DIRAC_PILOT_STAMP="4fa8a2b1189e4126b5ca4611b43e3d97", SLURM_JOB_ID="12"))
    reference, vo, flavour, stamp = client.calls("dirac-admin-add-pilot")[0][:4]
    assert (reference, vo, flavour, stamp) == ("sshslurm://ce.test/12", "dteam", "SSHSLURM", "4fa8a2b1189e4126b5ca4611b43e3d97")
    flight("-X", "InstallDIRAC,RegisterPilot", "--pilotUUID", "12345678-aaaa-bbbb-cccc-123456789012")
    assert len(client.calls("dirac-admin-add-pilot")[1][3]) <= 32


def test_many_agents_share_a_slot(flight, client):
    ended = flight("-X", "InstallDIRAC,MultiLaunchAgent", "-P", "3")
    assert ended.code == 0 and len(client.calls("dirac-agent")) == 3
    assert "Job being submitted" in (ended.workdir / "jobagent.02.log").read_text()
    assert (ended.workdir / "shutdown_message").read_text() == "200 Intended work completed ok"
    assert {word for words in client.calls("dirac-agent") for word in words if word.startswith("/LocalSite/InstancePath")} == {
        "/LocalSite/InstancePath=%s/agent.0%d" % (ended.workdir, number) for number in range(3)}


@pytest.mark.parametrize("told, code, message", [({"out": "no match\n"}, 0, "300"), ({"code": 1}, 40, "700")])
def test_vac_is_told_how_many_agents_ended(flight, client, told, code, message):
    client.say(dirac_agent=told)
    ended = flight("-X", "InstallDIRAC,MultiLaunchAgent", "-P", "2")
    assert ended.code == code and (ended.workdir / "shutdown_message").read_text().startswith(message + " ")


@pytest.mark.slow
def test_the_time_that_is_over_is_no_shutdown_by_the_host(flight, client):
    client.say(dirac_agent={"out": "began\n", "hangs": True})
    ended = flight("-X", "InstallDIRAC,MultiLaunchAgent", "-P", "1", "--max-walltime", "3")
    assert ended.code == 60 and (ended.workdir / "shutdown_message").read_text().startswith("200 ")


def test_no_numbers_at_all_are_one_processor(tmp_path, client):
    client.say(dirac_wms_get_wn_parameters={"out": "0 0 0\n"})
    trial = run_command(COMMANDS["CheckWNCapabilities"], tmp_path, {}, [], {"PATH": "%s:%s" % (client.bin, os.environ["PATH"])})
    assert trial.outcome.status == "ok" and "NumberOfProcessors = 1" in (tmp_path / "pilot.cfg").read_text()


def test_a_line_break_in_a_value_stays_a_value(flight):
    ended = flight("-o", "/LocalSite/A=x\n}\n", "-X", NINE)
    assert ended.code == 0 and settings_of(ended)["LocalSite"]["A"] == "x }"


@pytest.mark.slow
def test_many_agents_are_stopped_together(start_pilot, client, tmp_path):
    client.say(dirac_agent={"out": "began\n", "hangs": "for good"})
    child = start_pilot("-E", "dirac", "--preinstalledEnv", str(client.env), "-X", "InstallDIRAC,MultiLaunchAgent", "-P", "2", "--workdir", "w")
    until(lambda: len(client.calls("dirac-agent")) == 2, what="both agents")
    until((client.bin / "hanging").exists, what="an agent that hangs")
    child.send_signal(signal.SIGTERM)
    assert child.wait(15) == 143 and (tmp_path / "w" / "shutdown_message").read_text().startswith("100 ")
    assert not [line for line in running() if str(client.bin).encode() in line]


def running():
    """The command lines of all processes."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/cmdline" % name, "rb") as stream:
                found.append(stream.read())
        except OSError:
            pass
    return found


def test_probes_are_run_and_none_ends_the_pilot(pilot, client, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "probe1").write_text("#!/bin/sh\necho 'all is well | load=1'\n")
    (work / "probe2").write_text("#!/bin/sh\necho bad; exit 2\n")
    (work / "pilot.json").write_text(json.dumps({"ConfigurationServers": [], "Defaults": {"Pilot": {"NagiosProbes": "probe1, probe2"}}}))
    ended = pilot("-E", "dirac", "-F", work / "pilot.json", "-X", "NagiosProbes")
    assert ended.code == 0 and "probe2 CRITICAL" in ended.err and [row["state"] for row in ended.report["facts"]["Probes"]["results"]] == ["OK", "CRITICAL"]


def test_the_platform_without_a_program_is_the_programs(flight, client):
    import platform
    ended = flight("-X", "InstallDIRAC,ConfigureBasics,ConfigureArchitectureWithoutCLI")
    found = settings_of(ended)["LocalSite"]
    assert found["Architecture"].startswith("Linux_%s" % platform.machine()) and not client.calls("dirac-platform")


def test_the_parameters_are_a_copy_and_leave_ours_alone(tmp_path):
    seen = {}

    class Look(COMMANDS["GetPilotVersion"]):
        def execute(self):
            self.pp.installEnv["NEW"] = "1"
            assert self.pp.pilotJSON == {}
            self.pp.anything = 3
            seen.update(environ=dict(os.environ), context=dict(self.pp.context.environ))
    trial = run_command(Look, tmp_path, {}, environ={"PATH": "/bin", "PYTHONPATH": "/x"})
    assert trial.outcome.status == "ok" and "NEW" not in seen["environ"] and "NEW" not in seen["context"]
    assert seen["context"]["PYTHONPATH_SAVE"] == "/x" and "PYTHONPATH" not in seen["context"]


def test_lhcbs_names_take_cvmfs_first_and_fall_back(flight, client, tmp_path):
    shared = tmp_path / "lhcb.cern.ch" / "v10r1" / ("Linux-" + os.uname().machine)
    shared.mkdir(parents=True)
    (shared / "diracosrc").write_text(client.env.read_text())
    names = ",".join(command.name for command in importlib.import_module("pilot_lhcb").COMMANDS[:6])
    ended = flight("-X", names, "-r", "v10r1", "--lhcb-cvmfs", str(tmp_path / "lhcb.cern.ch"), "--preinstalledEnv=", extensions="lhcb,dirac")
    assert ended.code == 0, ended.out
    assert "env:" in ended.report["facts"]["Installation"]["source"] and settings_of(ended)["LocalSite"]["Architecture"] == "x86_64-el9"
    assert "-e" in client.calls("dirac-configure")[0] and "LHCb" in client.calls("dirac-configure")[0]
    (shared / "diracosrc").write_text("echo no longer there; return 3\n")
    installer = tmp_path / "DIRACOS.sh"
    installer.write_text("mkdir diracos; cp %s diracos/diracosrc; printf '#!/bin/sh\\nexit 0\\n' > %s/pip; chmod +x %s/pip\n" % ((shlex.quote(str(client.env)),) + (shlex.quote(str(client.bin)),) * 2))
    ended = flight("-X", "LHCbGetPilotVersion,LHCbInstallDIRAC", "-r", "v10r1", "--lhcb-cvmfs", str(tmp_path / "lhcb.cern.ch"), "--diracos-url", str(installer), "--preinstalledEnv=",
                   extensions="lhcb,dirac")
    assert ended.code == 0 and [one["ok"] for one in ended.report["facts"]["Installation"]["attempts"]] == [False, True]


def test_gridpps_code_comes_from_git(flight, client, tmp_path):
    repository = tmp_path / "DIRAC.git"
    subprocess.check_call(["git", "init", "-q", str(repository)])
    (repository / "src").mkdir()
    (repository / "src" / "ours.py").write_text("WHO = 'gridpp'\n")
    for words in (["add", "."], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x"], ["branch", "special"]):
        subprocess.check_call(["git", "-C", str(repository)] + words)
    ended = flight("-X", "GitInstallDIRAC,LaunchAgent", "--git-url", "file://%s" % repository, "--git-ref", "special", "-x", "%s -c 'import ours; print(ours.WHO)'" % sys.executable,
                   extensions="gridpp,dirac")
    assert ended.code == 0 and "gridpp" in ended.err


def certificates_of(tmp_path, monkeypatch, look=None, **environ):
    module = importlib.import_module("pilot_dirac.certificates")
    asked = []

    def looked(argv):
        asked.append(argv[-1])
        return (look or real)(argv)
    real = module.look_by_child
    monkeypatch.setattr(module, "look_by_child", looked)

    class Log:
        warn = staticmethod(lambda text, *more: asked.append(text % more))

    class PP:
        installEnv, CVMFS_locations = environ, ["/cvmfs/a.example.org", "/cvmfs/a.example.org/b", str(tmp_path / "c")]
    return module.find_environment(PP, Log), asked


def test_certificates_are_the_sites_first_and_missing_ones_are_no_error(tmp_path, monkeypatch):
    for name in ("mine", "c/etc/grid-security/certificates", "c/etc/grid-security/vomses", "empty"):
        (tmp_path / name).mkdir(parents=True)
        if name != "empty":
            (tmp_path / name / "x").write_text("")
    found, asked = certificates_of(tmp_path, monkeypatch, X509_CERT_DIR=str(tmp_path / "mine"), X509_VOMSES=str(tmp_path / "empty"))
    assert found["X509_CERT_DIR"] == str(tmp_path / "mine") and found["X509_VOMSES"] == found["DIRAC_VOMSES"] == str(tmp_path / "c/etc/grid-security/vomses")
    machine = os.path.isdir("/etc/grid-security/vomsdir") and bool(os.listdir("/etc/grid-security/vomsdir"))
    assert ("X509_VOMS_DIR" in found) == machine != any("X509_VOMS_DIR: nothing in" in text for text in asked)


def test_a_repository_that_hangs_is_asked_once(tmp_path, monkeypatch):
    process = importlib.import_module("pilot.base.process")
    found, asked = certificates_of(tmp_path, monkeypatch, look=lambda argv: process.run(["sleep", "60"], timeout_s=0.1, ok=None))
    assert all(path.startswith("/etc/grid-security/") for path in found.values()) and len([text for text in asked if text.startswith("/cvmfs/") and " " not in text]) == 1 and any("/cvmfs/a.example.org did not answer" in text for text in asked)


def test_a_probes_result_is_put_with_the_proxy(pilot, tmp_path, grid):
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer
    import ssl
    got = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *words):
            pass

        def do_PUT(self):
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode(), self.connection.getpeercert()["subject"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_SERVER", ssl.PROTOCOL_TLS))
    context.load_cert_chain(str(grid / "server.crt"), str(grid / "server.key"))
    context.load_verify_locations(str(grid / "ca.crt"))
    context.verify_mode, context.verify_flags = ssl.CERT_REQUIRED, context.verify_flags | 0x40
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "probe1").write_text("#!/bin/sh\necho 'a warning'; exit 1\n")
    (tmp_path / "work" / "probe2").write_text("#!/bin/sh\nsleep 60\n")
    ended = pilot("-E", "dirac", "-N", "ce", "-X", "NagiosProbes", "--probes", "probe1,probe2", "--probe-timeout-s", "1", "--nagios-put-url", "https://localhost:%d/x" % server.server_address[1],
                  env=dict(os.environ, X509_CERT_DIR=str(grid / "cas"), X509_USER_PROXY=str(grid / "long.pem")))
    server.shutdown()
    server.server_close()
    assert ended.code == 0 and [one[0] for one in got] == ["/x/ce/probe1", "/x/ce/probe2"], ended.err
    assert got[0][1].split()[0] == "1" and got[0][1].endswith("\na warning") and got[1][1].split()[0] == "3" and "4711" in str(got[0][2])
