"""A range of an output as one message, for a page that has a socket: `GET /api/tasks/{id}/log` with Range in short.

Answers only what is simple: kept bytes, or the gap in their place. Of everything else it says that the page has to ask
by HTTP, which has the words for it. Knows no socket and asks nobody's rights.
"""

import json
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from rest_framework.exceptions import NotFound

from scheduler_site.shared.strict_fields import LARGEST_INTEGER
from tasks.api import byte_ranges
from tasks.api.byte_ranges import ByteRange, Unsatisfiable
from tasks.api.logs import MOST_GAPS_TOLD, Output, find_output, gaps_in
from tasks.output import logs
from tasks.states import LogState

PIECE_BYTES = 256 * 1024

_Whole = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_INTEGER)]
_Position = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Number = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_INTEGER)]


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes [start, stop) of a stream; without `stop` as much as one message takes. `request` comes back with them."""

    request: _Whole
    task: _Number
    attempt_no: _Number
    start: _Position
    stop: _Position | None = None
    stream: Literal["out", "err"] = "out"
    rank: _Whole = 0


class Unreadable(Exception):
    """Not on the socket. `code` is one of those of the HTTP call where that has one."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def parse(asked: Any) -> Wanted:
    try:
        wanted = msgspec.convert(asked, Wanted)
    except msgspec.ValidationError as error:
        raise Unreadable("invalid", str(error)) from None
    if wanted.stop is not None and wanted.stop <= wanted.start:
        raise Unreadable("invalid", "A range ends behind its start.")
    return wanted


class Ranges:
    """Of one page, one call at a time. A page follows an output for long: it is looked for once, then only its row is
    read, for each range anew, so that no range is cut from what was true before."""

    def __init__(self) -> None:
        self._meant: tuple[Any, ...] = ()
        self._found: Output | None = None

    def message(self, wanted: Wanted) -> bytes:
        """A line of JSON, then the bytes. Unreadable."""
        try:
            output = self._output(wanted)
            part, gaps = _part(output, wanted)
            data = b"".join(output.read(part))
        except NotFound as error:
            raise Unreadable("not_found", str(error.detail)) from None
        except logs.Dropped as error:
            raise Unreadable("dropped", str(error)) from None
        head = {
            "request": wanted.request,
            "start": part.start,
            "size": output.size,
            "state": output.state,
            "gaps": [[gap.start, gap.stop, gap.reason] for gap in gaps[:MOST_GAPS_TOLD]],
        }
        return json.dumps(head).encode() + b"\n" + data

    def _output(self, wanted: Wanted) -> Output:
        meant = (wanted.task, wanted.attempt_no, wanted.stream, wanted.rank)
        known = self._found if meant == self._meant else None
        if known is not None and known.stored is not None and (stored := logs.again(known.stored)) is not None:
            return replace(known, stored=stored, state=stored.state)
        self._meant, self._found = meant, find_output(*meant)
        return self._found


def _part(output: Output, wanted: Wanted) -> tuple[ByteRange, list[Any]]:
    """What is sent, and the gaps before it; an empty range where nothing but gaps is left."""
    if output.state == LogState.PRUNED:
        raise Unreadable("pruned", "The output was removed.")
    if wanted.start >= output.size:
        raise Unreadable("no_bytes", f"{output.size} bytes are stored.")
    stop = output.size if wanted.stop is None else min(wanted.stop, output.size)
    try:
        part = byte_ranges.first_kept(ByteRange(wanted.start, stop, PIECE_BYTES), output.runs)
    except Unsatisfiable:
        part = ByteRange(stop, stop)
    return part, gaps_in(output, wanted.start, part.start)
