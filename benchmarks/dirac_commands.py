"""DIRAC's nine configuration commands by pilot_dirac, against the programs that DIRAC's own pilot
starts for them."""

import json
import os
import sys

from measure import ROOT, paired, scratch, seconds, tell

VENV = os.path.join(ROOT, ".real", "dirac-venv")
SYSTEMS = os.path.join(ROOT, "tests", "real", "systems")
COMMANDS = (
    "CheckWorkerNode, InstallDIRAC, ConfigureBasics, RegisterPilot, CheckCECapabilities, CheckWNCapabilities, ConfigureSite, "
    "ConfigureArchitecture, ConfigureCPURequirements"
)
ROUNDS = 3


def main() -> None:
    """Prints the ratio; where the client is not installed (tests/real/test_dirac.py does that),
    says so."""
    if not os.path.exists(os.path.join(VENV, "ok")):
        print(
            "dirac commands: not measured: DIRAC's client is not installed (tox -e real -- tests/real/test_dirac.py)"
        )
        return
    with scratch() as folder:
        client = os.path.join(folder, "client")
        seconds([os.path.join(SYSTEMS, "dirac-client.sh"), client, VENV], folder)
        profile = {
            "CEs": {"ce.test": {"Site": "LCG.TEST.org", "GridCEType": "TEST"}},
            "ConfigurationServers": [],
            "DefaultSetup": "T",
            "Defaults": {"Pilot": {"Version": "9.1.22", "Commands": {"TEST": COMMANDS}}},
        }
        with open(os.path.join(folder, "pilot.json"), "w") as stream:
            json.dump(profile, stream)
        ours = [
            sys.executable,
            os.path.join(ROOT, "pilot.py"),
            "-E",
            "dirac",
            "-F",
            "pilot.json",
            "-N",
            "ce.test",
            "-Q",
            "q1",
            "--wnVO",
            "dteam",
            "--preinstalledEnv",
            os.path.join(client, "diracosrc"),
            "--cpu-cache",
            "off",
            "--workdir",
            "ours",
        ]
        theirs = [
            os.path.join(SYSTEMS, "dirac-programs.sh"),
            client,
            os.path.join(folder, "theirs"),
        ]
        pairs = paired(lambda: seconds(ours, folder), lambda: seconds(theirs, folder), ROUNDS)
    tell("DIRAC's nine commands", pairs, "s", "aimed at: at most 0.70")


if __name__ == "__main__":
    main()
