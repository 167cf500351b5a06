"""Which bytes of an output are not kept: sorted, disjoint ranges with reasons. Pure; knows no rows and no files.

Positions are those of the stream as the script wrote it. What lies between two gaps is a *run*.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

MIB = 1 << 20
MOST_GAPS = 256
CAP = "cap"


@dataclass(frozen=True)
class Gap:
    """Bytes [start, stop) are gone."""

    start: int
    stop: int
    reason: str

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Run:
    """Bytes [start, stop) are kept."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


Gaps = tuple[Gap, ...]


@dataclass(frozen=True)
class Limits:
    """How much of a stream is kept: its beginning, and of what follows the newest. None: all of it."""

    head: int | None = None
    tail: int = 0

    @classmethod
    def of_mib(cls, most_mib: int) -> "Limits":
        """Three quarters for the head. 0: no limit."""
        return cls(most_mib * MIB * 3 // 4, most_mib * MIB // 4) if most_mib else cls()


def from_rows(rows: Iterable[Sequence[Any]]) -> Gaps:
    return tuple(Gap(int(start), int(stop), str(reason)) for start, stop, reason in rows)


def as_rows(gaps: Gaps) -> list[list[Any]]:
    return [[gap.start, gap.stop, gap.reason] for gap in gaps]


def add(gaps: Gaps, gap: Gap) -> Gaps:
    """One more at the end; it becomes one with a neighbour of the same reason."""
    last = gaps[-1] if gaps else None
    if last is not None and last.stop == gap.start and last.reason == gap.reason:
        return (*gaps[:-1], Gap(last.start, gap.stop, gap.reason))
    return (*gaps, gap)


def runs(gaps: Gaps, size: int) -> list[Run]:
    """What is kept of the first `size` bytes."""
    starts = [0, *(gap.stop for gap in gaps)]
    stops = [*(gap.start for gap in gaps), size]
    return [Run(start, min(stop, size)) for start, stop in zip(starts, stops, strict=True) if start < min(stop, size)]


def end_of_runs(gaps: Gaps, size: int) -> int:
    """Where the last kept byte ends: the file must reach that far."""
    kept = runs(gaps, size)
    return kept[-1].stop if kept else 0


def below(gaps: Gaps, size: int) -> Gaps:
    """The gaps of the first `size` bytes."""
    return tuple(Gap(gap.start, min(gap.stop, size), gap.reason) for gap in gaps if gap.start < size)


def dropped(gaps: Gaps) -> int:
    return sum(gap.size for gap in gaps)


def trimmed(gaps: Gaps, size: int, limits: Limits) -> Gaps:
    """The gaps once no more than head and tail is kept, and never so many that the row grows without end."""
    if limits.head is not None and size > limits.head:
        gaps = _with_short_tail(gaps, size, limits.head, limits.tail)
    return _fewer(gaps) if len(gaps) > MOST_GAPS else gaps


def _with_short_tail(gaps: Gaps, size: int, head: int, tail: int) -> Gaps:
    """By steps of up to a MiB, so that not every piece of output costs a change of the gaps."""
    step = min(MIB, tail)
    kept = sum(run.stop - max(run.start, head) for run in runs(gaps, size) if run.stop > head)
    if kept <= tail + step:
        return gaps
    start = _start_of_tail(gaps, size, tail, step)
    before = tuple(gap for gap in below(gaps, head))
    after = tuple(gap for gap in gaps if gap.start > start)
    return (*add(before, Gap(head, start, CAP)), *after)


def _start_of_tail(gaps: Gaps, size: int, tail: int, step: int) -> int:
    """So that at most `tail` bytes are kept from there on; never inside a gap."""
    for run in reversed(runs(gaps, size)):
        if run.size >= tail:
            start = -(-(run.stop - tail) // step) * step  # whole blocks: their checksums stay checkable
            return start if start < run.stop else run.stop - tail
        tail -= run.size
    return 0


def _fewer(gaps: Gaps) -> Gaps:
    """Without the shortest run between two gaps, which become one."""
    between = [after.start - before.stop for before, after in pairwise(gaps)]
    index = between.index(min(between))
    merged = Gap(gaps[index].start, gaps[index + 1].stop, gaps[index].reason)
    return (*gaps[:index], merged, *gaps[index + 2 :])
