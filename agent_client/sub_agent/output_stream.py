"""One stream of output on its way to the server: which bytes are stored there, which come next, and their digest.

Reads the spool file; sends nothing. Memory is bounded by one block, whatever the size of the output.
"""

import hashlib
import os

from agent_client import wire
from agent_client.sub_agent_dir import SubAgentDir

HASH_BLOCK_BYTES = 1024 * 1024


class OutputStream:
    """The file stays open, so that its bytes are safe even when a script deletes it by name."""

    def __init__(self, directory: SubAgentDir, name: wire.StreamName) -> None:
        self.name: wire.StreamName = name
        self.stored = 0
        self.state: wire.LogState = "open"
        self.final_size: int | None = None
        self.is_refused = False  # the server takes no more of it
        self.is_lost = False  # the file is shorter than what was announced
        self._close_was_sent = False
        self._sha256 = hashlib.sha256()
        self._hashed = 0
        self._descriptor = os.open(directory.stream_path(name), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        os.close(self._descriptor)

    @property
    def size(self) -> int:
        """What there is to send in all: the final size once it is known."""
        if self.final_size is not None:
            return self.final_size
        return os.fstat(self._descriptor).st_size

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will be sent of it."""
        return self.state in ("complete", "corrupt") or self.is_refused or self.is_lost

    @property
    def behind(self) -> int:
        """Bytes that the server has not stored yet."""
        return 0 if self.is_settled else max(0, self.size - self.stored)

    @property
    def wants_to_close(self) -> bool:
        """Whether its closing line is due and was not sent yet."""
        return self.final_size is not None and not self.is_settled and not self._close_was_sent

    def next_block(self, most_bytes: int) -> bytes:
        """The next bytes to send. Empty when all are stored, and when the file has lost them."""
        wanted = min(most_bytes, self.behind)
        block = os.pread(self._descriptor, wanted, self.stored) if wanted else b""
        if wanted and not block and self.final_size is not None:
            self.is_lost = True
        return block

    def acknowledge(self, status: wire.StreamStatus, sent: bytes = b"") -> None:
        """Take over what the server says; `sent` are the bytes that were offered at the old `stored`."""
        stored = max(0, status["stored"])
        if sent and self._hashed == self.stored and stored == self.stored + len(sent):
            self._sha256.update(sent)
            self._hashed = stored
        if stored == 0 and self._close_was_sent:  # the digests differed: the server starts the stream over
            self._restart_digest()
        self.stored = stored
        self.state = status["state"]
        if self.final_size is not None and stored > self.final_size:  # its file was deleted or cut: nothing can follow
            self.is_lost = True

    def digest_with(self, pending: int) -> wire.LogClose | None:
        """The closing line, if the stream is stored up to its end once `pending` bytes on their way have arrived."""
        if self.final_size is None or self.is_settled or self.stored + pending < self.size:
            return None
        self._hash_up_to(self.size)
        if self.is_lost:
            return None
        self._close_was_sent = True
        return {"stream": self.name, "size": self.size, "sha256": self._sha256.hexdigest()}

    def _restart_digest(self) -> None:
        self._sha256 = hashlib.sha256()
        self._hashed = 0
        self._close_was_sent = False

    def _hash_up_to(self, size: int) -> None:
        """Catch up on bytes that another process sent, or that are still on their way."""
        while self._hashed < size:
            block = os.pread(self._descriptor, min(HASH_BLOCK_BYTES, size - self._hashed), self._hashed)
            if not block:
                self.is_lost = True
                return
            self._sha256.update(block)
            self._hashed += len(block)
