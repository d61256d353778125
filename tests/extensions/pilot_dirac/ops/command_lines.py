"""The command lines, sites and files with which two pilots are compared."""

import json
import shlex
from typing import Any, Dict, NamedTuple

from tests.conftest import extension
from tests.grid_proxy import proxy_with

recording = extension("pilot_dirac.ops.recording")

SERVER = "dips://cs.test:9135/Configuration/Server"
NEW = {
    "CEs": {"ce.test": {"Site": "LCG.TEST.org", "GridCEType": "TEST", "LocalCEType": "InProcess"}},
    "ConfigurationServers": [SERVER],
    "DefaultSetup": "T-Setup",
    "Defaults": {"Pilot": {"RemoteLogging": "False", "Version": "9.1.22"}},
}
OLD = {
    "CEs": {"ce.test": {"Site": "LCG.TEST.org", "GridCEType": "TEST"}},
    "ConfigurationServers": [SERVER],
    "DefaultSetup": "T-Setup",
    "Setups": {
        "Defaults": {"Version": "v9r1p22, v9r1p20", "Commands": {"Defaults": []}},
        "T-Setup": {"Project": "Vo"},
    },
}
PLACE = "-n LCG.TEST.org -N ce.test -Q q1"
USUAL = PLACE + " --wnVO dteam --pilotUUID p1"
FIVE = "CheckWorkerNode,InstallDIRAC,ConfigureBasics,ConfigureSite,LaunchAgent"
HOUSE = {
    # ours measures nothing, so that both have the same power
    "PATH": "/usr/bin:/bin", "PILOT_CPU_POWER": "20",
    "X509_CERT_DIR": "{client}", "X509_VOMS_DIR": "{client}", "X509_VOMSES": "{client}",
}
# each in the environment of its job
SYSTEMS: Dict[str, Dict[str, str]] = {
    "condor": {"_CONDOR_JOB_AD": "/the/ad", "CONDOR_JOBID": "77.0"},
    "condor ad alone": {"_CONDOR_JOB_AD": "/the/ad"},
    "condor-ce": {"_CONDOR_JOB_AD": "/the/ad", "CONDOR_JOBID": "77.0", "HTCONDOR_JOBID": "78.0"},
    "slurm": {"SLURM_JOBID": "12", "SLURM_JOB_ID": "12"},
    "gridengine": {"SGE_TASK_ID": "undefined", "JOB_ID": "5", "SGE_BINARY_PATH": "/sge", "QUEUE": "all.q"},
    "lsf": {"LSB_BATCH_JID": "6", "LSF_BINDIR": "/lsf/bin", "LSB_HOSTS": "h1 h2", "LSF_ENVDIR": "/lsf",
            "LSB_QUEUE": "long"},
    "pbs": {"PBS_JOBID": "9.server", "PBS_O_PATH": "/pbs/bin", "PBS_O_QUEUE": "grid"},
    "oar": {"OAR_JOBID": "4"},
    "arc": {"GRID_GLOBAL_JOBURL": "gsiftp://arc.test:2811/jobs/abc"},
    "arc on condor": {"GRID_GLOBAL_JOBURL": "https://arc.test/jobs/a", "_CONDOR_JOB_AD": "/the/ad",
                      "CONDOR_JOBID": "77.0"},
    "ssh": {"SSHCE_JOBID": "s1"},
    "ssh batch": {"SSHBATCH_JOBID": "b1", "SSH_NODE_HOST": "n1"},
    "local": {"LOCAL_JOBID": "l1"},
    "vacuum": {"PILOT_UUID": "vac://space.test/1/2"},
    "vm stamp": {"DIRAC_PILOT_STAMP": "stamp-7"},
    "site director": {"DIRAC_PILOT_STAMP": "0123456789abcdef0123456789abcdef"},
}
LINES = {
    "usual": USUAL,
    "director of 9": USUAL + " --release=9.1.22 -S T-Setup -l Vo -M 3 --PollingTime 15",
    "queue alone": "-N ce.test -Q q1 --wnVO dteam --pilotUUID p1",
    "without a vo": PLACE + " --pilotUUID p1",
    "without a uuid": PLACE + " --wnVO dteam",
    "release with letters": USUAL + " -r v9r1p22",
    "release with v": USUAL + " -r v9.1.22",
    "release list": USUAL + " --release=9.1.22,9.1.20",
    "project": USUAL + " -l Vo",
    "extra packages": USUAL + " -e Vo,More",
    "setup": USUAL + " -S Other",
    "server": USUAL + " -C dips://other.test:9135/Configuration/Server",
    "gateway": USUAL + " -W dips://gate.test:9159",
    "owner": USUAL + " -G dteam_pilot -O /DC=test/CN=pilot",
    "tags": USUAL + " -t One,Two --requiredTag Three",
    "tags twice": USUAL + " -t One -t Two",
    "ce type": USUAL + " -y Singularity",
    "inner pool": USUAL + " -y Pool -P 4",
    "inner pool with singularity": USUAL + " -y Pool/Singularity -P 4",
    "processors": USUAL + " -P 8 -m 4",
    "cpu time": USUAL + " -T 86400",
    "disk": USUAL + " -D 100",
    "agent options": USUAL
    + " -M 7 --PollingTime 30 --StopOnApplicationFailure False --StopAfterFailedMatches 3",
    "an option": USUAL + " -o /LocalSite/Mine=1",
    "options": USUAL
    + " -o /LocalSite/Mine=1 -o '/Resources/Computing/CEDefaults/X=a b' --option=/DIRAC/Security/Y=2",
    "option with commas": USUAL + " -o /LocalSite/Lists=a,b,c",
    "install only": USUAL + " -o diracInstallOnly -X CheckWorkerNode",
    "debug": USUAL + " -d",
    "cluster": USUAL + " -dk",
    "keep python path": USUAL + " -k",
    "abbreviated": "--na=LCG.TEST.org --Na=ce.test --Q=q1 --wn=dteam --pilotU=p1 --Max=4",
    "certificate": USUAL + " --cert --certLocation={client}",
    "certificate short": USUAL + " -c --certLocation={client}",
    "architecture": USUAL + " --architectureScript=dirac-architecture",
    "user variables": USUAL + " --userEnvVariables FIRST:::1,SECOND:::two",
    "command options": USUAL + " -Z a=1,b=2 -Z c=3",
    "five commands": USUAL + " -X " + FIVE,
    "no worker node": USUAL + " -X " + FIVE.replace("CheckWorkerNode,", ""),
    "old version step": USUAL + " -X GetPilotVersion," + FIVE,
    "without the cli": USUAL + " -X " + FIVE.replace("LaunchAgent", "ConfigureArchitectureWithoutCLI"),
    "execute": USUAL + " -X InstallDIRAC,LaunchAgent -x 'dirac-version 1 2'",
    "cvmfs": USUAL + " --CVMFS_locations={client}/cvmfs",
    "cvmfs twice": USUAL + " --CVMFS_locations=/no/such,{client}/cvmfs",
    "cvmfs prefix": USUAL + " --preinstalledEnvPrefix={client}/cvmfs/dirac",
    "reference": USUAL + " -R myref",
    "unknown extension": USUAL + " -E Nobody -X " + FIVE,
    "unknown command": USUAL + " -X CheckWorkerNode,NoSuch",
    "unknown option": USUAL + " --nosuch=1",
    "bad number": USUAL + " -m many",
    "dead options": USUAL + " -s sec -u url",
    "grid type": USUAL + " -a TEST",
    "options of pip": USUAL + " --pipInstallOptions=--quiet",
    "a log server that is down": USUAL + " -z -g https://127.0.0.1:1/WorkloadManagement/TornadoPilotLogging",
}
ANSWERS: Dict[str, Dict[str, Any]] = {
    "whole node": {"dirac-resource-get-parameters": {"out": '{"WholeNode": "True"}\n'}},
    "no tags": {"dirac-resource-get-parameters": {"out": "{}\n"}},
    "tag as text": {"dirac-resource-get-parameters": {"out": '{"Tag": ["A"], "LocalCEType": "Pool"}\n'}},
    "gpus": {"dirac-wms-get-wn-parameters": {"out": "1 0 2\n"}},
    "two counts": {"dirac-wms-get-wn-parameters": {"out": "1 4000\n"}},
    "a word more": {"dirac-wms-get-wn-parameters": {"out": "1 4000 0 more\n"}},
    "configure fails": {"dirac-configure": {"err": "cannot\n", "code": 3}},
    "no queue": {"dirac-resource-get-parameters": {"err": "no queue\n", "code": 1}},
    "no json": {"dirac-resource-get-parameters": {"out": "nothing\n"}},
    "no counts": {"dirac-wms-get-wn-parameters": {"code": 1}},
    "no platform": {"dirac-platform": {"code": 2}},
    "not registered": {"dirac-admin-add-pilot": {"code": 1}},
    "agent fails": {"dirac-agent": {"code": 9}},
}


