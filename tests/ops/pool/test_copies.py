"""Copies of a SQLite pool."""

import os
import sys

import pytest

from pilot.ops.pool.__main__ import main
from pilot.pool import open_pool
from tests.pool.asking import add, claim, finish


@pytest.mark.skipif(sys.version_info < (3, 7), reason="3.6 copies no database")
def test_a_copy_is_made_while_it_is_served_and_put_back_after_a_kill(served, tmp_path, capsys):
    with open_pool(served.url) as pool:
        add(pool, *["t%d" % n for n in range(30)])
        lease = claim(pool)[0]
        assert main(["backup", "sqlite:%s/pool.sqlite" % tmp_path, str(tmp_path / "copy")]) == 0
        # never over another
        assert main(["backup", "sqlite:%s/pool.sqlite" % tmp_path, str(tmp_path / "copy")]) == 2
        add(pool, "later")
        assert (
            main(
                ["restore", "sqlite:%s/pool.sqlite" % tmp_path, str(tmp_path / "copy"), "--replace"]
            )
            == 2
        )
        assert "stop that first" in capsys.readouterr().err
    served.kill()
    assert os.path.exists(str(tmp_path / "pool.sqlite-wal"))
    assert main(["restore", "sqlite:%s/pool.sqlite" % tmp_path, str(tmp_path / "copy")]) == 2
    assert (
        main(["restore", "sqlite:%s/pool.sqlite" % tmp_path, str(tmp_path / "copy"), "--replace"])
        == 0
    )
    served.start()
    with open_pool(served.url) as pool:
        assert pool.show("later") is None
        assert pool.status()["locked"] == 1
        assert finish(pool, lease) == "done"
