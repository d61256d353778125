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
    import time

    code = "import sys; sys.exit(sys.version_info < %r)" % (FLOOR,)
    null = open(os.devnull, "r+")
    try:
        child = subprocess.Popen([interpreter, "-c", code], stdin=null, stdout=null, stderr=null)
        for _ in range(100):  # ten seconds: one on a file system that hangs is not waited for
            if child.poll() is not None:
                return child.returncode == 0
            time.sleep(0.1)
        child.kill()
        return False
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


def close_path(script):
    """Import nothing from the folder that we were started in or from: whoever may write there would be us."""
    here = [os.path.dirname(os.path.abspath(script)), os.path.dirname(os.path.realpath(script))] if script else []
    if sys.path[:1] and sys.path[0] in ["", script] + here:
        del sys.path[0]


def start_text(loader, files):
    """The entry of the text form: `loader` and `files` are what the script holds besides this gate."""
    script = globals().get("__file__")
    close_path(script)
    if not script or script.startswith(("/dev/", "/proc/")) or not os.path.isfile(script):
        script = None  # read from a pipe
    if sys.version_info < FLOOR:
        start_newer(script or stored_text(loader, files))
    os.environ.pop(TRIED, None)
    names = {"__name__": "pilot_loader"}
    try:
        exec(compile(loader, "<loader>", "exec"), names)
        leave(names["run_text"](files, script))
    except ImportError as error:
        refuse(error)


def stored_text(loader, files):
    """A script for a newer Python, in an unlinked file that stays open: nothing is left on disk."""
    import tempfile

    text = "LOADER = %r\nFILES = %r\nimport sys\nexec(LOADER)\nsys.exit(run_text(FILES, None))\n" % (loader, files)
    try:
        store = tempfile.TemporaryFile()
        store.write(text.encode("ascii"))
        store.flush()
    except EnvironmentError as error:
        sys.stderr.write("pilot: error: this pilot, read from a pipe, cannot be stored for a newer Python: %s; set TMPDIR\n" % error)
        sys.exit(10)
    copy = os.dup(store.fileno())
    if hasattr(os, "set_inheritable"):  # 3.4 and 3.5 close descriptors when they start another program
        os.set_inheritable(copy, True)
    return "/dev/fd/%d" % copy


def refuse(error):
    """End with a sentence where Python's own library lacks what we need from the start."""
    if (error.name or "pilot").split(".")[0] in ("pilot", "commands", "pilot_loader"):
        raise error  # ours; 3.6 does not tell whose name is missing
    sys.stderr.write("pilot: error: %s: %s is not a whole Python\n" % (error, sys.executable))
    sys.exit(10)


def leave(code):
    """End the process with this code without the interpreter's teardown, which takes as long as a short pilot."""
    import atexit

    atexit._run_exitfuncs()
    os._exit(code)


if __name__ == "__main__":
    if sys.version_info < FLOOR:
        start_newer(sys.path[0] if os.path.isfile(sys.path[0]) else os.path.abspath(__file__))
    os.environ.pop(TRIED, None)
    try:
        if os.path.isfile(sys.path[0]):  # we are a zip
            import pilot_loader

            place = sys.path[0]
            close_path(place)
            leave(pilot_loader.run_zip(place))
        if sys.path[0] != os.path.dirname(os.path.realpath(__file__)):  # -I
            sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
        from pilot.__main__ import main

        leave(main())
    except ImportError as error:
        refuse(error)
