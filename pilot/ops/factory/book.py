"""The factory's book: every submission is on disk before it is made, every pilot until it is
forgotten."""

from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from pilot.ops.factory.book_file import BookFile, Clock
from pilot.ops.factory.jobs import JobState, pilot_id
from pilot.ops.factory.notes import Notes
from pilot.ops.factory.use import Use
from pilot.ops.factory.waste import Span

INTENT, SENT, DOUBTFUL, LOST, REFUSED = "intent", "sent", "doubtful", "lost", "refused"
NOTHING, SUBMISSION, END = 0, 1, 2  # what the server was told of a pilot
MOST_BAD = 1000  # pilots of a site that are judged
CLOSED = "closed"  # all its pilots have ended, and its script and tokens are removed


class Pilot(NamedTuple):
    """A pilot as the book knows it."""

    pilot: str
    tag: str
    number: int
    site: str
    job: str
    state: str
    node: str
    reason: str
    exit_code: Optional[int]
    submitted: float
    started: Optional[float]
    started_s: Optional[float]
    ended: Optional[float]
    done: Optional[int]
    missing_s: Optional[float]
    told: int = NOTHING  # what the server knows of it


class Intent(NamedTuple):
    """A submission whose outcome is not known yet."""

    tag: str
    site: str
    backend: str
    pilots: int
    made_s: float
    state: str


