"""Results that were acknowledged, kept for a day after their folders went: should the server's database be replaced by
an older copy, it gets them once more. One small file each, without output. Sends nothing.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from agent_client import wire
from agent_client.atomic import Unreadable, read_json, sync_folder, write_json
from agent_client.sub_agent_dir import SAFE_ID, SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
KEPT_SECONDS = 24 * 3600.0
MOST = 5000
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


def drop_old(parent: Path) -> None:
    """Those of yesterday, and the oldest of too many."""
    paths = sorted(_files(parent), key=_written_at, reverse=True)
    oldest = time.time() - KEPT_SECONDS
    for number, path in enumerate(paths):
        if number >= MOST or _written_at(path) < oldest:
            with contextlib.suppress(OSError):  # a disk that can only be read
                path.unlink()


def _files(parent: Path) -> list[Path]:
    return list(parent.glob("*.json")) if parent.is_dir() else []


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
