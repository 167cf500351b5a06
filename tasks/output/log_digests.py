"""SHA-256 of stored output, a few seconds of work at a time: no request waits for gigabytes. Knows no rows.

Half-done digests live in memory; a restart only means that the work begins again.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

SECONDS_A_CALL = 2.0
BLOCK_BYTES = 1 << 20
MOST_HALF_DONE = 1000

_lock = threading.Lock()
_half_done: OrderedDict[Any, tuple[Any, int]] = OrderedDict()


def digest_of(key: Any, path: Path, size: int) -> str | None:
    """The digest of the first `size` bytes in hex; None: not done yet, call again with the same key.

    A file that is shorter gives the digest of what is there, which is another one.
    """
    digest, done = _taken(key)
    deadline = time.monotonic() + SECONDS_A_CALL
    with _opened(path) as file:
        file.seek(done)
        while done < size and (block := file.read(min(BLOCK_BYTES, size - done))):
            digest.update(block)
            done += len(block)
            if done < size and time.monotonic() > deadline:
                _keep(key, digest, done)
                return None
    hexadecimal: str = digest.hexdigest()
    return hexadecimal


def _opened(path: Path) -> Any:
    """Nothing was written when the output is empty."""
    return path.open("rb") if path.exists() else Path("/dev/null").open("rb")


def _taken(key: Any) -> tuple[Any, int]:
    """Out of memory while somebody works on it: who comes meanwhile with the same key begins anew."""
    with _lock:
        return _half_done.pop(key, None) or (hashlib.sha256(), 0)


def _keep(key: Any, digest: Any, done: int) -> None:
    with _lock:
        known = _half_done.get(key)
        if known is None or known[1] < done:
            _half_done[key] = (digest, done)
        while len(_half_done) > MOST_HALF_DONE:
            _half_done.popitem(last=False)
