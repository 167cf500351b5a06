"""The Range header of one request, as RFC 9110 reads it: one range of bytes; anything else means the whole. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.output.log_gaps import Run

_ONE_RANGE = re.compile(r"bytes=\s*([0-9]{0,19})-([0-9]{0,19})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """Bytes [start, stop). `most`: how many at most, when the asker named no end."""

    start: int
    stop: int
    most: int | None = None


class Unsatisfiable(Exception):
    """No byte that is stored lies in the range."""


def parse(header: str, size: int, open_limit: int) -> ByteRange | None:
    """What of `size` bytes is wanted; None: all. An open end (`bytes=N-`) gives at most `open_limit` bytes."""
    match = _ONE_RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        return _suffix(int(last), size)
    if last and int(last) < int(first):
        return None
    start = int(first)
    if start >= size:
        raise Unsatisfiable
    return ByteRange(start, min(size, int(last) + 1)) if last else ByteRange(start, size, open_limit)


def first_kept(part: ByteRange, runs: Sequence[Run]) -> ByteRange:
    """What of the range is sent: its first bytes that are kept, up to the next gap. One answer never crosses a gap."""
    for run in runs:
        start, stop = max(part.start, run.start), min(part.stop, run.stop)
        if start < stop:
            return ByteRange(start, stop if part.most is None else min(stop, start + part.most))
    raise Unsatisfiable


def _suffix(length: int, size: int) -> ByteRange:
    if length == 0 or size == 0:
        raise Unsatisfiable
    return ByteRange(max(0, size - length), size)
