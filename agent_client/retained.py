"""Results that were acknowledged, kept for a day after their folders went: should the server's database be replaced by
an older copy, it gets them once more. One small file each, without output. Sends nothing.

What is dropped leaves how far its fences went: up to there, that nothing lies here proves nothing.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from agent_client import wire
from agent_client.atomic import Unreadable, read_json, sync_folder, write_json
from agent_client.sub_agent_dir import SAFE_ID, SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
KEPT_SECONDS = 24 * 3600.0
MOST = 5000
DROPPED_AT_ONCE = 500
LOOK_EVERY_SECONDS, LOOK_AGAIN_SECONDS = 60.0, 10.0
FORGOTTEN, DIGITS = "forgotten", 20
NOBODY_KNOWS = 2**62  # above all fences
FIELDS = frozenset({"sub_agent_id", "fence", "nonce", "token", "finish", "commit_seq"})


def keep(parent: Path, folder: SubAgentDir) -> None:
    """To be called before the folder goes, and then `sync`, once for several. A folder without a result leaves nothing;
    a full disk costs this only."""
    try:
        record = _record_of(folder)
        if record is not None:
            parent.mkdir(mode=0o700, exist_ok=True)
            write_json(parent / f"{record['sub_agent_id']}.json", record, syncs_folder=False)
    except (Unreadable, OSError, KeyError) as error:
        log.warning("result_not_retained", sub_agent_id=folder.sub_agent_id, detail=str(error))


def sync(parent: Path) -> None:
    """Make durable that they are there; what they hold is."""
    try:
        sync_folder(parent)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("results_not_retained", detail=str(error))


def _record_of(folder: SubAgentDir) -> wire.RetainedRecord | None:
    grant, assignment, finish = folder.read_grant(), folder.read_assignment(), folder.read_exit()
    if grant is None or assignment is None or finish is None:
        return None
    delivered = folder.read_delivered()
    return {
        "sub_agent_id": grant["sub_agent_id"],
        "fence": grant["fence"],
        "nonce": assignment.get("nonce", ""),
        "token": grant["sub_agent_token"],
        "finish": finish,
        "commit_seq": delivered.get("commit_seq") if delivered else None,
    }


def load(parent: Path) -> Iterator[wire.RetainedRecord]:
    """The newest first, one at a time. What cannot be read is passed over: it is a copy of what was told already."""
    return _read(sorted(_files(parent), key=_written_at, reverse=True))


def _read(paths: list[Path]) -> Iterator[wire.RetainedRecord]:
    for path in paths:
        try:
            record = read_json(path)
        except Unreadable:
            continue
        if record is not None and record.keys() >= FIELDS and isinstance(record["finish"], dict):
            yield cast("wire.RetainedRecord", record)


def find(parent: Path, sub_agent_id: str) -> wire.RetainedRecord | None:
    return next(_read([parent / f"{sub_agent_id}.json"]), None) if SAFE_ID.fullmatch(sub_agent_id) else None


class Housekeeping:
    """Looks once a minute, and sooner while more has to go than goes at once."""

    def __init__(self, parent: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._parent = parent
        self._clock = clock
        self._next_at = clock()

    def look(self) -> None:
        if self._clock() < self._next_at:
            return
        is_all = drop_old(self._parent) < DROPPED_AT_ONCE
        self._next_at = self._clock() + (LOOK_EVERY_SECONDS if is_all else LOOK_AGAIN_SECONDS)


def drop_old(parent: Path) -> int:
    """Those of yesterday, and the oldest of too many, at most DROPPED_AT_ONCE. Returns how many."""
    going = _going(parent)
    try:
        if going:
            _note_forgotten(parent, max((row["fence"] for row in _read(going)), default=0))
        for path in going:
            path.unlink(missing_ok=True)
    except OSError as error:  # a disk that can only be read
        log.warning("results_not_dropped", detail=str(error))
        return 0
    return len(going)


def _going(parent: Path) -> list[Path]:
    found = sorted((_written_at(path), path) for path in _files(parent))
    since = time.time() - KEPT_SECONDS
    too_many = len(found) - MOST
    return [path for number, (at, path) in enumerate(found) if number < too_many or at < since][:DROPPED_AT_ONCE]


def forgotten_fence(parent: Path) -> int:
    """The highest fence among those that were dropped, 0 when none was. Damaged, it covers all."""
    try:
        return int((parent / FORGOTTEN).read_text("ascii"))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError):
        return NOBODY_KNOWS


def _note_forgotten(parent: Path, fence: int) -> None:
    """Durable when it returns. In place and always of one length, which needs no new space on a full disk."""
    content = f"{max(fence, forgotten_fence(parent)):0{DIGITS}d}".encode("ascii")
    descriptor = os.open(parent / FORGOTTEN, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, content, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(parent)


def _files(parent: Path) -> list[Path]:
    return list(parent.glob("*.json")) if parent.is_dir() else []


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
