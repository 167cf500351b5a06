"""Copies the files of scripts' output. Bytes are in their file before a row says so, so files that are copied after the
database hold at least what its rows say."""

import errno
import os
from pathlib import Path

from scheduler_site.backup.database import Stream
from scheduler_site.backup.manifest import BLOCK_BYTES, Kept, digest_of
from tasks.output import log_gaps
from tasks.output.log_files import relative_path
from tasks.output.log_gaps import Gaps

FOLDER = "logs/tasks"


def bring(source: Path, target: Path, stream: Stream) -> None:
    """`source` and `target` are the folders of all output. A complete file is never written again: it is linked where
    that is possible. Of another one the first `size` bytes are copied, as far as there are so many."""
    path = path_of(stream)
    (target / path).parent.mkdir(parents=True, exist_ok=True)
    if not (stream.is_complete and _linked(source / path, target / path)):
        copy(source / path, target / path, stream.size, stream.gaps)


def described(target: Path, stream: Stream) -> Kept:
    """Complete output was compared with the host's: its digest is known. A file that is too short counts as far as it
    reaches; whoever reads or writes it goes by the file as well."""
    path = target / path_of(stream)
    is_whole = path.stat().st_size >= log_gaps.end_of_runs(stream.gaps, stream.size)
    size = stream.size if is_whole else path.stat().st_size
    known = stream.sha256 if stream.is_complete and is_whole and not stream.gaps else ""
    digest = known or digest_of(path, size, stream.gaps)
    return Kept(f"{FOLDER}/{path_of(stream)}", size, digest, log_gaps.as_rows(stream.gaps))


def path_of(stream: Stream) -> str:
    return relative_path(stream.task_id, stream.attempt_no, stream.stream, stream.rank)


def copy(source: Path, target: Path, size: int, gaps: Gaps) -> None:
    """What is a gap stays a hole. A file that is not there becomes an empty one."""
    with target.open("xb") as copied:
        if source.exists():
            with source.open("rb") as original:
                for run in log_gaps.runs(gaps, min(size, source.stat().st_size)):
                    _copy_range(original.fileno(), copied.fileno(), run.start, run.stop)
        os.fsync(copied.fileno())


def _copy_range(source: int, target: int, start: int, stop: int) -> None:
    while start < stop and (block := os.pread(source, min(BLOCK_BYTES, stop - start), start)):
        view = memoryview(block)
        while view:
            written = os.pwrite(target, view, start)
            view, start = view[written:], start + written


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOENT):
            return False
        raise
    return True
