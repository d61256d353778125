"""A file system like CVMFS that hangs and dies: the check's child is killed, the pilot says what it
saw."""

import os
import signal
import subprocess

import pytest

from pilot.node import cvmfs
from tests.conftest import until
from tests.real.conftest import need


@pytest.fixture
def mounted(tmp_path):
    """A FUSE mount and the process that serves it."""
    need("bindfs", "setfattr", "umount")
    source, mount = tmp_path / "source", tmp_path / "cvmfs" / "sft.cern.ch"
    source.mkdir()
    mount.mkdir(parents=True)
    (source / "file").write_text("")
    subprocess.check_call(["setfattr", "-n", "user.revision", "-v", "4242", str(source)])
    served = subprocess.Popen(
        ["bindfs", "-f", "-r", "--xattr-ro", "-o", "fsname=cvmfs2", str(source), str(mount)],
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: os.path.ismount(str(mount)) or served.poll() is not None, 10)
        if served.poll() is not None:
            pytest.skip("FUSE cannot be mounted here")
        yield served, str(mount.parent) + "/"
    finally:
        for signum in (signal.SIGCONT, signal.SIGKILL):
            if served.poll() is None:
                served.send_signal(signum)
        served.wait()
        subprocess.call(["umount", "-l", str(mount)], stderr=subprocess.DEVNULL)


def test_a_repository_that_is_well_hangs_or_is_dead(mounted):
    served, root = mounted
    environ = dict(os.environ)
    well = cvmfs.check("sft.cern.ch", 20, environ, root)
    assert well.ok and well.revision == "4242"
    served.send_signal(signal.SIGSTOP)
    hanging = cvmfs.check("sft.cern.ch", 1, environ, root)
    assert not hanging.ok
    assert "hangs" in hanging.reason
    assert hanging.seconds < 10
    served.send_signal(signal.SIGCONT)
    served.kill()
    served.wait()
    dead = cvmfs.check("sft.cern.ch", 20, environ, root)
    assert not dead.ok and "not connected" in dead.reason
