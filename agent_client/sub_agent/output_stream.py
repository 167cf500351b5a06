"""One stream of output on its way to the server: what is stored there, what comes next or is skipped, and the digest.

Reads the spool; sends nothing. Memory is bounded by one block, whatever the size of the output.
"""

import hashlib
import zlib
from collections.abc import Iterator

from agent_client import wire
from agent_client.sub_agent.spool import Spool
from agent_client.sub_agent_dir import SubAgentDir

HASH_BLOCK_BYTES = 1024 * 1024
LIVE_BYTES = 256 * 1024  # what is sent in a second of a stream that is over the server's limit
MOST_PARTS = 512  # at either end
MIB = 1 << 20


class OutputStream:
    def __init__(self, directory: SubAgentDir, name: wire.StreamName) -> None:
        self.name: wire.StreamName = name
        self.spool = Spool(directory, name)
        self.stored = 0
        self.durable = 0
        self.state: wire.LogState = "open"
        self.final_size: int | None = None
        self.is_refused = False  # the server takes no more of it
        self.is_lost = False  # bytes are missing, and the server knows no gaps
        self._takes_skips: bool | None = None  # not known before the first reply
        self._keep_head: int | None = None
        self._keep_tail = 0
        self._room = LIVE_BYTES
        self._has_gaps = False
        self._close_was_sent = False
        self._sha256 = hashlib.sha256()
        self._hashed = 0

    def close(self) -> None:
        self.spool.close()

    @property
    def size(self) -> int:
        """What there is to send in all: the final size once it is known."""
        return self.spool.size if self.final_size is None else self.final_size

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will be sent of it."""
        return self.state in ("complete", "corrupt") or self.is_refused or self.is_lost

    @property
    def behind(self) -> int:
        """Bytes that the server has not stored yet."""
        return 0 if self.is_settled else max(0, self.size - self.stored)

    @property
    def sendable(self) -> int:
        """Those of them that may be sent now: over the server's limit a script's end is waited for with the rest."""
        return min(self.behind, self._room) if self._is_over and self.final_size is None else self.behind

    @property
    def has_news(self) -> bool:
        return bool(self.sendable) or self.wants_to_close or self.next_skip() is not None

    @property
    def wants_to_close(self) -> bool:
        """Whether its closing line is due and was not sent yet."""
        return self.final_size is not None and not self.is_settled and not self._close_was_sent

    def tail(self, most_bytes: int) -> bytes:
        """The end of what is still here; nothing from a disk that cannot be read: a result is not to be lost for it."""
        try:
            start = max(0, self.spool.size - most_bytes)
            missing = self.spool.missing_from(start)
            return self.spool.read(start if missing is None else missing[0], most_bytes)
        except OSError:
            return b""

    @property
    def _is_over(self) -> bool:
        return self._keep_head is not None and self.stored >= self._keep_head

    def begin_second(self) -> None:
        self._room = LIVE_BYTES

    def next_skip(self) -> wire.Skip | None:
        """What comes next and will not be sent: it is gone, or the server would not keep it."""
        if not self._takes_skips or not self.behind:
            return None
        missing = self._missing()
        stop, reason = missing or (self.stored, "cap")
        if self._is_over and (self.final_size is not None or self._room == LIVE_BYTES):
            stop = max(stop, self.size - (LIVE_BYTES if self.final_size is None else self._keep_tail))
        stop = min(stop, self.size)
        if stop <= self.stored:
            return None
        return {"stream": self.name, "start": self.stored, "stop": stop, "reason": reason}

    def _missing(self) -> tuple[int, wire.GapReason] | None:
        """A hole, or an end that the file does not have (any more)."""
        if self.final_size is not None and self.stored >= self.spool.size:
            return self.final_size, "spool_lost"
        return self.spool.missing_from(self.stored)

    def next_block(self, most_bytes: int) -> bytes:
        """The next bytes to send. Empty when all are stored, and when they are missing here."""
        wanted = min(most_bytes, self.sendable)
        block = self.spool.read(self.stored, wanted) if wanted else b""
        if wanted and not block and self.final_size is not None and self._takes_skips is False:
            self.is_lost = True
        return block

    def acknowledge(self, status: wire.StreamStatus, sent: bytes = b"", skip: wire.Skip | None = None) -> None:
        """Take over what the server says; `sent` are the bytes that were offered at the old `stored`."""
        stored = max(0, status["stored"])
        if sent and self._hashed == self.stored and stored == self.stored + len(sent):
            self._sha256.update(sent)
            self._hashed = stored
        if self._is_over:
            self._room = max(0, self._room - len(sent))
        if skip is not None and stored >= skip["stop"]:
            self._has_gaps = True
        if stored == 0 and self._close_was_sent:  # the digests differed: the server starts the stream over
            self._restart_digest()
        self.stored = stored
        self._learn(status)
        if self.final_size is not None and stored > self.final_size:  # its file was deleted or cut: nothing can follow
            self.is_lost = True

    def rewind(self, stored: int) -> None:
        """The server has less than it said before."""
        self.stored = max(0, stored)

    def _learn(self, status: wire.StreamStatus) -> None:
        self.state = status["state"]
        self.durable = status.get("durable", 0)
        self._takes_skips = "durable" in status
        self._keep_head, self._keep_tail = status.get("keep_head"), status.get("keep_tail", 0)

    def digest_with(self, pending: int) -> wire.LogClose | None:
        """The closing line, if the stream is stored up to its end once `pending` bytes on their way have arrived."""
        if self.final_size is None or self.is_settled or self.stored + pending < self.size:
            return None
        is_whole = not self._has_gaps and self._hash_up_to(self.size)
        if not is_whole and not self._takes_skips:
            self.is_lost = self._takes_skips is False
            return None
        self._close_was_sent = True
        close: wire.LogClose = {"stream": self.name, "size": self.size, "sha256": ""}
        if is_whole:
            close["sha256"] = self._sha256.hexdigest()
        if not is_whole or (self._keep_head is not None and self.size > self._keep_head):
            close["parts"] = list(self._parts())
        return close

    def _parts(self) -> Iterator[tuple[int, int, int]]:
        """Checksums of what is here, by MiB, of both ends: what the server keeps of a long stream."""
        blocks = -(-self.size // MIB)
        for number in [*range(min(blocks, MOST_PARTS)), *range(max(MOST_PARTS, blocks - MOST_PARTS), blocks)]:
            start, stop = number * MIB, min(self.size, (number + 1) * MIB)
            data = self.spool.read(start, stop - start)
            if len(data) == stop - start:
                yield start, stop, zlib.crc32(data)

    def _restart_digest(self) -> None:
        self._sha256 = hashlib.sha256()
        self._hashed = 0
        self._close_was_sent = False

    def _hash_up_to(self, size: int) -> bool:
        """Catch up on bytes that another process sent, or that are still on their way. False: they are not here."""
        while self._hashed < size:
            block = self.spool.read(self._hashed, min(HASH_BLOCK_BYTES, size - self._hashed))
            if not block:
                return False
            self._sha256.update(block)
            self._hashed += len(block)
        return True
