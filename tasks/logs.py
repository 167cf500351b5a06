"""Output of attempts: stored once, in order, by byte offset, in files under DATA_DIR/logs/tasks/<task>/.

Bytes are written at their offset before the row says that they are there,
so a crash in between only means that the same
bytes come again to the same place. Readers never go past what the row says. Bytes are kept as they came: no decoding.
"""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db.models import F

from scheduler_site.shared.errors import CrcMismatch, OffsetGap
from tasks import log_digests, messages
from tasks.models import OutputLog, SubAgent, Task
from tasks.states import LogState

STREAMS = ("out", "err")
_CLOSED = (LogState.COMPLETE, LogState.CORRUPT)


@dataclass(frozen=True)
class StoredLog:
    """What a reader may read: the first `size` bytes of `path`."""

    path: Path
    size: int
    state: str
    sub_agent: SubAgent


def relative_path(task_id: int, attempt_no: int, stream: str, rank: int = 0) -> str:
    """Made of numbers and fixed words only, never of names."""
    member = f".rank-{rank}" if rank else ""
    suffix = "" if stream == "out" else ".err"
    return f"{task_id}/{attempt_no}{member}{suffix}.log"


def path_of(sub_agent: SubAgent, stream: str) -> Path:
    return Path(settings.TASK_LOG_DIR) / relative_path(sub_agent.task_id, sub_agent.attempt_no, stream, sub_agent.rank)


def find(task: Task, attempt_no: int | None = None, stream: str = "out", rank: int = 0) -> StoredLog | None:
    """The output of one attempt, the latest that was claimed by default, of its leader by default; None while there is
    none."""
    rows = OutputLog.objects.filter(sub_agent__task=task, sub_agent__rank=rank, stream=stream)
    rows = rows.select_related("sub_agent")
    if attempt_no is not None:
        rows = rows.filter(sub_agent__attempt_no=attempt_no)
    row = rows.order_by("-sub_agent__attempt_no").first()
    if row is None:
        return None
    path = path_of(row.sub_agent, stream)
    return StoredLog(path, min(row.stored_bytes, _size_on_disk(path)), row.state, row.sub_agent)


def read(stored: StoredLog, start: int, stop: int, block: int = 65536) -> Iterator[bytes]:
    """Bytes [start, stop) in blocks; ends early at the stored size."""
    stop = min(stop, stored.size)
    if start >= stop:
        return
    with stored.path.open("rb") as file:
        file.seek(start)
        while start < stop:
            data = file.read(min(block, stop - start))
            if not data:
                return
            start += len(data)
            yield data


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
        _write_at(path, row.stored_bytes, fresh)
        _advance(row, len(fresh))
        messages.announce_output(sub_agent, stream, row.stored_bytes)
    return row


def row_of(sub_agent: SubAgent, stream: str) -> OutputLog:
    row, _ = OutputLog.objects.get_or_create(sub_agent=sub_agent, stream=stream)
    return row


def begin_draining(sub_agent: SubAgent, sizes: dict[str, int]) -> None:
    """The result is final: this many bytes were written. No size known (a lost sub agent):
    what is stored stays incomplete.

    Called in the finishing transaction, and again when a result arrives late.
    """
    for stream, size in sizes.items():
        row = row_of(sub_agent, stream)
        if row.state not in _CLOSED:
            _set(row, final_bytes=size, state=LogState.DRAINING)
    OutputLog.objects.filter(sub_agent=sub_agent, state=LogState.OPEN).update(state=LogState.INCOMPLETE)


def close(sub_agent: SubAgent, stream: str, size: int, sha256: str) -> OutputLog:
    """Compare what is stored with what the host had. Equal: on stable storage and complete. Else start over, once.

    Long output is compared over several calls: while the row's state is not final the host asks again.
    """
    row = row_of(sub_agent, stream)
    if row.state in _CLOSED or row.stored_bytes != size or (row.final_bytes is not None and row.final_bytes != size):
        return row
    path = path_of(sub_agent, stream)
    stored_sha256 = log_digests.digest_of((row.pk, row.restarts), path, size)
    if stored_sha256 is None:
        return row
    if stored_sha256 == sha256:
        _to_stable_storage(path)
        _set(row, state=LogState.COMPLETE, sha256=sha256)
    elif row.restarts == 0:
        _set(row, stored_bytes=0, restarts=1)
    else:
        _set(row, state=LogState.CORRUPT, sha256=sha256)
    messages.announce_output(sub_agent, stream, row.stored_bytes)
    return row


def is_settled(sub_agent: SubAgent) -> bool:
    """Whether every stream is closed: nothing more of it is wanted from the host."""
    return not OutputLog.objects.filter(sub_agent=sub_agent).exclude(state__in=_CLOSED).exists()


def give_up(ended_before: datetime) -> int:
    """Output of attempts that ended so long ago is incomplete for good, as far as anybody knows."""
    waiting = OutputLog.objects.filter(state__in=(LogState.OPEN, LogState.DRAINING))
    return waiting.filter(sub_agent__ended_at__lt=ended_before).update(state=LogState.INCOMPLETE)


def _trust_the_disk(row: OutputLog, path: Path) -> None:
    """After a power loss the file may be shorter than the row says: go on from what is really there."""
    on_disk = _size_on_disk(path)
    if on_disk < row.stored_bytes:
        _set(row, stored_bytes=on_disk)


def _size_on_disk(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _write_at(path: Path, offset: int, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        view = memoryview(data)
        while view:
            written = os.pwrite(descriptor, view, offset)
            view, offset = view[written:], offset + written
    finally:
        os.close(descriptor)


def _advance(row: OutputLog, length: int) -> None:
    """Moves the mark only from where we saw it: two writers of the same bytes cannot both move it."""
    moved = OutputLog.objects.filter(pk=row.pk, stored_bytes=row.stored_bytes).update(
        stored_bytes=F("stored_bytes") + length
    )
    if moved:
        row.stored_bytes += length
    else:
        row.refresh_from_db()


def _set(row: OutputLog, **columns: object) -> None:
    OutputLog.objects.filter(pk=row.pk).update(**columns)
    for name, value in columns.items():
        setattr(row, name, value)


def _to_stable_storage(path: Path) -> None:
    if not path.exists():
        return
    for target in (path, path.parent):
        descriptor = os.open(target, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
