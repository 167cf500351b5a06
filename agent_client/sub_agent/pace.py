"""How many bytes to send at once: large blocks on a fast link, small ones where they would hold up the result. Pure."""

SMALLEST_BYTES = 4 * 1024
LARGEST_BYTES = 1024 * 1024
FAST_SECONDS = 0.5
SLOW_SECONDS = 2.0


class Pace:
    """Grows and shrinks the block so that sending one takes about a second."""

    def __init__(self, first_bytes: int = 256 * 1024) -> None:
        self.block_bytes = first_bytes

    def sent(self, size: int, seconds: float) -> None:
        if seconds > SLOW_SECONDS:
            self._halve()
        elif seconds < FAST_SECONDS and size >= self.block_bytes:
            self.block_bytes = min(LARGEST_BYTES, self.block_bytes * 2)

    def failed(self) -> None:
        self._halve()

    def _halve(self) -> None:
        self.block_bytes = max(SMALLEST_BYTES, self.block_bytes // 2)
