"""`python3 -m tests.extensions.pilot_dirac.ops.record_upstream FOLDER VERSION`: runs DIRAC's own pilot,
whose files lie in FOLDER, with each of the command lines, and writes down what it did. The tests
compare with that, and need nothing of it."""

import json
import sys
import tempfile
from pathlib import Path

from tests.extensions.pilot_dirac.ops.command_lines import CASES, recording

FACTS = Path(__file__).parent / "upstream.json"


def main(pilot, version):
    found = {}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            one = recording.record_pilot(pilot, case.words, folder, case.site)
        found[name] = recording.as_facts(one)
        print(name, one.exit_code, len(one.calls), flush=True)
    text = json.dumps({"version": version, "recordings": found}, indent=0, sort_keys=True)
    FACTS.write_text(text + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
