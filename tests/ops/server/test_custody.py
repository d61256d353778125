"""The file that a server serves."""

import os
import sys

import pytest

from pilot.errors import UsageError
from pilot.ops.pool.__main__ import main
from pilot.ops.server.custody import Custody
from pilot.pool import open_pool
from tests.conftest import steady, until
from tests.pool.asking import add


def stopped(one):
    code = one.child.wait(timeout=20)
    one.child.stdout.close()
    return code, one.log()


@pytest.mark.parametrize("harm", ["removed", "replaced", "wal"])
@pytest.mark.skipif(sys.version_info < (3, 7), reason="3.6 copies no database")
def test_a_server_whose_file_goes_away_stops_and_keeps_what_it_had(served, tmp_path, harm):
    with open_pool(served.url) as pool:
        add(pool, *["t%d" % n for n in range(50)])
        path = tmp_path / "pool.sqlite"
        if harm == "wal":
            began = steady()
            # it looks at its file each second, and has seen this one then
            until(lambda: steady() - began > 2.5)
            os.unlink(str(path) + "-wal")
        else:
            open_pool("sqlite:%s/other" % tmp_path, create=True).close()
            path.unlink()
            if harm == "replaced":
                os.rename(str(tmp_path / "other"), str(path))
    code, log = stopped(served)
    assert code == 50
    assert "the server stops" in log
    rescued = next(tmp_path.glob("pool.sqlite.rescued-*"))
    assert main(["restore", "sqlite:%s/new.sqlite" % tmp_path, str(rescued)]) == 0
    with open_pool("sqlite:%s/new.sqlite" % tmp_path) as pool:
        assert pool.status()["todo"] == 50


@pytest.mark.parametrize("way", ["symlink", "hard link", "removed lock"])
def test_one_server_at_a_time_by_whatever_name(served, tmp_path, capsys, way):
    path, other = tmp_path / "pool.sqlite", tmp_path / "other.sqlite"
    if way == "symlink":
        other.symlink_to(path)
    elif way == "hard link":
        os.link(str(path), str(other))
    else:
        other = path
        for lock in tmp_path.glob("*.lock"):
            lock.unlink()
    assert main(["serve", "sqlite:%s" % other, "--listen", "127.0.0.1:0"]) == 2
    assert "another server serves it already" in capsys.readouterr().err


def test_locks_that_do_nothing_are_noticed(tmp_path, monkeypatch):
    (tmp_path / "p").write_bytes(b"")
    import fcntl

    monkeypatch.setattr(fcntl, "flock", lambda *words: None)
    with pytest.raises(UsageError, match="locks do nothing"):
        Custody(str(tmp_path / "p"))

    def lacking(*words):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", lacking)
    with pytest.raises(UsageError, match="has no locks: No locks available"):
        Custody(str(tmp_path / "p"))


@pytest.fixture
def held(tmp_path):
    """A file in custody."""
    (tmp_path / "p").write_bytes(b"tasks")
    one = Custody(str(tmp_path / "p"))
    yield one
    one.close()


def test_a_file_that_is_as_it_was_is_no_problem(held):
    assert held.find_problem() == ""


def test_another_cannot_take_what_is_held(held):
    with pytest.raises(UsageError, match="another server serves it already"):
        Custody(held.path)


def test_what_was_let_go_of_can_be_taken(tmp_path):
    (tmp_path / "p").write_bytes(b"")
    for _ in range(2):
        Custody(str(tmp_path / "p")).close()


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match="/p: cannot be served: No such file or directory"):
        Custody(str(tmp_path / "p"))


def test_a_file_that_was_removed_is_gone(held):
    os.unlink(held.path)
    assert held.find_problem() == "%s no longer exists: No such file or directory" % held.path


def test_a_file_in_its_place_is_another(held):
    with open(held.path + ".new", "wb") as stream:
        stream.write(b"tasks")
    os.rename(held.path + ".new", held.path)
    assert held.find_problem() == "%s was replaced by another file" % held.path


def test_a_write_ahead_log_that_comes_later_is_no_problem(held):
    held.find_problem()
    open(held.path + "-wal", "w").close()
    assert held.find_problem() == ""


def test_a_write_ahead_log_that_goes_is_one(held):
    open(held.path + "-wal", "w").close()
    held.find_problem()
    os.unlink(held.path + "-wal")
    assert held.find_problem() == "%s-wal was removed or replaced" % held.path
