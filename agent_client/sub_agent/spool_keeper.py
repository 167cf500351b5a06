"""Keeps the spool of one sub agent within the limits of its host: first stored bytes go, then the middle of the rest.

Called ten times a second while the script lives. Sends nothing; what is dropped, delivery tells the server.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from agent_client import wire
from agent_client.reserve import Reserve
from agent_client.sub_agent.output_stream import OutputStream
from agent_client.sub_agent.spool import EVERYTHING
from agent_client.sub_agent_dir import STREAMS, SubAgentDir

log = logging.getLogger(__name__)

MIB = 1 << 20
BLOCK_BYTES = 4096
KEEP_FIRST_BYTES = 4 * MIB
KEEP_NEWEST_BYTES = 16 * MIB
NEIGHBOURS_SECONDS = 2.0
SMALL_BYTES = 64 * 1024
NOTED_FROM_BYTES = 64 * 1024
AFTER_A_FAILURE_SECONDS = 5.0


@dataclass(frozen=True)
class SpoolLimits:
    """Of one attempt, of all attempts of the host together, and what is to stay free on the disk."""

    attempt_bytes: int
    host_bytes: int
    free_bytes: int

    @classmethod
    def of_grant(cls, grant: wire.Grant) -> "SpoolLimits | None":
        """None under a main agent that says nothing of limits."""
        limits = grant.get("host_limits")
        if limits is None or "spool_mib" not in limits:
            return None
        return cls(limits["spool_mib"] * MIB, limits["spool_host_mib"] * MIB, limits["min_free_disk_mib"] * MIB)

    def share(self, others: list[int]) -> int:
        """What one attempt may use beside `others`: all that they leave, but never less than an equal part."""
        left = self.host_bytes - sum(others)
        return min(self.attempt_bytes, max(left, self.host_bytes // (len(others) + 1)))


@dataclass(frozen=True)
class Disk:
    total: int
    free: int

    @classmethod
    def of(cls, path: Path) -> "Disk":
        stat = os.statvfs(path)
        return cls(stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize)


class SpoolKeeper:
    def __init__(
        self,
        directory: SubAgentDir,
        streams: Iterable[OutputStream],
        limits: SpoolLimits | None,
        read_disk: Callable[[Path], Disk] = Disk.of,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._streams = list(streams)
        self._without_note = list(self._streams)
        self._limits = limits
        self._read_disk = read_disk
        self._clock = clock
        self._others: list[int] = []
        self._others_at: float | None = None
        self._rests_until = 0.0

    def look(self) -> None:
        """Never raises: a script is not to end because its output cannot be made smaller."""
        if self._limits is None or self._clock() < self._rests_until:
            return
        try:
            self._prepare()
            self._keep(self._limits)
        except Exception as fault:
            if not isinstance(fault, OSError):
                log.exception("fault in the keeper of the spool")
            log.warning("spool not made smaller error=%s", fault)
            self._rests_until = self._clock() + AFTER_A_FAILURE_SECONDS

    def _prepare(self) -> None:
        """A note on the disk that takes no new room when there is none. Most scripts say too little to need one."""
        for stream in [stream for stream in self._without_note if stream.spool.size >= NOTED_FROM_BYTES]:
            stream.spool.prepare()
            self._without_note.remove(stream)

    def _keep(self, limits: SpoolLimits) -> None:
        """One step after the other, as far as they are needed."""
        disk = self._disk()
        if disk.free >= limits.free_bytes and self._used <= SMALL_BYTES:
            return  # whatever the others use
        allowed = limits.share(self._used_by_others())
        if self._used <= allowed and disk.free >= limits.free_bytes:
            return
        for stream in self._streams:
            release(stream, min(stream.stored, stream.durable))
        if self._suffices(allowed, limits):
            return
        for stream in self._streams:
            release(stream, stream.stored)  # better than a script that cannot write: a power cut there is rare
        if self._suffices(allowed, limits):
            return
        for stream in self._streams:
            drop_middle(stream, min(allowed, disk.total))
        if not self._suffices(EVERYTHING, limits):
            Reserve.of(self._directory).give()

    def _suffices(self, allowed: int, limits: SpoolLimits) -> bool:
        disk = self._disk()
        return self._used <= allowed and disk.free >= desperate_bytes(limits, disk)

    def _disk(self) -> Disk:
        return self._read_disk(self._directory.path.parent)

    @property
    def _used(self) -> int:
        return sum(stream.spool.used_bytes for stream in self._streams)

    def _used_by_others(self) -> list[int]:
        """Of every other folder of the host, looked at now and then."""
        now = self._clock()
        if self._others_at is None or now - self._others_at >= NEIGHBOURS_SECONDS:
            self._others_at = now
            self._others = [used_by(path) for path in self._directory.path.parent.iterdir()
                            if path.name != self._directory.path.name]  # fmt: skip
        return self._others


def desperate_bytes(limits: SpoolLimits, disk: Disk) -> int:
    """With less than this free, bytes that nobody else has are dropped too."""
    return min(limits.free_bytes // 16, disk.total // 16)


def release(stream: OutputStream, upto: int) -> None:
    """By steps: each one is noted on the disk."""
    upto = upto // BLOCK_BYTES * BLOCK_BYTES
    if upto - stream.spool.holes.released >= min(MIB, stream.spool.used_bytes // 4):
        stream.spool.release(upto)


def drop_middle(stream: OutputStream, room: int) -> None:
    """Of what is not stored yet, the beginning and the newest stay: they explain most."""
    holes = stream.spool.holes
    start = stream.stored + min(KEEP_FIRST_BYTES, room // 8)
    start = holes.start if stream.stored < holes.stop else -(-start // BLOCK_BYTES) * BLOCK_BYTES
    stop = (stream.size - min(KEEP_NEWEST_BYTES, room // 4)) // BLOCK_BYTES * BLOCK_BYTES
    if stop - max(start, holes.stop) >= min(MIB, room // 16):
        log.warning("output dropped stream=%s start=%d stop=%d", stream.name, start, stop)
        stream.spool.drop(start, stop)


def used_by(path: Path) -> int:
    """What the output in a folder takes on the disk; 0 for one that is being removed."""
    used = 0
    for name in STREAMS:
        try:
            used += (path / name).stat().st_blocks * 512
        except OSError:
            continue
    return used
