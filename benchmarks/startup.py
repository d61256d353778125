"""Start-up: a whole pilot with `-X CheckWorkerNode` from the single file against the bare
interpreter."""

import subprocess
import sys

from measure import paired, scratch, seconds, single_file, tell


def main() -> None:
    """Prints the ratio for this interpreter, and for others named on the command line."""
    with scratch() as folder:
        for python in sys.argv[1:] or [sys.executable]:
            program = single_file(folder)
            version = subprocess.run([python, "-V"], stdout=subprocess.PIPE).stdout.decode().strip()
            pairs = paired(lambda: seconds([python, program, "-X", "CheckWorkerNode"], folder),
                           lambda: seconds([python, "-I", "-c", "pass"], folder), 31)
            tell("startup, %s" % version, pairs, "s", "aimed at: at most 2.5")


if __name__ == "__main__":
    main()
