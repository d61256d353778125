"""What the factory notes beside submissions and pilots: decisions, the demand of earlier cycles,
operators' orders, refusals, curves."""

import json
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from pilot.ops.factory.book_file import FIRST_BACK_OFF_S, BookFile

MAX_BACK_OFF_S = 1800.0
KEEP_CAP_S = 300.0  # how long a limit of the batch system is taken as known
_SILENT = "silent"
MOST_CYCLES = 3  # between two questions to a batch system that does not answer


class Refusal(NamedTuple):
    """The back-off of a site after a refused submission; or the number of jobs that the batch system
    allows us, and when that was learned."""

    step: int
    until_s: float
    why: str
    cap: Optional[int]


class Question(NamedTuple):
    """Questions to a batch system that failed one after the other, until when it is not asked, and the
    last reason."""

    fails: int
    until_s: float
    why: str


class Level(NamedTuple):
    """A site at one moment: the pilots that its tasks would use, and its live pilots; `idle` of the
    running ones have no task. None: not known."""

    demand: Optional[int] = None
    pending: int = 0
    running: int = 0
    held: int = 0
    idle: Optional[int] = None


class Notes:
    """The tables of these notes."""

    def __init__(self, file: BookFile) -> None:
        self._file, self._db, self.clock = file, file.db, file.clock

    def note_decision(self, site: str, line: str, submit: int = 0) -> None:
        """Write down a decision to submit so many pilots; one that equals the last is counted."""
        with self._file.writing():
            key = (site, "submit" if submit else "wait")
            self._db.execute("INSERT OR IGNORE INTO decision_counts VALUES (?, ?, 0)", key)
            self._db.execute(
                "UPDATE decision_counts SET times = times + 1 WHERE site = ? AND result = ?", key
            )
            self._note_line(site, line)

    def _note_line(self, site: str, line: str) -> None:
        now = self.clock.unix_s()
        with self._file.writing():
            last = self._db.execute(
                "SELECT seq, line FROM decisions WHERE site = ? ORDER BY seq DESC LIMIT 1", (site,)
            ).fetchone()
            if last and last[1] == line:
                self._db.execute(
                    "UPDATE decisions SET last = ?, times = times + 1 WHERE seq = ?",
                    (now, last[0]),
                )
                return
            self._db.execute(
                "INSERT INTO decisions (site, first, last, times, line) VALUES (?, ?, ?, 1, ?)",
                (site, now, now, line),
            )

    def decision_counts(self, site: str) -> Dict[str, int]:
        """How many decisions of this site were to submit and to wait, since the book began."""
        return dict(self._db.execute(
            "SELECT result, times FROM decision_counts WHERE site = ?", (site,)
        ))

    def decisions(self, site: str, most: int) -> List[Dict[str, Any]]:
        """The last decisions of a site, oldest first."""
        rows = self._db.execute(
            "SELECT first, last, times, line FROM decisions WHERE site = ? ORDER BY seq DESC LIMIT ?",
            (site, most),
        ).fetchall()
        return [dict(zip(("first", "last", "times", "line"), row)) for row in reversed(rows)]

    def wanted(self, site: str, seconds: float) -> Tuple[Tuple[float, int], ...]:
        """(age, number) of the demand that earlier cycles saw, oldest first."""
        now = self.clock.boot_s()
        return tuple(
            (now - at_s, pilots)
            for at_s, pilots in self._db.execute(
                "SELECT at_s, pilots FROM wanted WHERE site = ? AND at_s > ? ORDER BY at_s",
                (site, now - seconds),
            )
        )

    def note_wanted(self, site: str, pilots: int, keep_s: float) -> None:
        """What `persist` will compare with later."""
        with self._file.writing():
            self._db.execute("INSERT INTO wanted VALUES (?, ?, ?)", (site, self.clock.boot_s(), pilots))
            self._db.execute(
                "DELETE FROM wanted WHERE site = ? AND at_s < ?", (site, self.clock.boot_s() - keep_s)
            )

    def switch(self, site: str, word: str) -> None:
        """An operator's order for a site: "paused", "draining", or "" for none."""
        with self._file.writing():
            self._db.execute("DELETE FROM switches WHERE site = ?", (site,))
            if word:
                self._db.execute("INSERT INTO switches VALUES (?, ?)", (site, word))

    def note_state(self, site: str, word: str) -> None:
        """The state of a site after a cycle, in one word."""
        with self._file.writing():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", ("state " + site, word))

    def state(self, site: str) -> str:
        """The state after the last cycle; "new" before the first."""
        row = self._db.execute(
            "SELECT value FROM meta WHERE name = ?", ("state " + site,)
        ).fetchone()
        return str(row[0]) if row else "new"

    def note_unmet(self, sentences: Sequence[str]) -> None:
        """What the last cycle said about tasks that no site can run."""
        with self._file.writing():
            self._db.execute(
                "INSERT OR REPLACE INTO meta VALUES ('unmet', ?)", (json.dumps(list(sentences)),)
            )

    def unmet(self) -> List[str]:
        """The sentences of the last cycle."""
        row = self._db.execute("SELECT value FROM meta WHERE name = 'unmet'").fetchone()
        return [str(sentence) for sentence in json.loads(row[0])] if row else []

    def begin_anew(self, site: str) -> None:
        """Pilots that ended before now say nothing about this site any more."""
        with self._file.writing():
            self._db.execute("DELETE FROM refusals WHERE site = ?", (site,))
            self._db.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                ("anew " + site, "%.3f" % self.clock.unix_s()),
            )

    def judged_since(self, site: str) -> float:
        """The moment (UNIX time) of `begin_anew`; 0 without one."""
        return float(self._find_meta("anew " + site) or 0.0)

    def note_pools(self, answered: Dict[str, bool]) -> None:
        """Which pools answered, by URL."""
        for url, well in answered.items():
            known = self._find_meta("silent " + url)
            if well == (known != _SILENT):
                continue
            value = "%.3f" % self.clock.unix_s() if well else _SILENT
            with self._file.writing():
                self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", ("silent " + url, value))

    def pool_back(self, url: str) -> float:
        """The moment (UNIX time) at which a pool answered again after silence; 0 if it is not
        known."""
        known = self._find_meta("silent " + url)
        return 0.0 if known is None or known == _SILENT else float(known)

    def _find_meta(self, name: str) -> Optional[str]:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def switches(self) -> Dict[str, str]:
        """The operators' orders by site."""
        return dict(self._db.execute("SELECT site, word FROM switches"))

    def note_refusal(self, site: str, why: str) -> None:
        """A submission was refused: 1, 2, 4 ... 30 minutes of back-off, which are seen at once."""
        self.note_state(site, "back-off")
        self._note_line(site, "%s: refused: %s" % (site, why))
        before = self.refusal(site)
        step = before.step + 1 if before else 1
        wait_s = min(MAX_BACK_OFF_S, FIRST_BACK_OFF_S * 2 ** (step - 1))
        self._write_refusal(site, Refusal(step, self.clock.boot_s() + wait_s, why[:500], None))

    def note_cap(self, site: str, why: str, cap: int) -> None:
        """The batch system takes no more than so many jobs of ours."""
        self._write_refusal(site, Refusal(0, self.clock.boot_s(), why[:500], cap))

    def _write_refusal(self, site: str, refusal: Refusal) -> None:
        with self._file.writing():
            self._db.execute(
                "INSERT OR REPLACE INTO refusals VALUES (?, ?, ?, ?, ?)", (site,) + refusal
            )

    def refusal(self, site: str) -> Optional[Refusal]:
        """The last refusal of this site, unless a submission has worked since."""
        row = self._db.execute(
            "SELECT step, until_s, why, cap FROM refusals WHERE site = ?", (site,)
        ).fetchone()
        return Refusal(*row) if row else None

    def end_back_off(self, site: str) -> None:
        """A submission worked. A cap stays known."""
        with self._file.writing():
            self._db.execute("DELETE FROM refusals WHERE site = ? AND cap IS NULL", (site,))

    def believe(self, backend: str, doubt: str, after_s: float) -> bool:
        """Whether a doubtful answer of this backend is believed: it has been doubtful for so long.
        No doubt: begin anew."""
        now = self.clock.boot_s()
        with self._file.writing():
            row = self._db.execute(
                "SELECT value FROM meta WHERE name = ?", ("doubt " + backend,)
            ).fetchone()
            since = float(row[0]) if row and float(row[0]) <= now else now
            self._db.execute("DELETE FROM meta WHERE name = ?", ("doubt " + backend,))
            if doubt and now - since < after_s:
                self._db.execute("INSERT INTO meta VALUES (?, ?)", ("doubt " + backend, str(since)))
                return False
        return True

    def note_question(self, backend: str, failed: str, cycle_s: float) -> None:
        """A batch system did not answer, for this reason: after the third failure it is asked
        in each second cycle, then in each third. "": it answered."""
        before = self.question(backend)
        if not before and not failed:
            return
        with self._file.writing():
            self._db.execute("DELETE FROM meta WHERE name = ?", ("asked " + backend,))
            if failed:
                fails = before.fails + 1 if before else 1
                wait_s = cycle_s * min(MOST_CYCLES, max(0, fails - 1))
                row = Question(fails, self.clock.boot_s() + wait_s, failed[:500])
                self._db.execute(
                    "INSERT INTO meta VALUES (?, ?)", ("asked " + backend, json.dumps(list(row)))
                )

    def question(self, backend: str) -> Optional[Question]:
        """The failed questions to this batch system since its last answer."""
        row = self._db.execute(
            "SELECT value FROM meta WHERE name = ?", ("asked " + backend,)
        ).fetchone()
        return Question(*json.loads(row[0])) if row else None

    def note_level(self, site: str, level: Level) -> None:
        """A point of the site's curves."""
        with self._file.writing():
            self._db.execute(
                "INSERT INTO levels VALUES (?, ?, ?, ?, ?, ?, ?)",
                (site, self.clock.unix_s()) + tuple(level),
            )

    def last_level(self, site: str) -> Level:
        """The last point of the site's curves."""
        row = self._db.execute(
            "SELECT demand, pending, running, held, idle FROM levels WHERE site = ?"
            " ORDER BY at DESC LIMIT 1",
            (site,),
        ).fetchone()
        return Level(*row) if row else Level()
