"""What a process asks of the kernel for itself, seen from outside of it."""

import signal
import subprocess
import sys

from pilot.base import process_tree
from tests.conftest import ROOT, until

# the parent tells its child's pid and waits
PARENT = """
import os, signal, sys
sys.path.insert(0, %r)
from pilot.base import prctl
ours, theirs = os.pipe()
child = os.fork()
if not child:
    prctl.die_with_parent(signal.SIGKILL)
    os.write(theirs, b"x")
    signal.pause()
os.read(ours, 1)
print(child, flush=True)
signal.pause()
"""
DUMPABLE = """
import ctypes, sys
sys.path.insert(0, %r)
from pilot.base import prctl
prctl.hide_environment()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""
PREPARED = """
import ctypes, signal, sys
sys.path.insert(0, %r)
from pilot.base import prctl
def asked():
    found = ctypes.c_int(0)
    ctypes.CDLL(None).prctl(2, ctypes.byref(found), 0, 0, 0)
    return found.value
step = prctl.prepared(prctl.PDEATHSIG, signal.SIGTERM)
before = asked()
step()
print(before, asked())
"""
WITHOUT = """
import sys
sys.path.insert(0, %r)
sys.modules["ctypes"] = None
from pilot.base import prctl
print(prctl.prepared(prctl.PDEATHSIG, 9), prctl.die_with_parent())
"""


def said(code):
    return subprocess.check_output([sys.executable, "-c", code % str(ROOT)]).decode().strip()


def gone(pid):
    found = process_tree.look_up(pid)
    return found is None or found.state == "Z"


def test_a_child_dies_with_its_parent():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT % str(ROOT)], stdout=subprocess.PIPE
    )
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: gone(child), what="the child's end")


def test_a_hidden_environment_is_no_more_to_be_dumped():
    assert said(DUMPABLE) == "0"


def test_where_there_is_no_prctl_nothing_happens():
    assert said(WITHOUT) == "None False"


def test_a_prepared_step_does_it_only_when_it_is_called():
    assert said(PREPARED).split() == ["0", str(int(signal.SIGTERM))]
