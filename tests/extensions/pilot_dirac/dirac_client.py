"""The package's DIRAC client of small programs, as tests use it."""

from pathlib import Path

from tests.conftest import extension

cfg = extension("pilot_dirac.cfg")
ops = extension("pilot_dirac.ops.client")


class Client:
    """`env` is the script that makes it usable."""

    def __init__(self, folder):
        self.folder = folder / "dirac client"  # with a blank, as some have
        self._client = ops.Client(str(self.folder))
        self.bin, self.env = Path(self._client.bin), Path(self._client.env)
        self.told = {name: dict(value) for name, value in ops.ANSWERS.items()}

    def add(self, name, **answer):
        """A further program, and what it does."""
        self._client.add_program(name)
        self.say(**{name: answer})

    def say(self, **more):
        """What programs tell from now on: dirac_platform={"out": ..., "code": 3, "hangs": True}."""
        for name, value in more.items():
            self.told[name.replace("_", "-")] = value
        self._client.write_answers(self.told)

    def calls(self, name):
        """The arguments of each call."""
        return [call.words for call in self._client.list_calls() if call.program == name]

    def environs(self):
        """The name and the environment of each call."""
        return [(call.program, call.environ) for call in self._client.list_calls()]


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
