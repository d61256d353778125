"""Folders of any mode are removed."""

import os
import tempfile

import pytest

from pilot.agent.removal import remove_tree


@pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root, to be a user who may not write everywhere"
)
def test_folders_that_may_not_be_written_are_removed_too(tmp_path):
    place = tempfile.mkdtemp(prefix="rm-", dir="/tmp")
    os.chmod(place, 0o777)
    child = os.fork()
    if child == 0:
        try:
            os.setuid(54321)
            os.makedirs(place + "/home/work/a/b/c")
            open(place + "/home/work/a/b/c/f", "w").close()
            for name in ("/home/work/a/b/c", "/home/work/a/b", "/home/work/a"):
                os.chmod(place + name, 0o555)
            remove_tree(place + "/home")
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0 and os.listdir(place) == []
    os.rmdir(place)
