"""Streams that came whole: all that a script wrote, beside its start and its end. They take one write and one row.
Where the start was told before, some of it may be stored: then it goes by pieces.

Written before the transaction that stores the result, so that no other writer waits for the disk, and noted in it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from tasks.agent_messages import Entry, Finish, LogClose, Output
from tasks.models import SubAgent
from tasks.output import logs
from tasks.states import SubAgentState


@dataclass(frozen=True, slots=True)
class Whole:
    stream: str
    data: bytes
    sha256: str


def written(entry: Entry, sub_agent: SubAgent) -> list[Whole]:
    """Those that are on stable storage now. A disk that takes none is heard of when the pieces are taken."""
    is_first_word = entry.started is not None and sub_agent.state == SubAgentState.STARTING
    if not is_first_word or entry.finish is None or entry.skips:
        return []
    found = list(_whole(entry, entry.finish))
    try:
        for output in found:
            logs.write_whole(sub_agent, output.stream, output.data)
    except OSError:
        return []
    return found


def noted(found: list[Whole], entry: Entry, sub_agent: SubAgent) -> Entry:
    """What is left to be taken of the entry."""
    streams = {
        output.stream for output in found if logs.note_whole(sub_agent, output.stream, len(output.data), output.sha256)
    }
    output = [piece for piece in entry.output if piece.stream not in streams]
    closings = [closing for closing in entry.log_close if closing.stream not in streams]
    return msgspec.structs.replace(entry, output=output, log_close=closings)


def _whole(entry: Entry, finish: Finish) -> Iterator[Whole]:
    for closing in entry.log_close:
        data = _all_of([piece for piece in entry.output if piece.stream == closing.stream])
        if data is not None and _agrees(data, closing, finish):
            yield Whole(closing.stream, data, closing.sha256)


def _all_of(pieces: list[Output]) -> bytes | None:
    if not pieces:
        return b""
    return pieces[0].data if len(pieces) == 1 and pieces[0].offset == 0 else None


def _agrees(data: bytes, closing: LogClose, finish: Finish) -> bool:
    is_all = len(data) == closing.size == finish.sizes.get(closing.stream)
    return is_all and logs.is_kept_whole(len(data)) and hashlib.sha256(data).hexdigest() == closing.sha256