class Book:
    """Submissions and pilots; `notes` has all else. OSError and sqlite3.Error when it cannot be
    written: the caller then submits nothing."""

    def __init__(self, folder: str, clock: Optional[Clock] = None, durable: bool = True) -> None:
        self._file = BookFile(folder, clock, durable)
        self._db, self.clock, self.notes = self._file.db, self._file.clock, Notes(self._file)
        self.writing = self._file.writing  # several notes in one transaction

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def note_intent(
        self, tag: str, site: str, backend: str, count: int, sha256: str,
        cores: int = 1, walltime_s: Optional[float] = None,
    ) -> None:
        """A submission is about to be made, of pilots with so many cores and so much time each. It is
        never made again under this tag."""
        with self._file.writing():
            self._db.execute(
                "INSERT INTO submissions (tag, site, backend, count, made, made_s, state, sha256, cores,"
                " walltime_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (tag, site, backend, count, self.clock.unix_s(), self.clock.boot_s(), INTENT, sha256,
                 cores, walltime_s),
            )
            self._db.execute("DELETE FROM wanted WHERE site = ?", (site,))

    def note_sent(self, tag: str, system_id: str, jobs: Sequence[str], first: int = 0) -> None:
        """The batch system took the submission; `jobs` has the id of each job, the first of which
        has the number `first`."""
        with self._file.writing():
            site, now = self._end_intent(tag, SENT, "", system_id), self.clock.unix_s()
            self._db.executemany(
                "INSERT OR IGNORE INTO pilots (pilot, tag, number, site, job, state, submitted)"
                " VALUES (?, ?, ?, ?, ?, 'pending', ?)",
                [(pilot_id(tag, n), tag, n, site, job, now) for n, job in enumerate(jobs, first)],
            )

    def note_outcome(self, tag: str, state: str, why: str) -> None:
        """The submission was refused, is doubtful, or was looked for and not found."""
        with self._file.writing():
            self._end_intent(tag, state, why, "")

    def _end_intent(self, tag: str, state: str, why: str, system_id: str) -> str:
        self._db.execute(
            "UPDATE submissions SET state = ?, why = ?, system_id = ? WHERE tag = ?",
            (state, why[:500], system_id, tag),
        )
        row = self._db.execute("SELECT site FROM submissions WHERE tag = ?", (tag,)).fetchone()
        return str(row[0])

    def open_intents(self) -> List[Intent]:
        """The submissions whose outcome is not known yet."""
        return [
            Intent(*row)
            for row in self._db.execute(
                "SELECT tag, site, backend, count, made_s, state FROM submissions"
                " WHERE state IN ('intent', 'doubtful') ORDER BY made_s"
            )
        ]

    def ended_submissions(self, most: int) -> List[str]:
        """Submissions all of whose pilots have ended, and that are not closed."""
        return [
            str(row[0])
            for row in self._db.execute(
                "SELECT tag FROM submissions WHERE state = 'sent' AND NOT EXISTS"
                " (SELECT 1 FROM pilots WHERE pilots.tag = submissions.tag AND ended IS NULL) LIMIT ?",
                (most,),
            )
        ]

    def note_kept(self, tag: str, megabytes: float) -> None:
        """The files of this submission, which has ended, take so much room."""
        with self._file.writing():
            self._db.execute("UPDATE submissions SET kept_mb = ? WHERE tag = ?", (megabytes, tag))

    def oldest_kept(self, most_mb: float) -> List[str]:
        """The oldest ended submissions, whose files must go so that those of the others take at most
        so much room."""
        left = float(self._db.execute(
            "SELECT coalesce(sum(kept_mb), 0) FROM submissions WHERE kept_mb > 0"
        ).fetchone()[0])
        tags = []
        if left > most_mb:
            for tag, megabytes in self._db.execute(
                "SELECT tag, kept_mb FROM submissions WHERE kept_mb > 0 ORDER BY made"
            ):
                if left <= most_mb:
                    break
                tags.append(str(tag))
                left -= megabytes
        return tags

    def knows_tag(self, tag: str) -> bool:
        """Whether a submission has this tag."""
        row = self._db.execute("SELECT 1 FROM submissions WHERE tag = ?", (tag,)).fetchone()
        return row is not None

    def count_lately(self, site: str, seconds: float) -> int:
        """How many pilots were submitted to this site within so many seconds, doubtful ones
        included."""
        row = self._db.execute(
            "SELECT coalesce(sum(count), 0) FROM submissions WHERE site = ? AND made_s > ?"
            " AND state <> 'refused'",
            (site, self.clock.boot_s() - seconds),
        ).fetchone()
        return int(row[0])

    def silent_s(self, site: str) -> Optional[float]:
        """Seconds since the last submission to this site; None if there was none."""
        row = self._db.execute(
            "SELECT max(made_s) FROM submissions WHERE site = ? AND state <> 'refused'", (site,)
        ).fetchone()
        return None if row[0] is None else max(0.0, self.clock.boot_s() - float(row[0]))

    # -- pilots ------------------------------------------------------------------------------------

    def live_pilots(self, site: Optional[str] = None) -> List[Pilot]:
        """The pilots that have not ended."""
        return self._pilots("ended IS NULL AND (? IS NULL OR site = ?)", (site, site))

    def live_backends(self) -> Dict[str, List[Pilot]]:
        """The live pilots by backend, those of sites that left the file included."""
        backends = dict(self._db.execute(
            "SELECT DISTINCT tag, backend FROM submissions WHERE tag IN"
            " (SELECT tag FROM pilots WHERE ended IS NULL)"
        ))
        found: Dict[str, List[Pilot]] = {}
        for pilot in self.live_pilots():
            found.setdefault(backends[pilot.tag], []).append(pilot)
        return found

    def ended_pilots(self, site: str, seconds: float, most: int = 1000) -> List[Pilot]:
        """The pilots of a site that ended within so many seconds, the last first."""
        return self._pilots(
            "site = ? AND ended > ? ORDER BY ended DESC LIMIT ?",
            (site, self.clock.unix_s() - seconds, most),
        )

    def untold_pilots(self, most: int) -> List[Tuple[Pilot, str]]:
        """Pilots whose submission or end the server was not told yet, with their backends."""
        question = "SELECT backend, %s FROM pilots JOIN submissions ON submissions.tag = pilots.tag" % (
            ", ".join("pilots." + name for name in Pilot._fields)
        )
        rows = self._db.execute(
            question + " WHERE told < 2 AND (told = 0 OR ended IS NOT NULL) LIMIT ?", (most,)
        )
        return [(Pilot(*values), str(backend)) for backend, *values in rows]

    def note_told(self, pilots: Iterable[Pilot]) -> None:
        """The server was told of these pilots, as they are."""
        with self._file.writing():
            self._db.executemany(
                "UPDATE pilots SET told = ? WHERE pilot = ?",
                [(END if one.ended else SUBMISSION, one.pilot) for one in pilots],
            )

    def judged_pilots(self, site: str, seconds: float) -> List[Pilot]:
        """The pilots of a site that ended within so many seconds, the last first: all that ended
        badly, and of those that ended well the last one."""
        since = self.clock.unix_s() - seconds
        ended = "site = ? AND ended > ? AND coalesce(exit_code, 1) %s (0, 60) ORDER BY ended DESC LIMIT ?"
        bad = self._pilots(ended % "NOT IN", (site, since, MOST_BAD))
        well = self._pilots(ended % "IN", (site, since, 1))
        return sorted(bad + well, key=lambda pilot: -(pilot.ended or 0.0))

    def find_pilot(self, pilot: str) -> Optional[Pilot]:
        """The pilot with this id."""
        return next(iter(self._pilots("pilot = ?", (pilot,))), None)

    def find_similar(self, word: str, most: int) -> List[Pilot]:
        """The last pilots of a submission's tag or of a job's id; "": of all."""
        return self._pilots("? IN ('', tag, job) ORDER BY submitted DESC, pilot LIMIT ?", (word, most))

    def _pilots(self, condition: str, values: Tuple[object, ...]) -> List[Pilot]:
        question = "SELECT %s FROM pilots WHERE %s" % (", ".join(Pilot._fields), condition)
        return [Pilot(*row) for row in self._db.execute(question, values)]

    def update_pilots(self, pilots: Iterable[Pilot]) -> None:
        """Write these pilots as they are now, new ones included."""
        question = "INSERT OR REPLACE INTO pilots (%s) VALUES (%s)" % (
            ", ".join(Pilot._fields), ", ".join("?" * len(Pilot._fields)),
        )
        with self._file.writing():
            self._db.executemany(question, [tuple(pilot) for pilot in pilots])

    def note_reason(self, pilots: Iterable[Pilot], reason: str) -> None:
        """Why these pilots will end, unless they have ended meanwhile."""
        values = [(reason, one.pilot) for one in pilots]
        with self._file.writing():
            self._db.executemany("UPDATE pilots SET reason = ? WHERE pilot = ? AND ended IS NULL", values)

    def note_uses(self, uses: Dict[str, Use]) -> None:
        """How ended pilots used their slots, by pilot."""
        with self._file.writing():
            self._db.executemany(
                "INSERT OR REPLACE INTO uses VALUES (?, ?, ?, ?, ?)",
                [(pilot,) + tuple(use) for pilot, use in uses.items()],
            )

    def ended_spans(self, seconds: float) -> List[Span]:
        """The pilots of all sites that ended within so many seconds, as `waste` counts them."""
        rows = self._db.execute(
            "SELECT pilots.site, cores, walltime_s, submitted, started, ended, setup_s, well_s, failed_s,"
            " tail_s FROM pilots JOIN submissions USING (tag) LEFT JOIN uses USING (pilot) WHERE ended > ?",
            (self.clock.unix_s() - seconds,),
        )
        return [
            Span(site, cores, walltime_s, submitted, started, ended, None if use[0] is None else Use(*use))
            for site, cores, walltime_s, submitted, started, ended, *use in rows
        ]

    def adopt(self, tag: str, site: str, backend: str, count: int) -> None:
        """Jobs with a tag of ours that the book does not know: they are ours from now on."""
        with self._file.writing():
            self._db.execute(
                "INSERT OR IGNORE INTO submissions (tag, site, backend, count, made, made_s, state,"
                " sha256, why) VALUES (?, ?, ?, ?, ?, ?, 'sent', '', 'adopted')",
                (tag, site, backend, count, self.clock.unix_s(), self.clock.boot_s()),
            )

    def forget(self, seconds: float) -> List[str]:
        """Forget what ended so long ago; returns the tags whose folders can go."""
        before = self.clock.unix_s() - seconds
        with self._file.writing():
            self._db.execute(
                "DELETE FROM uses WHERE pilot IN (SELECT pilot FROM pilots WHERE ended < ?)", (before,)
            )
            self._db.execute("DELETE FROM pilots WHERE ended < ?", (before,))
            self._db.execute("DELETE FROM levels WHERE at < ?", (before,))
            self._db.execute("DELETE FROM decisions WHERE last < ?", (before,))
            tags = [
                str(row[0])
                for row in self._db.execute(
                    "SELECT tag FROM submissions WHERE made < ? AND state NOT IN ('intent', 'doubtful')"
                    " AND NOT EXISTS (SELECT 1 FROM pilots WHERE pilots.tag = submissions.tag)",
                    (before,),
                )
            ]
            self._db.executemany("DELETE FROM submissions WHERE tag = ?", [(one,) for one in tags])
        return tags


def new_pilot(tag: str, number: int, site: str, job: str, now: float) -> Pilot:
    """A pilot that was found in the batch system."""
    return Pilot(
        pilot_id(tag, number), tag, number, site, job, JobState.PENDING.value, "", "", None,
        now, None, None, None, None, None,
    )
