"""Output of attempts: stored once, in order, by byte offset; what is not kept is noted as a gap (log_gaps).

Bytes are written at their offset before the row says that they are there, so a crash in between only means that the
same bytes come again to the same place. Readers never go past what the row says. Bytes are kept as they came.
"""

import time
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from scheduler_site.shared import statements
from scheduler_site.shared.errors import CrcMismatch, OffsetGap
from scheduler_site.shared.failpoints import fail_at
from tasks import messages
from tasks.models import OutputLog, SubAgent, Task
from tasks.output import log_digests, log_files, log_gaps
from tasks.output.log_files import path_of
from tasks.output.log_gaps import Gap, Gaps, Limits, Run
from tasks.states import SETTLED_LOG_STATES, LogState

STREAMS = ("out", "err")
DURABLE_STEP_BYTES = 4 << 20
DURABLE_SECONDS = 5.0
_CLOSED = (LogState.COMPLETE, LogState.CORRUPT, LogState.PRUNED)
_NOT_CLOSED = tuple(state for state in LogState if state not in _CLOSED)
_READ = ("stored_bytes", "state", "gaps", "pruned_at", "pruned_because")
_TOLD = ("sub_agent_id", "stream", "stored_bytes", "durable_bytes", "state")
_synced_at: dict[int, float] = {}


class Dropped(Exception):
    """Bytes that a reader was about to get are not kept any more."""


@dataclass(frozen=True)
class StoredLog:
    """What a reader may read: of the first `size` bytes of `path` those that are in no gap."""

    path: Path
    size: int
    state: str
    sub_agent: SubAgent
    row_id: int = 0
    gaps: Gaps = ()
    removal: str = ""

    @property
    def runs(self) -> list[Run]:
        return [] if self.state == LogState.PRUNED else log_gaps.runs(self.gaps, self.size)


def find(task: Task, attempt_no: int | None = None, stream: str = "out", rank: int = 0) -> StoredLog | None:
    """The output of one attempt, the latest that was claimed by default, of its leader by default; None while there is
    none."""
    wanted = {"task_id": task.pk, "rank": rank} | ({} if attempt_no is None else {"attempt_no": attempt_no})
    members = {row.pk: row for row in statements.instances(SubAgent, wanted, ("task_id", "attempt_no", "rank"))}
    rows = statements.instances_among(OutputLog, "sub_agent_id", members, stream=stream)
    row = max(rows, key=lambda row: members[row.sub_agent_id].attempt_no, default=None)
    if row is None:
        return None
    sub_agent = members[row.sub_agent_id]
    return _stored(row, sub_agent, path_of(sub_agent, stream))


def again(known: StoredLog) -> StoredLog | None:
    """The same output as it is stored now; None when its row is gone. Who follows an output looks for it once."""
    row = statements.instance(OutputLog, {"pk": known.row_id}, _READ)
    return None if row is None else _stored(row, known.sub_agent, known.path)


def _stored(row: OutputLog, sub_agent: SubAgent, path: Path) -> StoredLog:
    size = row.stored_bytes if row.state == LogState.PRUNED else _size(row, path)
    return StoredLog(path, size, row.state, sub_agent, row.pk, log_gaps.below(row.known_gaps, size), row.removal)


def read(stored: StoredLog, start: int, stop: int, block: int = 65536) -> Iterator[bytes]:
    """Bytes [start, stop) in blocks, without those in gaps; ends early at the stored size. Dropped, should they be
    dropped meanwhile: a reader never gets the zeros of a hole."""
    for run in stored.runs:
        first, last = max(start, run.start), min(stop, run.stop)
        if first < last:
            yield from _read_run(stored, first, last, block)


def _read_run(stored: StoredLog, start: int, stop: int, block: int) -> Iterator[bytes]:
    try:
        file = stored.path.open("rb")
    except FileNotFoundError:
        raise Dropped("The output was removed meanwhile.") from None
    with file:
        file.seek(start)
        while start < stop:
            data = file.read(min(block, stop - start))
            if not data:
                return
            if _may_be_dropped(stored) and not _is_kept(stored, start, start + len(data)):
                raise Dropped(f"Bytes from {start} on are not kept any more.")
            start += len(data)
            yield data


