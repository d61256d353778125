"""The tables of a SQLite pool.

The tables hold leases and waits in seconds of the machine's monotonic clock (CLOCK_MONOTONIC is the
same for all processes), so that setting the clock expires nothing; after a restart of the machine,
`boot` shows that they must be set again. A claim looks at the head of the line (`tasks_line`); when
the tasks that fit are further back, it looks class by class, where a class is the tasks with the
same needs (`tasks_ready`). Every index is partial: the cost of a claim does not grow with the
number of tasks.

A locked task has `begun` 0 until its agent confirms that it holds the lease; `lease_s` is the
length of the lease. A task that is todo or held and has a `pilot` still waits for that pilot's run
of it to end.
"""

VERSION = 2

REMOVED = """
CREATE TRIGGER task_removed AFTER DELETE ON tasks BEGIN
    UPDATE counts SET tasks = tasks - 1 WHERE state = OLD.state;
    UPDATE classes SET ready = ready - OLD.ready WHERE class = OLD.class;
END;
"""

# From a pool of version 1; requests are only answers to repeated requests.
FROM_1 = """
ALTER TABLE tasks ADD COLUMN begun INTEGER NOT NULL DEFAULT 1;
ALTER TABLE tasks ADD COLUMN lease_s REAL NOT NULL DEFAULT 300;
ALTER TABLE tasks ADD COLUMN releases INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN max_releases INTEGER NOT NULL DEFAULT 5;
ALTER TABLE tasks ADD COLUMN unconfirmed INTEGER NOT NULL DEFAULT 0;
DROP TABLE requests;
CREATE TABLE requests (pilot TEXT NOT NULL, life TEXT NOT NULL, number INTEGER NOT NULL, made REAL NOT NULL, leases TEXT NOT NULL,
    PRIMARY KEY (pilot, life)) WITHOUT ROWID;
""" + REMOVED

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE classes (
    class INTEGER PRIMARY KEY, cores INTEGER NOT NULL, memory_mb INTEGER NOT NULL, gpus INTEGER NOT NULL,
    walltime_s REAL NOT NULL, tags TEXT NOT NULL, container INTEGER NOT NULL, ready INTEGER NOT NULL DEFAULT 0,
    UNIQUE (cores, memory_mb, gpus, walltime_s, tags, container));
CREATE TABLE tasks (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, class INTEGER NOT NULL REFERENCES classes, state TEXT NOT NULL,
    ready INTEGER NOT NULL, priority INTEGER NOT NULL, generation INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, max_attempts INTEGER NOT NULL, until REAL, pilot TEXT, reason TEXT,
    added REAL NOT NULL, spec TEXT NOT NULL,
    begun INTEGER NOT NULL DEFAULT 1, lease_s REAL NOT NULL DEFAULT 300, releases INTEGER NOT NULL DEFAULT 0,
    max_releases INTEGER NOT NULL DEFAULT 5, unconfirmed INTEGER NOT NULL DEFAULT 0);
CREATE INDEX tasks_ready ON tasks (class, priority DESC, seq) WHERE ready = 1;
CREATE INDEX tasks_line ON tasks (priority DESC, seq, class) WHERE ready = 1;
CREATE INDEX tasks_locked ON tasks (until) WHERE state = 'locked';
CREATE INDEX tasks_waiting ON tasks (until) WHERE state = 'todo' AND ready = 0;
CREATE INDEX tasks_failed ON tasks (seq) WHERE state = 'error';
CREATE TABLE attempts (
    task INTEGER NOT NULL REFERENCES tasks (seq), generation INTEGER NOT NULL, pilot TEXT NOT NULL,
    started REAL NOT NULL, ended REAL, outcome TEXT, reason TEXT, result TEXT,
    PRIMARY KEY (task, generation)) WITHOUT ROWID;
CREATE TABLE requests (pilot TEXT NOT NULL, life TEXT NOT NULL, number INTEGER NOT NULL, made REAL NOT NULL, leases TEXT NOT NULL,
    PRIMARY KEY (pilot, life)) WITHOUT ROWID;
CREATE TABLE counts (state TEXT PRIMARY KEY, tasks INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counts VALUES ('todo', 0), ('locked', 0), ('done', 0), ('error', 0), ('held', 0);
CREATE TRIGGER task_added AFTER INSERT ON tasks BEGIN
    UPDATE counts SET tasks = tasks + 1 WHERE state = NEW.state;
    UPDATE classes SET ready = ready + NEW.ready WHERE class = NEW.class;
END;
CREATE TRIGGER task_moved AFTER UPDATE OF state ON tasks WHEN OLD.state <> NEW.state BEGIN
    UPDATE counts SET tasks = tasks - 1 WHERE state = OLD.state;
    UPDATE counts SET tasks = tasks + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER task_readied AFTER UPDATE OF ready ON tasks WHEN OLD.ready <> NEW.ready BEGIN
    UPDATE classes SET ready = ready + NEW.ready - OLD.ready WHERE class = NEW.class;
END;
""" + REMOVED
