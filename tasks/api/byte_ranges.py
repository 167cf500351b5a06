"""The Range header of one request, as RFC 9110 reads it: one range of bytes; anything else means the whole. Pure."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes=\s*([0-9]{0,19})-([0-9]{0,19})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class ByteRange:
    """Bytes [start, stop)."""

    start: int
    stop: int


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
    return ByteRange(start, min(size, int(last) + 1 if last else start + open_limit))


def _suffix(length: int, size: int) -> ByteRange:
    if length == 0 or size == 0:
        raise Unsatisfiable
    return ByteRange(max(0, size - length), size)