def _may_be_dropped(stored: StoredLog) -> bool:
    """Only an output that is at its limit loses what it had."""
    head = limits().head
    return bool(stored.gaps) or (head is not None and stored.size > head)


def _is_kept(stored: StoredLog, start: int, stop: int) -> bool:
    (rows,) = statements.row(OutputLog, ["gaps"], {"pk": stored.row_id}) or ([],)
    return not any(gap.start < stop and start < gap.stop for gap in log_gaps.from_rows(rows))


def append(sub_agent: SubAgent, stream: str, offset: int, data: bytes, crc32: int) -> OutputLog:
    """Store bytes that belong at `offset`; known ones are skipped. OffsetGap, CrcMismatch;
    never a partial line of a gap."""
    if zlib.crc32(data) != crc32:
        raise CrcMismatch(f"{len(data)} bytes at {offset} of {stream} do not have the checksum {crc32}.")
    row = row_of(sub_agent, stream)
    if row.state in _CLOSED:
        return row
    path = path_of(sub_agent, stream)
    _trust_the_disk(row, path)
    if offset > row.stored_bytes:
        raise OffsetGap(f"{stream} is stored up to {row.stored_bytes}, not {offset}.", stored=row.stored_bytes)
    fresh = data[row.stored_bytes - offset :]
    if row.final_bytes is not None:
        fresh = fresh[: max(0, row.final_bytes - row.stored_bytes)]
    if fresh:
        log_files.write_at(path, row.stored_bytes, fresh)
        fail_at("output.before_row")
        _advance(row, sub_agent, row.stored_bytes + len(fresh), row.known_gaps)
        fail_at("output.before_reply")
        _make_durable(row, path)
        messages.announce_output(sub_agent, stream, row.stored_bytes)
    return row


def is_kept_whole(size: int) -> bool:
    return not log_gaps.trimmed((), size, limits())


def write_whole(sub_agent: SubAgent, stream: str, data: bytes) -> None:
    """All that an attempt has written, of which nothing is stored yet, on stable storage. OSError."""
    if data:
        path = path_of(sub_agent, stream)
        log_files.write_at(path, 0, data)
        log_files.to_stable_storage(path)
        fail_at("output.before_result")


def note_whole(sub_agent: SubAgent, stream: str, size: int, sha256: str) -> bool:
    """What was written so is complete, with this digest. False: there is a row already, which knows better."""
    marks = {"stored_bytes": size, "durable_bytes": size, "final_bytes": size}
    row = OutputLog(sub_agent_id=sub_agent.pk, stream=stream, sha256=sha256, state=LogState.COMPLETE, **marks)
    is_new = statements.insert_if_new(row)
    if is_new:
        transaction.on_commit(lambda: messages.announce_output(sub_agent, stream, size))
    return is_new


def skip(sub_agent: SubAgent, stream: str, start: int, stop: int, reason: str) -> OutputLog:
    """The host does not send [start, stop). Taken only where the stored output ends; elsewhere it is old news."""
    row = row_of(sub_agent, stream)
    if row.state in _CLOSED:
        return row
    _trust_the_disk(row, path_of(sub_agent, stream))
    stop = stop if row.final_bytes is None else min(stop, row.final_bytes)
    if start == row.stored_bytes and stop > start:
        _advance(row, sub_agent, stop, log_gaps.add(row.known_gaps, Gap(start, stop, reason)))
        messages.announce_output(sub_agent, stream, row.stored_bytes)
    return row


def row_of(sub_agent: SubAgent, stream: str) -> OutputLog:
    known = statements.instance(OutputLog, {"sub_agent_id": sub_agent.pk, "stream": stream})
    return known or _new_row(sub_agent, stream)


