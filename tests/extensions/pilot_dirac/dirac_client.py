"""A DIRAC client of small programs that print what the real ones print; each keeps the arguments it
was called with."""

import json
import stat
import sys

from tests.conftest import extension

cfg = extension("pilot_dirac.cfg")
PROGRAM = """#!%(python)s
import json, os, signal, sys
here, name = os.path.dirname(os.path.abspath(__file__)), os.path.basename(__file__)
with open(os.path.join(here, "calls.jsonl"), "a") as log:
    log.write(json.dumps([name] + sys.argv[1:]) + "\\n")
with open(os.path.join(here, "environs.jsonl"), "a") as log:
    log.write(json.dumps([name, dict(os.environ)]) + "\\n")
with open(os.path.join(here, "told.json")) as stream:
    told = json.load(stream).get(name, {})
sys.stdout.write(told.get("out", ""))
sys.stderr.write(told.get("err", ""))
sys.stdout.flush()
if told.get("hangs"):
    if told["hangs"] == "for good":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(os.path.join(here, "hanging.new"), "w") as stream:
        stream.write(str(os.getpid()))
    os.rename(os.path.join(here, "hanging.new"), os.path.join(here, "hanging"))
    while True:
        signal.pause()
if name == "dirac-configure" and not told.get("code"):
    words = sys.argv[1:]
    lines = [word for at, word in enumerate(words) if at and words[at - 1] == "-o" and "=" in word]
    with open(words[words.index("-O") + 1], "w") as stream:
        stream.write("LocalInstallation\\n{\\n  SkipCAChecks = True\\n}\\nLocalSite\\n{\\n")
        for line in lines:
            if line.startswith("/LocalSite/"):
                pair = tuple(line[len("/LocalSite/"):].split("=", 1))
                stream.write("  %%s = %%s\\n" %% pair)
        stream.write("}\\n")
if name == "python3":
    os.execv(%(python)r, [%(python)r] + sys.argv[1:])
sys.exit(told.get("code", 0))
"""
TOLD = {
    "dirac-version": {"out": "9.1.22\n"},
    "dirac-configure": {},
    "dirac-admin-add-pilot": {},
    "dirac-resource-get-parameters": {
        "out": "Running without remote configuration\n"
        '{"CEType": "HTCondorCE", "MaxRAM": "2048", "Tag": ["GPU", "MyTag"], "maxCPUTime": "120", '
        '"RequiredTag": ["special"], "NumberOfProcessors": "2", "Queue": "q1"}\n'
    },
    "dirac-wms-get-wn-parameters": {"out": "Getting number of processors\n2 0 0\n"},
    "dirac-platform": {"out": "Linux_x86_64_glibc-2.36\n"},
    "dirac-architecture": {"out": "x86_64-el9\n"},
    "dirac-wms-get-queue-cpu-time": {
        "out": "Batch system information not available\nCPU time left determined as 7200\n"
    },
    "dirac-agent": {
        "out": "JobAgent INFO: Job being submitted (DIRAC JobID: 7; Task ID: 0)\n"
        "JobAgent INFO: No more agent modules to execute. Exiting\n"
    },
}


class Client:
    """`env` is the script that makes it usable."""

    def __init__(self, folder):
        self.folder = folder / "dirac client"  # with a blank, as some have
        self.bin = self.folder / "bin"
        self.bin.mkdir(parents=True)
        self.told = {name: dict(value) for name, value in TOLD.items()}
        for name in self.told:
            path = self.bin / name
            path.write_text(PROGRAM % {"python": sys.executable})
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        self.env = self.folder / "diracosrc"
        self.env.write_text('export PATH="%s:$PATH"\nexport DIRAC="%s"\n' % (self.bin, self.folder))
        self.say()

    def say(self, **more):
        """What programs tell from now on: dirac_platform={"out": ..., "code": 3, "hangs": True}."""
        for name, value in more.items():
            self.told[name.replace("_", "-")] = value
        (self.bin / "told.json").write_text(json.dumps(self.told))

    def calls(self, name):
        """The arguments of each call."""
        log = self.bin / "calls.jsonl"
        found = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [words[1:] for words in found if words[0] == name]

    def environs(self):
        """The name and the environment of each call."""
        log = self.bin / "environs.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


NINE = (
    "CheckWorkerNode,InstallDIRAC,ConfigureBasics,RegisterPilot,CheckCECapabilities,"
    "CheckWNCapabilities,ConfigureSite,ConfigureArchitecture,ConfigureCPURequirements"
)


def settings_in(folder):
    """The sections of pilot.cfg in this folder."""
    return cfg.parse_cfg((folder / "pilot.cfg").read_text())


def settings_of(ended):
    """The pilot.cfg that a pilot left."""
    return settings_in(ended.workdir)


# a community's module of one command: its name, and what it does
A_MODULE = """from pilotTools import CommandBase


class %s(CommandBase):
    def execute(self):
        %s
"""
