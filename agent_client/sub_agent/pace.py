"""How many bytes to send at once: large blocks on a fast link, small ones where they would hold up the result. Pure."""

SMALLEST_BYTES = 4 * 1024
FIRST_BYTES = 8 * 1024
LARGEST_BYTES = 1024 * 1024
FAST_SECONDS = 0.5
SLOW_SECONDS = 2.0


class Pace:
    """Grows and shrinks the block so that sending one takes about a second."""

    def __init__(self, first_bytes: int = FIRST_BYTES) -> None:
        self.block_bytes = first_bytes

    def sent(self, size: int, seconds: float) -> None:
        if seconds > SLOW_SECONDS:
            self._shrink_to(int(size / seconds))
        elif seconds < FAST_SECONDS and size >= self.block_bytes:
            self.block_bytes = min(LARGEST_BYTES, self.block_bytes * 2)

    def failed(self) -> None:
        self._shrink_to(self.block_bytes // 2)

    def _shrink_to(self, size: int) -> None:
        """At once as far as what was seen asks for: each block that is too large holds up a result."""
        self.block_bytes = max(SMALLEST_BYTES, min(size, self.block_bytes // 2))
