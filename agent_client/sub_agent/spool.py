"""The file of one stream on the host: bytes by offset, and the two holes that may be in it. Knows no limits.

`released`: everything below was stored durably elsewhere and is gone here; the other hole is bytes in the middle that
nobody has any more. Both are noted durably, in place, before the bytes go: who takes over must not send zeros.
"""

import os
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

from agent_client import wire
from agent_client.punch import punch
from agent_client.sub_agent_dir import SubAgentDir

EVERYTHING = 1 << 62
BEYOND_ALL_OUTPUT = 1 << 40


@dataclass(frozen=True)
class Holes:
    """Bytes [0, released) and [start, stop)."""

    released: int = 0
    start: int = 0
    stop: int = 0

    def as_line(self) -> bytes:
        numbers = f"{self.released:019d} {self.start:019d} {self.stop:019d}"
        return f"{numbers} {zlib.crc32(numbers.encode()):010d}\n".encode()


class Spool:
    """The file stays open, so that its bytes are safe even when a script deletes it by name."""

    def __init__(self, directory: SubAgentDir, name: wire.StreamName) -> None:
        self._note = directory.path / f"{name}.holes"
        self.holes = _noted(self._note)
        self._descriptor = os.open(directory.stream_path(name), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = threading.Lock()

    def close(self) -> None:
        os.close(self._descriptor)

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    @property
    def used_bytes(self) -> int:
        """What it takes on the disk."""
        return os.fstat(self._descriptor).st_blocks * 512

    def read(self, offset: int, most_bytes: int) -> bytes:
        """Bytes from `offset` on, up to the next hole; empty in a hole and at the end."""
        with self._lock:
            if offset < self.holes.released or self.holes.start <= offset < self.holes.stop:
                return b""
            if offset < self.holes.start:
                most_bytes = min(most_bytes, self.holes.start - offset)
            return os.pread(self._descriptor, most_bytes, offset)

    def missing_from(self, offset: int) -> tuple[int, wire.GapReason] | None:
        """If the byte at `offset` is in a hole: where that ends, and what it is called."""
        holes = self.holes
        if offset < holes.released:
            return holes.released, "spool_lost"
        if holes.start <= offset < holes.stop:
            return holes.stop, "spool_lost" if holes.stop == EVERYTHING else "spool_full"
        return None

    def prepare(self) -> None:
        """Take the room for the note while there is some: it is needed when there is none."""
        if not self._note.exists():
            self._write(Holes())

    def release(self, upto: int) -> None:
        """Let go of what is stored elsewhere for good."""
        if upto > self.holes.released:
            self._make(Holes(upto, self.holes.start, self.holes.stop), self.holes.released, upto)

    def drop(self, start: int, stop: int) -> None:
        """Let go of bytes that nobody has; they extend the hole that is still ahead, if there is one.

        One that lies behind goes into what is released: forgotten, it would be read as zeros.
        """
        is_ahead = start <= self.holes.start
        released = self.holes.released if is_ahead else max(self.holes.released, self.holes.stop)
        self._make(Holes(released, start, stop), start, stop)

    def _make(self, holes: Holes, start: int, stop: int) -> None:
        """Not while somebody reads there, and where no hole can be made none is noted: its bytes would be lost for
        nothing."""
        writable = os.open(f"/proc/self/fd/{self._descriptor}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            punch(writable, BEYOND_ALL_OUTPUT, BEYOND_ALL_OUTPUT + 1)
            with self._lock:
                self._write(holes)
                self.holes = holes
                punch(writable, start, stop)
        finally:
            os.close(writable)

    def _write(self, holes: Holes) -> None:
        descriptor = os.open(self._note, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, holes.as_line(), 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


def _noted(path: Path) -> Holes:
    """A damaged note means that nothing in the file can be trusted. OSError: it may be read later."""
    try:
        line = path.read_bytes()
        holes = Holes(*(int(word) for word in line.split()[:3]))
    except FileNotFoundError:
        return Holes()
    except (ValueError, TypeError):
        return Holes(start=0, stop=EVERYTHING)
    return holes if holes.as_line() == line else Holes(start=0, stop=EVERYTHING)
