"""A stand-in for BOINC's sample wrapper, after its documented ways: reads job.xml in the slot,
starts the application with an environment of nothing but <setenv>, watches the fraction and
checkpoint files each second, and ends with 195 when it failed."""

import os
import re
import signal
import subprocess
import sys
import time

CHILD_FAILED = 195


def tag(text, name, default=""):
    found = re.search("<%s>([^<]*)</%s>" % (name, name), text)
    return found.group(1).strip() if found else default


def main():
    with open("job.xml") as stream:
        task = stream.read()
    environ = dict(re.findall("<setenv>([^=<]+)=([^<]*)</setenv>", task))
    fraction = tag(task, "fraction_done_filename")
    if fraction and os.path.exists(fraction):
        os.unlink(fraction)
    with open(tag(task, "stdout_filename", "stdout.txt"), "ab") as out, open(
        tag(task, "stderr_filename", "stderr.txt"), "ab"
    ) as err:
        child = subprocess.Popen(
            [sys.executable, tag(task, "application")] + tag(task, "command_line").split(),
            stdout=out,
            stderr=err,
            env=environ,
        )

    def stop(signum, frame):
        """What it does when the client aborts: TERM, again nine tenths later, KILL after a
        second."""
        child.terminate()
        for pause, number in ((0.9, signal.SIGTERM), (0.1, signal.SIGKILL)):
            time.sleep(pause)
            if child.poll() is None:
                child.send_signal(number)
        os._exit(194)

    signal.signal(signal.SIGTERM, stop)
    seen = []
    while child.poll() is None:
        time.sleep(0.1)
        try:
            with open(fraction, "rb") as stream:
                seen.append(float(stream.read()[-32:]))
        except (OSError, ValueError):
            pass
    with open("seen", "w") as stream:
        stream.write(" ".join("%g" % value for value in seen))
    if child.returncode:
        sys.stderr.write("app exit status: 0x%x\n" % (child.returncode & 0xff))
        return CHILD_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
