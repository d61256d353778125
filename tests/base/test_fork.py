import signal
import subprocess
import sys

import pytest

from pilot.base.fork import start_check
from tests.conftest import ROOT

# a thread is in the middle of importing ctypes, and goes on a little later
BUSY = """
import importlib.abc, importlib.util, sys, threading
sys.path.insert(0, %r)
from pilot.node import container
sys.modules.pop("ctypes", None)
begun, on = threading.Event(), threading.Event()

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "ctypes" and not begun.is_set():
            begun.set()
            on.wait()

sys.meta_path.insert(0, Slow())
thread = threading.Thread(target=lambda: __import__("ctypes"))
thread.start()
begun.wait()
threading.Timer(0.3, on.set).start()
answer = container.start_user_namespace_check()
thread.join()
print(answer() == container.start_check(container._unshares)())
"""


@pytest.mark.parametrize(
    "check, answer", [(lambda: True, True), (lambda: False, False), (lambda: 1 // 0, False)]
)
def test_the_copy_answers(check, answer):
    assert start_check(check)() is answer


def test_a_check_that_hangs_is_ended_by_the_kernel():
    assert start_check(lambda: signal.pause() or True, limit_s=1)() is False


def test_a_thread_that_imports_hangs_no_check():
    done = subprocess.run(
        [sys.executable, "-c", BUSY % str(ROOT)], stdout=subprocess.PIPE, timeout=60
    )
    assert done.stdout.strip() == b"True"