def _new_row(sub_agent: SubAgent, stream: str, **columns: Any) -> OutputLog:
    """Or the one that somebody else has made meanwhile."""
    row = OutputLog(sub_agent_id=sub_agent.pk, stream=stream, **columns)
    return row if statements.insert_if_new(row) else OutputLog.objects.get(sub_agent=sub_agent, stream=stream)


def rows_of(sub_agent: SubAgent) -> list[OutputLog]:
    """Without digests and gaps."""
    return statements.instances(OutputLog, {"sub_agent_id": sub_agent.pk}, (*_TOLD, "final_bytes"))


def rows_of_all(sub_agent_ids: Collection[UUID]) -> dict[UUID, list[OutputLog]]:
    """With what a host is told of each: no digests, no gaps."""
    found: dict[UUID, list[OutputLog]] = defaultdict(list)
    for row in statements.instances_among(OutputLog, "sub_agent_id", sub_agent_ids, _TOLD):
        found[row.sub_agent_id].append(row)
    return found


def limits() -> Limits:
    """How much of each stream of an attempt is kept."""
    return Limits.of_mib(settings.LOG_MAX_MIB)


def begin_draining(sub_agent: SubAgent, sizes: dict[str, int]) -> None:
    """The result is final: this many bytes were written. No size known (a lost sub agent):
    what is stored stays incomplete.

    Called in the finishing transaction, and again when a result arrives late.
    """
    known = {row.stream: row for row in rows_of(sub_agent)}
    for stream, size in sizes.items():
        end = {"final_bytes": size, "state": LogState.DRAINING}
        row = known.pop(stream, None) or _new_row(sub_agent, stream, **end)
        if row.state not in _CLOSED and (row.final_bytes, row.state) != (size, LogState.DRAINING):
            _set(row, **end)
    if any(row.state == LogState.OPEN for row in known.values()):
        OutputLog.objects.filter(sub_agent=sub_agent, state=LogState.OPEN).update(state=LogState.INCOMPLETE)


def close(
    sub_agent: SubAgent, stream: str, size: int, sha256: str, parts: Sequence[tuple[int, int, int]] = ()
) -> OutputLog:
    """Compare what is stored with what the host had. Equal: on stable storage and complete. Else start over, once.

    Long output is compared over several calls: while the row's state is not final the host asks again. Where bytes are
    missing here or there no digest of the whole can be had: then the checksums of the `parts` that are kept must agree.
    """
    row = row_of(sub_agent, stream)
    if row.state in _CLOSED or row.stored_bytes != size or (row.final_bytes is not None and row.final_bytes != size):
        return row
    path = path_of(sub_agent, stream)
    if row.gaps or not sha256:
        _close_by_parts(row, path, parts)
    else:
        _close_by_digest(row, path, sha256)
    messages.announce_output(sub_agent, stream, row.stored_bytes)
    return row


def _close_by_digest(row: OutputLog, path: Path, sha256: str) -> None:
    stored_sha256 = log_digests.digest_of((row.pk, row.restarts), path, row.stored_bytes)
    if stored_sha256 is None:
        return
    if stored_sha256 == sha256:
        log_files.to_stable_storage(path)
        _set(row, state=LogState.COMPLETE, sha256=sha256, durable_bytes=row.stored_bytes)
    elif row.restarts == 0:
        _set(row, stored_bytes=0, durable_bytes=0, restarts=1)
    else:
        _set(row, state=LogState.CORRUPT, sha256=sha256)


def _close_by_parts(row: OutputLog, path: Path, parts: Sequence[tuple[int, int, int]]) -> None:
    """No starting over: the host has let go of bytes as well."""
    kept = log_gaps.runs(row.known_gaps, row.stored_bytes)
    checked = [part for part in parts if any(run.start <= part[0] and part[1] <= run.stop for run in kept)]
    agree = all(log_files.crc32_of(path, start, stop) == crc32 for start, stop, crc32 in checked)
    if agree:
        log_files.to_stable_storage(path)
    _set(row, state=LogState.COMPLETE if agree else LogState.CORRUPT, durable_bytes=row.stored_bytes)


