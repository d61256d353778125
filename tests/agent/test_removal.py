"""Folders of any mode are removed."""

import os
import sys
import tempfile

import pytest

from pilot.agent.removal import remove_tree
from tests.agent.running import PLAN, put


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
    assert os.waitpid(child, 0)[1] == 0
    assert os.listdir(place) == []
    os.rmdir(place)


def test_folders_of_any_depth_and_mode_are_removed(pool, pilot):
    deep = "i=0; while [ $i -lt 3000 ]; do mkdir d; cd d; i=$((i+1)); done; touch f; cd /; exit 0"
    put(
        pool,
        {
            "id": "deep",
            "command": [
                sys.executable,
                "-c",
                "import os\nfor n in range(5000):\n os.mkdir('d'); os.chdir('d')\n"
                "open('f', 'w').close()",
            ],
        },
        {"id": "closed", "script": "mkdir -p a/b; touch a/b/c; chmod 000 a"},
        {"id": "shell", "script": deep},
    )
    ended = pilot(*(PLAN + ("--pool", pool)))
    assert ended.code == 0
    assert ended.report["tasks"]["done"] == 3
    assert not [
        name
        for name in os.listdir(str(next(ended.workdir.glob("pilot-*/tasks"))))
        if not name.startswith("slot")
    ]
    assert not [path for path in ended.workdir.glob("pilot-*/tasks/slot-*/work/*")]
