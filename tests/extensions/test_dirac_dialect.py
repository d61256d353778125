"""dirac-pilot.py's command line, environment and pilot.json, in the toolbox's words."""

import base64
import importlib
import json
import os
import re
import subprocess
import sys

import pytest

from pilot.engine.cli import ENGINE_OPTIONS
from pilot.errors import UsageError
from pilot.engine.registry import all_options
from pilot.testing import run_command
from tests.conftest import ROOT, extension
from tests.grid_proxy import proxy_with

dirac = extension("pilot_dirac")
dialect = extension("pilot_dirac.dialect")
identity = extension("pilot_dirac.identity")
vos = extension("pilot_dirac.vo")
OPTIONS = all_options(dirac.COMMANDS, ENGINE_OPTIONS + dirac.OPTIONS)[0]
# the options of dirac-pilot.py, as its own declaration has them: short letters with : where a value
# follows
SHORT = "a:b:c d e:g:h k l:m:n:o:r:s:t:u:x:y:z C:D:E:F:G:K:M:N:O:P:Q:R:S:T:V:W:X:Z:"
LONG = (
    "requiredTag= gridCEType= cert debug extraPackages= loggerURL= help keepPP project= maxNumberOfProcessors= name= Name= option= release= reference= section= url= setup= "
    "tag= CPUTime= execute= CEType= pilotLogging configurationServer= disk= commandExtensions= pilotCFGFile= Group= certLocation= MaxCycles= PollingTime= "
    "StopOnApplicationFailure= StopAfterFailedMatches= OwnerDN= wnVO= pilotProcessors= Queue= gateway= commands= commandOptions= pilotUUID= preinstalledEnv= "
    "preinstalledEnvPrefix= modules= userEnvVariables= pipInstallOptions= architectureScript= CVMFS_locations="
)


def said(*words, **environ):
    return dialect.dialect(list(words), environ, OPTIONS)


@pytest.mark.parametrize("word", LONG.split())
def test_every_long_option_is_known(word):
    name, takes = word.rstrip("="), word.endswith("=")
    found = said("--" + name, *(["x=7" if name == "option" else "7"] if takes else []))
    assert found.words == [] and found.notes or len(found.words) == 1 and not found.notes
    if found.words:
        flag, equals, value = found.words[0].partition("=")
        assert (
            flag in {"--" + option.name.replace("_", "-") for option in OPTIONS}
            and bool(equals) == takes
            and (value in ("7", "x=7") or not takes)
        )
    if takes:
        assert said("--%s=%s" % (name, "x=7" if name == "option" else "7")) == found


@pytest.mark.parametrize(
    "letter", [letter for letter in SHORT.replace(":", "").replace(" ", "") if letter not in "b"]
)
def test_every_letter_is_known_apart_and_together(letter):
    takes = letter + ":" in SHORT
    value = "x=7" if letter == "o" else "7"
    apart = said("-" + letter, *([value] if takes else []))
    assert len(apart.words) + len(apart.notes) == 1
    if takes:
        assert (
            said("-%s%s" % (letter, value)) == apart
            and said("-d%s" % letter, value).words[1:] == apart.words
        )


def test_abbreviations_are_getopts():
    assert (
        said("--pilotU", "x").words == ["--pilot-id=x"]
        and said("--Max", "3").words == ["--max-cycles=3"]
        and said("--option", "/A=1").words == ["--option=/A=1"]
    )
    with pytest.raises(UsageError) as told:
        said("--pre", "x")
    assert "--preinstalledEnv, --preinstalledEnvPrefix" in str(told.value)
    with pytest.raises(UsageError):
        said("-N")


def test_ours_go_between_and_dead_ones_are_noted():
    found = said(
        "-dk",
        "--workdir",
        "-N",
        "--plan",
        "-s",
        "x",
        "--cpu-power=3",
        "-V",
        "lhcb",
        "-M",
        "2",
        "stray",
        "-N",
        "y",
    )
    assert found.words == [
        "--debug",
        "--keep-python-path",
        "--workdir",
        "-N",
        "--plan",
        "--cpu-power=3",
        "--max-cycles=2",
    ]
    assert (
        len(found.notes) == 3
        and "-V has no effect" in found.notes[1]
        and "'stray'" in found.notes[2]
    )


def test_unknown_ones_are_told_with_the_nearest(pilot):
    ended = pilot("-E", "dirac", "-X", "CheckWorkerNode", "--Quue", "q1")
    assert ended.code == 2 and "unknown option --Quue (did you mean --queue?)" in ended.err