def _layout(**pilot: object) -> Dict[str, Any]:
    return dict(NEW, Defaults={"Pilot": dict(NEW["Defaults"]["Pilot"], **pilot)})


JSONS: Dict[str, Any] = {
    "old layout": OLD,
    "old layout, commands by type": dict(OLD, Setups={"Defaults": {
        "Version": "9.1.22", "Commands": {"TEST": FIVE.split(",")}}}),
    "old layout, commands as text": dict(OLD, Setups={"T-Setup": {
        "Version": "9.1.22", "Commands": {"Defaults": FIVE.replace(",", ", ")}}}),
    "old layout, misplaced commands": dict(OLD, Defaults={"Commands": {"Defaults": FIVE.split(",")}}),
    "old layout, server of a setup": dict(OLD, Setups={"T-Setup": {
        "Version": "9.1.22", "ConfigurationServer": ["dips://setup.test/Configuration/Server"]}}),
    "commands by type": _layout(Commands={"TEST": FIVE}),
    "commands of a vo": dict(NEW, dteam={"Pilot": {"Commands": {"Defaults": FIVE}}}),
    "version of a vo": dict(NEW, dteam={"Pilot": {"Version": "9.1.20"}}),
    "a project": _layout(Project="Vo"),
    "patterns": dict(NEW, PreferredURLPatterns=[".*test.*"]),
    "places": _layout(CVMFS_locations="/no/such, {client}/cvmfs"),
    "debug by configuration": _layout(PilotLogLevel="DEBUG"),
    "two servers": dict(NEW, ConfigurationServers=[SERVER, "dips://b.test/Configuration/Server"]),
    "no servers": {"CEs": {}, "DefaultSetup": "T-Setup"},
    "none": None,
}


