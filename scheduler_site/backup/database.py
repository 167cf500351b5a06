"""A copy of the SQLite file while others write to it, and what it says of the output that belongs to it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scheduler_site.models.server_identity import new_generation
from tasks.output import log_gaps
from tasks.output.log_gaps import Gaps

PAGES_A_STEP = 500
REST_SECONDS = 0.01
BUSY_SECONDS = 20.0


@dataclass(frozen=True)
class Stream:
    """One stream of one attempt, as far as the copied database knows it."""

    task_id: int
    attempt_no: int
    rank: int
    stream: str
    size: int
    gaps: Gaps
    is_complete: bool
    sha256: str


def copy(source: Path, target: Path) -> None:
    """One moment of the database. An open read transaction holds that moment, so that writers neither wait nor make the
    copy begin again; the rests leave them the disk."""
    with closing(_opened(source)) as live, closing(sqlite3.connect(target)) as fresh:
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()
        live.backup(fresh, pages=PAGES_A_STEP, sleep=REST_SECONDS)
        fresh.execute("PRAGMA journal_mode=DELETE")  # one file, without -wal and -shm beside it
    with opened(target) as fresh:
        (verdict,) = fresh.execute("PRAGMA quick_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {verdict}")


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Closed at the end; what was written is committed unless something was raised."""
    with closing(_opened(path)) as connection, connection:
        yield connection


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_SECONDS)


def instance_id(database: sqlite3.Connection) -> str:
    row = database.execute("SELECT instance_id FROM scheduler_site_serveridentity").fetchone()
    return str(row[0]) if row else ""


def commit_seq(database: sqlite3.Connection) -> int:
    """The same number as tasks.commit_seq."""
    return int(database.execute("SELECT coalesce(max(id), 0) FROM tasks_taskevent").fetchone()[0])


def migrations(database: sqlite3.Connection) -> list[str]:
    return sorted(f"{app}.{name}" for app, name in database.execute("SELECT app, name FROM django_migrations"))


def streams(database: sqlite3.Connection) -> list[Stream]:
    return [
        Stream(task, no, rank, stream, size, _gaps(raw), state == "complete", sha256)
        for task, no, rank, stream, size, raw, state, sha256 in database.execute(_STREAMS)
    ]


def follow_gaps(source: Path, copied: Path) -> None:
    """What was dropped from output after the database was copied may be holes in the copied files: the copy says so."""
    with opened(source) as live:
        now = live.execute("SELECT id, stored_bytes, gaps FROM tasks_outputlog WHERE gaps != '[]'").fetchall()
    with opened(copied) as rows:
        for number, stored, raw in now:
            then = rows.execute("SELECT stored_bytes FROM tasks_outputlog WHERE id = ?", [number]).fetchone()
            if then and then[0] <= stored:
                gaps = json.dumps(log_gaps.as_rows(log_gaps.below(_gaps(raw), then[0])))
                rows.execute("UPDATE tasks_outputlog SET gaps = ? WHERE id = ?", [gaps, number])


def follow_pruned(source: Path, copied: Path) -> None:
    """Output that was removed after the database was copied may have no file any more: the copy says so."""
    with opened(copied) as rows:
        (newest,) = rows.execute("SELECT coalesce(max(pruned_at), '') FROM tasks_outputlog").fetchone()
    with opened(source) as live:
        columns = "pruned_at, pruned_because, id"
        now = live.execute(f"SELECT {columns} FROM tasks_outputlog WHERE pruned_at > ?", [newest]).fetchall()  # noqa: S608
    with opened(copied) as rows:
        change = "UPDATE tasks_outputlog SET state = 'pruned', pruned_at = ?, pruned_because = ? WHERE id = ?"
        rows.executemany(change, now)


def begin_anew(rows: sqlite3.Connection, fences_skipped: int) -> None:
    """Fences go on above all that were given out after the backup: scripts fence the outer world with them. Another
    generation tells agents that something was forgotten; a database of before has none yet and gets one at the next
    start."""
    rows.execute("UPDATE tasks_fencecounter SET value = value + ?", [fences_skipped])
    rows.execute("UPDATE scheduler_site_looplease SET holder = ''")
    columns = [row[1] for row in rows.execute("PRAGMA table_info(scheduler_site_serveridentity)")]
    if "generation" in columns:
        rows.execute("UPDATE scheduler_site_serveridentity SET generation = ?", [new_generation()])


def _gaps(raw: str) -> Gaps:
    return log_gaps.from_rows(json.loads(raw))


_STREAMS = """
SELECT a.task_id, a.attempt_no, a.rank, l.stream, l.stored_bytes, l.gaps, l.state, l.sha256
FROM tasks_outputlog l JOIN tasks_subagent a ON a.id = l.sub_agent_id
WHERE l.stored_bytes > 0 AND l.state != 'pruned' ORDER BY l.id
"""
