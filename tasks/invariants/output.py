"""I7: the row of a stream never says more than its file holds, and a complete one has all of it.

With `with_digests` every complete file is read and compared, which takes as long as it takes.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import F, Q

from tasks.invariants.violation import Violation, broken, some
from tasks.models import OutputLog
from tasks.output import log_gaps
from tasks.output.log_files import relative_path, size_on_disk
from tasks.states import LogState

_COLUMNS = (
    "sub_agent_id",
    "sub_agent__task_id",
    "sub_agent__attempt_no",
    "sub_agent__rank",
    "stream",
    "stored_bytes",
    "state",
    "sha256",
    "gaps",
)


def marks_are_in_order() -> Iterator[Violation]:
    too_much = Q(stored_bytes__gt=F("final_bytes"))
    short = Q(state=LogState.COMPLETE) & ~Q(stored_bytes=F("final_bytes"))
    still_open = Q(state=LogState.OPEN, sub_agent__ended_at__isnull=False)
    for row in some(OutputLog.objects.filter(too_much | short | still_open).values(*_COLUMNS)):
        sentence = f"The {row['state']} output of {_name(row)} is stored up to {row['stored_bytes']}, which cannot be."
        yield broken(7, sentence, row["sub_agent_id"])


def gaps_are_in_order() -> Iterator[Violation]:
    """Sorted, apart from each other, within what is stored, each with a reason."""
    for row in some(OutputLog.objects.exclude(gaps=[]).values(*_COLUMNS)):
        edges = [0, *(edge for start, stop, _ in row["gaps"] for edge in (start, stop)), row["stored_bytes"]]
        if edges != sorted(edges) or not all(reason and start < stop for start, stop, reason in row["gaps"]):
            yield broken(7, f"The gaps in the output of {_name(row)} are not in order.", row["sub_agent_id"])


def files_hold_what_rows_say() -> Iterator[Violation]:
    """Up to the last byte that is in no gap."""
    for row in _rows().exclude(state=LogState.PRUNED).iterator(chunk_size=5000):
        size = size_on_disk(_path(row))
        if size < log_gaps.end_of_runs(log_gaps.from_rows(row["gaps"]), row["stored_bytes"]):
            sentence = f"Of the output of {_name(row)}, {row['stored_bytes']} bytes are stored and {size} in the file."
            yield broken(7, sentence, row["sub_agent_id"])


def digests_are_right() -> Iterator[Violation]:
    """Of output with gaps no digest is known."""
    for row in _rows().filter(state=LogState.COMPLETE, gaps=[]).exclude(sha256="").iterator(chunk_size=5000):
        if _sha256(_path(row), row["stored_bytes"]) != row["sha256"]:
            yield broken(7, f"The output of {_name(row)} is not what the host had (SHA-256).", row["sub_agent_id"])


def _rows() -> Any:
    return OutputLog.objects.filter(stored_bytes__gt=0).order_by("pk").values(*_COLUMNS)


def _path(row: dict[str, Any]) -> Path:
    numbers = (row["sub_agent__task_id"], row["sub_agent__attempt_no"], row["stream"], row["sub_agent__rank"])
    return Path(settings.TASK_LOG_DIR) / relative_path(*numbers)


def _sha256(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") if path.exists() else Path("/dev/null").open("rb") as file:
        while size > 0 and (block := file.read(min(size, 1 << 20))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()


def _name(row: dict[str, Any]) -> str:
    return f"attempt {row['sub_agent__attempt_no']} of task {row['sub_agent__task_id']} ({row['stream']})"
