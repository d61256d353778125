"""The file with the stories of pilots: FILE.story beside the pool's file. An operator may delete it
without losing tasks."""

import logging
import os
import sqlite3
import time

from pilot.pool.interface import Busy

TABLES = """
CREATE TABLE IF NOT EXISTS story.events (
    pilot TEXT NOT NULL, seq INTEGER NOT NULL, time TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, received REAL NOT NULL,
    PRIMARY KEY (pilot, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS story.events_received ON events (received);
CREATE TABLE IF NOT EXISTS story.pilots (
    pilot TEXT PRIMARY KEY, site TEXT NOT NULL DEFAULT '', host TEXT NOT NULL DEFAULT '', state TEXT NOT NULL DEFAULT 'running',
    command TEXT NOT NULL DEFAULT '', started REAL NOT NULL, heard REAL NOT NULL, ended REAL, exit_code INTEGER,
    reason TEXT NOT NULL DEFAULT '', version TEXT NOT NULL DEFAULT '', cores INTEGER NOT NULL DEFAULT 1,
    seconds REAL NOT NULL DEFAULT 0, busy_s REAL NOT NULL DEFAULT 0, failed_s REAL NOT NULL DEFAULT 0, setup_s REAL NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, running INTEGER NOT NULL DEFAULT 0,
    last_seq INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0,
    pulse TEXT NOT NULL DEFAULT '{}') WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS story.pilots_state ON pilots (state, heard DESC);
CREATE INDEX IF NOT EXISTS story.pilots_site ON pilots (site, heard DESC);
CREATE INDEX IF NOT EXISTS story.pilots_heard ON pilots (heard DESC);
CREATE TABLE IF NOT EXISTS story.steps (
    pilot TEXT NOT NULL, site TEXT NOT NULL, command TEXT NOT NULL, status TEXT NOT NULL, code INTEGER NOT NULL, reason TEXT NOT NULL,
    seconds REAL NOT NULL, ended REAL NOT NULL);
CREATE INDEX IF NOT EXISTS story.steps_ended ON steps (ended);
CREATE TABLE IF NOT EXISTS story.runs (
    pilot TEXT NOT NULL, site TEXT NOT NULL, task TEXT NOT NULL, generation INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    seconds REAL NOT NULL, cpu_s REAL NOT NULL, cores INTEGER NOT NULL, ended REAL NOT NULL);
CREATE INDEX IF NOT EXISTS story.runs_ended ON runs (ended);
CREATE TABLE IF NOT EXISTS story.factories (factory TEXT PRIMARY KEY, heard REAL NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS story.levels (
    factory TEXT NOT NULL, site TEXT NOT NULL, minute INTEGER NOT NULL, demand INTEGER, pending INTEGER NOT NULL, running INTEGER NOT NULL,
    PRIMARY KEY (factory, site, minute)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS story.ticks (
    minute INTEGER PRIMARY KEY, todo INTEGER NOT NULL, locked INTEGER NOT NULL, done INTEGER NOT NULL, error INTEGER NOT NULL,
    held INTEGER NOT NULL, pilots INTEGER NOT NULL);
"""
BUSY_S = 1.0  # how long a lock of another process may block the event loop
log = logging.getLogger("pilot.pool")


def path_of(pool_path: str) -> str:
    """Return the path of the stories' file of a pool."""
    return pool_path + ".story"


def open_story(path: str) -> sqlite3.Connection:
    """Return a connection to the stories' file. Create a missing file. Rename a damaged file and
    create a new one. Busy if the file is locked."""
    db = sqlite3.connect(":memory:", timeout=BUSY_S, isolation_level=None)
    try:
        _attach_file(db, path)
    except sqlite3.OperationalError as error:
        db.close()
        raise Busy("%s cannot be opened: %s" % (path, error))
    except sqlite3.DatabaseError as error:
        db.close()
        aside = "%s.damaged-%d" % (path, time.time())
        log.error(
            "%s is damaged (%s): it was renamed to %s, and a new file was created", path, error, aside
        )
        for ending in ("", "-wal", "-shm"):
            if os.path.exists(path + ending):
                os.replace(path + ending, aside + ending)
        return open_story(path)
    return db


def _attach_file(db: sqlite3.Connection, path: str) -> None:
    db.execute("ATTACH DATABASE ? AS story", (path,))
    db.execute("PRAGMA story.journal_mode=WAL")
    db.execute("PRAGMA story.synchronous=FULL")
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
    columns = {row[1] for row in db.execute("PRAGMA story.table_info(pilots)")}
    for name in {"bytes", "dropped"} - columns:  # an older server created the file
        db.execute("ALTER TABLE story.pilots ADD COLUMN %s INTEGER NOT NULL DEFAULT 0" % name)
