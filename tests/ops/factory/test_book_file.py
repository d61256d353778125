"""The file of the book."""

import sqlite3

import pytest

from pilot.errors import UsageError
from pilot.ops.factory import book_file
from pilot.ops.factory.book import END, NOTHING, Book
from pilot.ops.factory.book_file import VERSION, BookFile

# the tables of version 1 that version 2 changed
VERSION_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE submissions (tag TEXT PRIMARY KEY, site TEXT NOT NULL, backend TEXT NOT NULL,
    count INTEGER NOT NULL, made REAL NOT NULL, made_s REAL NOT NULL, state TEXT NOT NULL,
    system_id TEXT NOT NULL DEFAULT '', sha256 TEXT NOT NULL, why TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE pilots (pilot TEXT PRIMARY KEY, tag TEXT NOT NULL, number INTEGER NOT NULL, site TEXT NOT NULL,
    job TEXT NOT NULL, state TEXT NOT NULL, node TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    exit_code INTEGER, submitted REAL NOT NULL, started REAL, started_s REAL, ended REAL, done INTEGER,
    missing_s REAL) WITHOUT ROWID;
CREATE TABLE levels (site TEXT NOT NULL, at REAL NOT NULL, demand INTEGER, pending INTEGER NOT NULL,
    running INTEGER NOT NULL, held INTEGER NOT NULL);
CREATE TABLE decisions (seq INTEGER PRIMARY KEY, site TEXT NOT NULL, first REAL NOT NULL, last REAL NOT NULL,
    times INTEGER NOT NULL, line TEXT NOT NULL);
INSERT INTO meta VALUES ('version', '1');
INSERT INTO submissions VALUES ('t', 'main', 'slurm', 2, 1.0, 1.0, 'sent', '17', '', '');
INSERT INTO pilots VALUES ('t-0', 't', 0, 'main', '17_0', 'ok', '', '', 0, 1.0, 2.0, 2.0, 3.0, 1, NULL);
INSERT INTO pilots VALUES ('t-1', 't', 1, 'main', '17_1', 'pending', '', '', NULL, 1.0, NULL, NULL, NULL, NULL, NULL);
"""


def columns(path, table):
    db = sqlite3.connect(path)
    found = {row[1] for row in db.execute("PRAGMA table_info(%s)" % table)}
    db.close()
    return found


def test_a_book_of_version_1_is_taken_over(tmp_path):
    path = str(tmp_path / "book.sqlite")
    db = sqlite3.connect(path)
    db.executescript(VERSION_1 + "INSERT INTO meta VALUES ('boot', '%s');" % book_file.boot_id())
    db.close()
    for _ in range(2):
        book = Book(str(tmp_path))
        assert [pilot.pilot for pilot in book.live_pilots()] == ["t-1"]
        assert (book.find_pilot("t-0").told, book.find_pilot("t-1").told) == (END, NOTHING)
        assert [pilot.pilot for pilot, _ in book.untold_pilots(9)] == ["t-1"]
        book.close()
    BookFile(str(tmp_path / "new")).close()
    for table in ("submissions", "pilots", "levels", "uses", "decision_counts"):
        assert columns(path, table) == columns(str(tmp_path / "new" / "book.sqlite"), table)


def test_a_book_of_a_later_version_is_refused(tmp_path):
    BookFile(str(tmp_path)).close()
    db = sqlite3.connect(str(tmp_path / "book.sqlite"))
    with db:
        db.execute("UPDATE meta SET value = ? WHERE name = 'version'", (str(int(VERSION) + 1),))
    db.close()
    with pytest.raises(UsageError, match="is a book of version 3"):
        BookFile(str(tmp_path))
