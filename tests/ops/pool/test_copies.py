"""Copies of a SQLite pool."""

import contextlib
import os
import shutil
import sqlite3
import sys

import pytest

from pilot.errors import UsageError
from pilot.ops.pool import copies
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


@pytest.fixture
def path(tmp_path):
    """A pool's file with one task."""
    place = str(tmp_path / "p.sqlite")
    with open_pool("sqlite:" + place, create=True) as pool:
        add(pool, "a")
    return place


def damage(path):
    with open_pool("sqlite:" + path) as pool:
        add(pool, *["t%d" % n for n in range(500)])
    with open(path, "r+b") as stream:
        stream.seek(8192)
        stream.write(b"\xff" * 20000)


@pytest.mark.parametrize(
    "spoil, sentence",
    [
        (os.unlink, "there is no such file"),
        (lambda path: open(path, "w").close(), "is empty: restore it from a copy"),
        (damage, r"is damaged: [^\n]*; restore it from a copy"),
    ],
    ids=["gone", "empty", "damaged"],
)
def test_a_file_that_is_no_whole_pool_is_told(path, spoil, sentence):
    spoil(path)
    with pytest.raises(UsageError, match=sentence):
        copies.check_file(path)


def test_another_programs_database_is_no_pool(tmp_path):
    path = str(tmp_path / "other")
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE x (a)")
    with pytest.raises(UsageError, match="is no pool"):
        copies.check_file(path)


needs_backup = pytest.mark.skipif(sys.version_info < (3, 7), reason="3.6 copies no database")


@needs_backup
def test_a_copy_is_one_file_of_its_owners(path, tmp_path):
    size = copies.copy_pool(path, str(tmp_path / "copy"))
    found = (tmp_path / "copy").stat()
    assert (found.st_size, found.st_mode & 0o777) == (size, 0o600)


@pytest.mark.skipif(sys.version_info >= (3, 7), reason="only 3.6 copies no database")
def test_a_python_that_copies_no_database_says_what_does(path, tmp_path):
    with pytest.raises(UsageError, match="backup needs Python 3.7 or newer"):
        copies.copy_pool(path, str(tmp_path / "copy"))


@needs_backup
def test_a_copy_that_cannot_be_made_leaves_nothing(path, tmp_path):
    with pytest.raises(UsageError, match="/none/copy cannot be made: .*No such file"):
        copies.copy_pool(path, str(tmp_path / "none" / "copy"))


def test_what_is_not_there_is_not_copied(tmp_path):
    with pytest.raises(UsageError, match="there is no such file"):
        copies.copy_pool(str(tmp_path / "none"), str(tmp_path / "copy"))


def test_a_copy_is_not_put_over_a_pool_unasked(path, tmp_path):
    shutil.copy(path, str(tmp_path / "copy"))
    with pytest.raises(UsageError, match="exists already: --replace replaces it with the copy"):
        copies.put_back(path, str(tmp_path / "copy"), False)


def test_what_lay_beside_the_old_pool_goes_with_it(path, tmp_path):
    shutil.copy(path, str(tmp_path / "copy"))
    (tmp_path / "p.sqlite.story").write_text("of other tasks")
    copies.put_back(path, str(tmp_path / "copy"), True)
    assert not (tmp_path / "p.sqlite.story").exists()


def test_a_copy_that_a_program_still_writes_is_not_put_back(path, tmp_path):
    shutil.copy(path, str(tmp_path / "copy"))
    with open_pool("sqlite:%s/copy" % tmp_path) as pool:
        add(pool, "b")
        with pytest.raises(UsageError, match="a program has it open: copy it with pilot.pool back"):
            copies.put_back(path, str(tmp_path / "copy"), True)