class Case(NamedTuple):
    """A command line at a site."""

    words: Any
    site: Any


def _make(words: str, pilot_json: Any = NEW, answers: Any = None, **environ: str) -> Case:
    files = {"proxy": proxy_with("/dteam/Role=pilot").encode()}
    if pilot_json is not None:
        files["pilot.json"] = json.dumps(pilot_json).encode()
    return Case(shlex.split(words), recording.Site(dict(HOUSE, **environ), files, answers or {}))


CASES: Dict[str, Case] = {name: _make(words) for name, words in LINES.items()}
CASES.update(("system: " + name, _make(USUAL, **found)) for name, found in SYSTEMS.items())
CASES.update(("answer: " + name, _make(USUAL, answers=found)) for name, found in ANSWERS.items())
CASES.update(("json: " + name, _make(USUAL, found)) for name, found in JSONS.items())
CASES.update({
    "proxy": _make(PLACE, X509_USER_PROXY="{work}/proxy"),
    "vo by the environment": _make(PLACE + " --pilotUUID p1", DIRAC_PILOT_VO="dteam"),
    "python path": _make(USUAL, PYTHONPATH="/some/python"),
    "library path": _make(USUAL, LD_LIBRARY_PATH="/some/lib"),
    "no certificates but on cvmfs": _make(
        USUAL + " --CVMFS_locations={client}/cvmfs",
        X509_CERT_DIR="", X509_VOMS_DIR="", X509_VOMSES="",
    ),
})
