#!/usr/bin/env python3
"""The pilot: turns this machine into a worker. `pilot.py --help` tells the rest.

This file is the version gate and must parse on any Python, 2.7 included. On an old one it looks for a
newer interpreter and starts that; otherwise it hands over to pilot.__main__.
"""

import os
import sys

FLOOR = (3, 6)
NAMES = ["python3"] + ["python3.%d" % minor for minor in range(14, 5, -1)]
PLACES = [
    "/usr/libexec/platform-python",
    "/usr/local/bin/python3",
    "/usr/bin/python3",
    "/opt/rh/rh-python38/root/usr/bin/python3",
    "/opt/rh/rh-python36/root/usr/bin/python3",
    "/cvmfs/sft.cern.ch/lcg/releases/Python/current/x86_64-el9-gcc13-opt/bin/python3",
    "/cvmfs/dirac.egi.eu/dirac/pro/Linux-x86_64/bin/python3",
    "/cvmfs/oasis.opensciencegrid.org/osg/modules/python/current/bin/python3",
]
TRIED = "PILOT_PYTHON_TRIED"


def candidates(path):
    """Interpreters that may be new enough: on PATH first, then in the usual places."""
    folders = [folder for folder in path.split(os.pathsep) if folder]
    found = [os.path.join(folder, name) for name in NAMES for folder in folders] + PLACES
    return [name for name in found if os.access(name, os.X_OK)]


def is_new_enough(interpreter):
    """Whether this interpreter starts and is 3.6 or newer."""
    import subprocess

    code = "import sys; sys.exit(0 if sys.version_info >= %r else 9)" % (FLOOR,)
    null = open(os.devnull, "r+")
    try:
        return subprocess.call([interpreter, "-c", code], stdin=null, stdout=null, stderr=null) == 0
    except OSError:
        return False
    finally:
        null.close()


def start_newer(script):
    """Replace this process by a newer Python running `script`; returns only if there is none."""
    if not os.environ.get(TRIED):
        os.environ[TRIED] = "1"
        for interpreter in candidates(os.environ.get("PATH") or os.defpath):
            if is_new_enough(interpreter):
                os.execv(interpreter, [interpreter, script] + sys.argv[1:])
    sys.stderr.write("pilot: error: Python %d.%d or newer is needed, this is %s (%s), and none was found on PATH, as "
                     "platform-python or in CVMFS\n" % (FLOOR + (sys.version.split()[0], sys.executable)))
    sys.exit(10)


if __name__ == "__main__":
    if sys.version_info < FLOOR:
        start_newer(sys.path[0] if os.path.isfile(sys.path[0]) else os.path.abspath(__file__))
    os.environ.pop(TRIED, None)
    from pilot.__main__ import main

    sys.exit(main())