def test_the_talks_example_line_runs_as_it_stands(pilot):
    line = (
        "-S LHCb-Production -l LHCb -C dips://lhcb-conf-dirac.cern.ch:9135/Configuration/Server -N ce.example.org -Q default -n LCG.Example.org -M 1 -E LHCbPilot "
        "-X LHCbGetPilotVersion,CheckWorkerNode,LHCbInstallDIRAC,LHCbConfigureBasics,LHCbConfigureSite,LHCbConfigureArchitecture,LHCbConfigureCPURequirements,LaunchAgent"
    )
    ended = pilot(
        "-E", "dirac", *(line.replace("-E LHCbPilot", "-E LHCbPilot,dirac") + " --plan").split()
    )
    assert (
        ended.code == 0 and "8. LaunchAgent" in ended.out and "lhcb_install_dirac.py" in ended.out
    )


def test_the_single_file_is_used_as_the_old_one(tmp_path):
    for lean in ([], ["--lean"]):
        file = tmp_path / "dirac-pilot.py"
        subprocess.check_call(
            [
                sys.executable,
                "-m",
                "pilot.bundle",
                "--text",
                "--extension",
                "extensions/pilot_dirac",
                "--extension",
                "extensions/pilot_lhcb",
                "--defaults",
                "extensions/pilot_dirac/defaults.json",
                "-o",
                str(file),
            ]
            + lean,
            cwd=str(ROOT),
            stdout=subprocess.DEVNULL,
        )
        done = subprocess.run(
            [
                sys.executable,
                str(file),
                "-E",
                "LHCb",
                "-X",
                "CheckWorkerNode",
                "-N",
                "ce",
                "-Q",
                "q",
                "-n",
                "s",
                "--pilotUUID",
                "12345678-aaaa-bbbb-cccc-123456789012",
                "-D",
                "1",
            ],
            cwd=str(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout
        report = json.loads((tmp_path / "pilot-report.json").read_text())
        assert (
            report["pilot"] == "12345678-aaaa-bbbb-cccc-123456789012"
            and report["settings"]["site"]["value"] == "s"
        )
    listed = subprocess.check_output(
        [sys.executable, str(file), "-E", "LHCb", "--list"], cwd=str(tmp_path)
    ).decode()
    assert "LHCbInstallDIRAC" in listed and "CheckCECapabilities" in listed


@pytest.mark.parametrize(
    "word, noted",
    [
        ("cvmfsonly", True),
        ("foo", True),
        ("cvmfsOnly", False),
        ("diracInstallOnly", False),
        ("/LocalSite/X=y", False),
    ],
)
def test_a_word_of_o_that_nothing_of_ours_knows_is_told(word, noted):
    assert (
        any(
            "is neither NAME=VALUE nor cvmfsOnly or diracInstallOnly" in note
            for note in said("-o", word).notes
        )
        == noted
    )


def test_help_is_there(pilot):
    ended = pilot("-E", "dirac", "-h")
    assert ended.code == 0 and "--remote-logger-url" in ended.out and "exit codes" in ended.out
    assert re.search(r"(?m)^  -N, --Name VALUE +--ce$", ended.out) and re.search(
        r"(?m)^  -V, --installation VALUE +has had no effect", ended.out
    )
    assert all("--%s" % word.long in ended.out for word in dialect.WORDS)


def test_the_stamp_and_the_vo_come_from_the_environment():
    assert (
        said(DIRAC_PILOT_STAMP="abc").environ["PILOT_PILOT_ID"] == "abc"
        and "PILOT_PILOT_ID" not in said("--pilotUUID", "x", DIRAC_PILOT_STAMP="abc").environ
    )
    assert (
        said(DIRAC_PILOT_VO="lhcb").environ["PILOT_VO"] == "lhcb"
        and "PILOT_VO" not in said("--wnVO", "x", DIRAC_PILOT_VO="lhcb").environ
    )


@pytest.mark.parametrize(
    "fqan, vo",
    [
        ("/vo.cta.in2p3.fr/Role=pilot", "vo.cta.in2p3.fr"),
        ("/eng.vo.ibergrid.eu/sub-group/Role=NULL", "eng.vo.ibergrid.eu"),
        ("", ""),
    ],
)
def test_the_vo_of_a_proxy_may_have_dots_hyphens_and_groups(tmp_path, fqan, vo):
    path = tmp_path / "proxy.pem"
    path.write_text(proxy_with(fqan))
    assert vos.find_vo({"X509_USER_PROXY": str(path)}) == vo
    assert (
        vos.find_vo({"X509_USER_PROXY": str(tmp_path)}) == ""
        and vos.find_vo({}) == ""
        and vos.find_vo({"X509_USER_PROXY": str(path), "DIRAC_PILOT_VO": "x"}) == "x"
    )


def test_what_we_cannot_read_openssl_may(tmp_path, programs):
    (tmp_path / "proxy").write_text(
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    )
    programs.make(
        "openssl",
        "echo '  1.3.6.1.4.1.8005.100.100.5: 0..G...vo.example.org.../vo.example.org/group/Role=NULL/Capability=NULL'",
    )
    assert vos.of_proxy(str(tmp_path / "proxy")) == "vo.example.org" and programs.calls(
        "openssl"
    ) == ["x509 -noout -text -in %s" % (tmp_path / "proxy")]


@pytest.mark.parametrize(
    "claims, vo",
    [
        ({"wlcg.groups": ["/dteam/pilots", "/x"]}, "dteam"),
        ({"wlcg.groups": []}, ""),
        ({"sub": "x"}, ""),
        (None, ""),
    ],
)
def test_the_vo_of_a_token(claims, vo):
    token = (
        "h.%s.s" % base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        if claims is not None
        else "plain"
    )
    assert vos.find_vo({"BEARER_TOKEN": token}) == vo


@pytest.mark.parametrize(
    "environ, flavour, reference, kind",
    [
        ({}, "DIRAC", "p1", None),
        ({"PBS_JOBID": "5.server", "PBS_O_QUEUE": "q"}, "SSHPBS", "sshpbs://ce/5", "PBS"),
        ({"JOB_ID": "7"}, "DIRAC", "p1", None),
        ({"SGE_TASK_ID": "1"}, "DIRAC", "p1", None),
        ({"SGE_TASK_ID": "undefined", "JOB_ID": "7"}, "SSHGE", "sshge://ce/7", "SGE"),
        ({"LSB_JOBID": "8"}, "SSHLSF", "sshlsf://ce/8", "LSF"),
        ({"LSB_BATCH_JID": "9", "LSB_JOBID": "8"}, "SSHLSF", "sshlsf://ce/9", "LSF"),
        ({"SLURM_JOB_ID": "10"}, "SSHSLURM", "sshslurm://ce/10", "SLURM"),
        ({"SLURM_JOBID": "11"}, "SSHSLURM", "sshslurm://ce/11", "SLURM"),
        ({"OAR_JOBID": "3"}, "SSHOAR", "sshoar://ce/3", "OAR"),
        (
            {"_CONDOR_JOB_AD": "/x", "CONDORJOBID": "1.0"},
            "SSHCondor",
            "sshcondor://ce/1.0",
            "HTCondor",
        ),
        ({"LOCAL_JOBID": "1"}, "Local", "local://ce/1", None),
        ({"SSHCE_JOBID": "1"}, "SSH", "ssh://ce/1", None),
        ({"SSHBATCH_JOBID": "1", "SSH_NODE_HOST": "n"}, "SSHBATCH", "sshbatchhost://ce/n/1", None),
        (
            {"SLURM_JOB_ID": "10", "HTCONDOR_JOBID": "77"},
            "HTCondorCE",
            "htcondorce://ce/77",
            "SLURM",
        ),
        ({"GRID_GLOBAL_JOBURL": "https://arc/1"}, "ARC", "https://arc/1", None),
        ({"PILOT_UUID": "vm://space/x"}, "CLOUD", "vm://space/x", None),
    ],
)
def test_reference_and_flavour(environ, flavour, reference, kind):
    found = identity.find_submitter(environ, "ce", "p1")
    assert (found.flavour, found.reference, found.system.get("Type")) == (flavour, reference, kind)


OLD = {
    "DefaultSetup": "T",
    "ConfigurationServers": ["dips://a/C/S"],
    "CEs": {
        "ce.test": {
            "Site": "LCG.T.org",
            "GridCEType": "TEST",
            "LocalCEType": "Pool",
            "q2": {"LocalCEType": "Pool/Singularity"},
        }
    },
    "Setups": {
        "Defaults": {
            "Commands": {"Defaults": "CheckWorkerNode, GetPilotVersion"},
            "Version": "v8,v7",
        },
        "T": {"Commands": {"TEST": ["GetPilotVersion"]}, "CommandExtensions": ["dirac"]},
    },
}
NEW = {
    "ConfigurationServers": "dips://a/C/S, dips://b/C/S",
    "CEs": OLD["CEs"],
    "DefaultSetup": "T",
    "Defaults": {
        "Pilot": {
            "RemoteLogging": True,
            "Commands": {"TEST": "GetPilotVersion", "Defaults": "CheckWorkerNode"},
            "CommandExtensions": ["dirac"],
            "Version": ["v9"],
            "CVMFS_locations": "$VO_LHCB_SW_DIR",
        }
    },
    "dteam": {"Pilot": {"Commands": {"OTHER": "NagiosProbes"}}},
    "t-vo": {"Pilot": {"Commands": "CheckWorkerNode"}},
}


@pytest.mark.parametrize(
    "profile, words, plan, settings",
    [
        (
            OLD,
            [],
            ["GetPilotVersion"],
            {
                "release_version": "v8,v7",
                "site": "LCG.T.org",
                "local_ce_type": "Pool",
                "ce_type": "TEST",
            },
        ),
        (OLD, ["-Q", "q2"], ["GetPilotVersion"], {"local_ce_type": "Pool/Singularity"}),
        (OLD, ["-a", "OTHER", "-S", "U"], ["CheckWorkerNode", "GetPilotVersion"], {}),
        (
            NEW,
            [],
            ["GetPilotVersion"],
            {
                "remote_logging": True,
                "release_version": "v9",
                "configuration_servers": ["dips://a/C/S", "dips://b/C/S"],
                "cvmfs_locations": ["$VO_LHCB_SW_DIR"],
            },
        ),
        (NEW, ["--wnVO", "dteam"], ["GetPilotVersion"], {"vo": "dteam"}),
        (NEW, ["--wnVO", "t-vo"], ["CheckWorkerNode"], {}),
    ],
)
def test_both_layouts_of_pilot_json(pilot, tmp_path, profile, words, plan, settings):
    (tmp_path / "pilot.json").write_text(json.dumps(profile))
    ended = pilot("-E", "dirac", "-N", "ce.test", *words)
    assert ended.code == 0, ended.err
    assert [row["command"] for row in ended.report["commands"]] == plan
    assert {name: ended.report["settings"][name]["value"] for name in settings} == settings


def test_variables_in_places_are_filled_in(tmp_path, monkeypatch):
    params = importlib.import_module("pilot_dirac.params")
    monkeypatch.setenv("VO_LHCB_SW_DIR", "/sw")
    trial = run_command(
        importlib.import_module("pilot_dirac.configure_basics").ConfigureBasics,
        tmp_path,
        {"cvmfs_locations": "$VO_LHCB_SW_DIR/x, /cvmfs/b"},
    )
    assert params.params_of(trial.context).CVMFS_locations == ["/sw/x", "/cvmfs/b"]


def test_job_features_in_a_folder_count(pilot, tmp_path):
    features = tmp_path / "jf"
    features.mkdir()
    (features / "allocated_cpu").write_text("1\n")
    ended = pilot(
        "-E", "dirac", "-X", "CheckWorkerNode", env=dict(os.environ, JOBFEATURES=str(features))
    )
    assert ended.code == 0 and ended.report["facts"]["WorkerNode"]["cores"] == 1


def test_what_getopt_gave_is_there_for_modules():
    assert dialect.getopt_pairs(
        [
            "-N",
            "ce",
            "--opti",
            "/A=1",
            "-o/B=2",
            "-d",
            "--cpu-power",
            "20",
            "-k",
            "--pilotSecret",
            "x",
            "--plan",
        ]
    ) == [("-N", "ce"), ("--option", "/A=1"), ("-o", "/B=2"), ("-d", ""), ("-k", "")]


@pytest.mark.parametrize(
    "words, ours",
    [
        (["--config", "dips://x:9135/C/S"], ["--configuration-servers=dips://x:9135/C/S"]),
        (["--config=pilot2.json"], ["--config=pilot2.json"]),
        (["--di", "5"], ["--min-disk-mb=5"]),
        (["--pilotUUID", "vm://space/x"], ["--pilot-id=vm-space-x"]),
    ],
)
def test_odd_ones_are_understood(words, ours):
    assert said(*words).words == ours


def test_a_stamp_may_have_any_letters():
    assert said(DIRAC_PILOT_STAMP="vm://s/x").environ["PILOT_PILOT_ID"] == "vm-s-x"


def test_an_empty_value_of_pilot_json_is_none(pilot, tmp_path):
    (tmp_path / "pilot.json").write_text(
        json.dumps(
            {
                "ConfigurationServers": [],
                "Defaults": {
                    "Pilot": {
                        "RemoteLoggerBufsize": "",
                        "Commands": "GetPilotVersion",
                        "PilotLogLevel": "DEBUG",
                    }
                },
            }
        )
    )
    assert pilot("-E", "dirac").code == 0
