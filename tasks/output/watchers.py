"""Which tasks' output somebody has open right now, in this process. Only tunes how often sub agents report."""

import threading
from collections import Counter

_lock = threading.Lock()
_watched: Counter[int] = Counter()


def add(task_id: int) -> None:
    with _lock:
        _watched[task_id] += 1


def remove(task_id: int) -> None:
    with _lock:
        _watched[task_id] -= 1
        if _watched[task_id] <= 0:
            del _watched[task_id]


def watching(task_id: int) -> bool:
    return task_id in _watched