def unsettled(sub_agent_ids: Sequence[UUID]) -> set[UUID]:
    """Those of them with a stream that is not closed: something more of it is wanted from the host."""
    rows = OutputLog.objects.exclude(state__in=_CLOSED)
    chunks = [sub_agent_ids[start : start + 1000] for start in range(0, len(sub_agent_ids), 1000)]
    return {pk for chunk in chunks for pk in rows.filter(sub_agent__in=chunk).values_list("sub_agent_id", flat=True)}


def give_up(ended_before: datetime) -> int:
    """Output of attempts that ended so long ago is incomplete for good, as far as anybody knows."""
    waiting = OutputLog.objects.filter(state__in=(LogState.OPEN, LogState.DRAINING))
    return waiting.filter(sub_agent__ended_at__lt=ended_before).update(state=LogState.INCOMPLETE)


def mark_pruned(row_ids: Sequence[int], because: str) -> int:
    """Their bytes may go. Returns how many: of some something else may have become meanwhile."""
    rows = OutputLog.objects.filter(pk__in=row_ids, state__in=SETTLED_LOG_STATES)
    now = timezone.now()
    return rows.update(state=LogState.PRUNED, pruned_at=now, pruned_because=because[:120], is_file_left=True)


def forget_files(row_ids: Sequence[int]) -> None:
    """No file of theirs is left, and none will come."""
    OutputLog.objects.filter(pk__in=row_ids).update(is_file_left=False)


def _size(row: OutputLog, path: Path) -> int:
    """What counts of the file: after a power loss it may be shorter than the row says."""
    on_disk = log_files.size_on_disk(path)
    return row.stored_bytes if on_disk >= log_gaps.end_of_runs(row.known_gaps, row.stored_bytes) else on_disk


def _trust_the_disk(row: OutputLog, path: Path) -> None:
    """After a power loss: go on from what is really there."""
    size = _size(row, path)
    if size < row.stored_bytes and not _is_pruned(row):
        gaps = log_gaps.below(row.known_gaps, size)
        _set(row, stored_bytes=size, durable_bytes=min(row.durable_bytes, size), gaps=log_gaps.as_rows(gaps))


def _is_pruned(row: OutputLog) -> bool:
    """Meanwhile: then the file is away on purpose."""
    row.refresh_from_db(fields=["state"])
    return row.state == LogState.PRUNED


def _advance(row: OutputLog, sub_agent: SubAgent, stored_bytes: int, gaps: Gaps) -> None:
    """Moves the mark only from where we saw it: two writers of the same bytes cannot both move it.

    What is dropped for the limit is a gap in the row before it is a hole in the file, so that nobody reads the hole.
    """
    known = row.known_gaps
    gaps = log_gaps.trimmed(gaps, stored_bytes, limits())
    rows = log_gaps.as_rows(gaps)
    seen = {"pk": row.pk, "stored_bytes": row.stored_bytes, "state": _NOT_CLOSED}
    if not statements.update(OutputLog, seen, stored_bytes=stored_bytes, gaps=rows):
        row.refresh_from_db()
        return
    row.stored_bytes, row.gaps = stored_bytes, rows
    path = path_of(sub_agent, row.stream)
    for gap in set(gaps) - set(known):
        if gap.start < log_files.size_on_disk(path):
            log_files.punch(path, gap.start, gap.stop)


def _make_durable(row: OutputLog, path: Path) -> None:
    """Long output is put on stable storage now and then: only then may a host let go of what it has."""
    now = time.monotonic()
    is_due = now - _synced_at.get(row.pk, -DURABLE_SECONDS) >= DURABLE_SECONDS
    if row.stored_bytes - row.durable_bytes < DURABLE_STEP_BYTES or not is_due:
        return
    if len(_synced_at) > 1000:
        _synced_at.clear()
    _synced_at[row.pk] = now
    log_files.to_stable_storage(path)
    _set(row, durable_bytes=row.stored_bytes)


def _set(row: OutputLog, **columns: object) -> None:
    statements.update(OutputLog, {"pk": row.pk}, **columns)
    for name, value in columns.items():
        setattr(row, name, value)
