"""Which tasks' output somebody has open right now. Only tunes how often sub agents report.

Of pages at other processes it hears now and then, and forgets them when it hears nothing for long.
"""

import threading
import time
from collections import Counter

from scheduler_site.shared import nudges

TOPIC = "watched"
ELSEWHERE_SECONDS = 90.0
MOST_ELSEWHERE = 10_000

_lock = threading.Lock()
_watched: Counter[int] = Counter()
_elsewhere: dict[int, float] = {}


def add(task_id: int) -> None:
    with _lock:
        _watched[task_id] += 1
    tell_others(task_id)


def tell_others(task_id: int) -> None:
    """Now and then, while it is open."""
    nudges.say(TOPIC, str(task_id))


def remove(task_id: int) -> None:
    with _lock:
        _watched[task_id] -= 1
        if _watched[task_id] <= 0:
            del _watched[task_id]


def watching(task_id: int) -> bool:
    return task_id in _watched or _elsewhere.get(task_id, 0.0) > time.monotonic()


def _open_elsewhere(word: str) -> None:
    now = time.monotonic()
    if len(_elsewhere) >= MOST_ELSEWHERE:
        for task_id in [task_id for task_id, until in _elsewhere.copy().items() if until <= now]:
            _elsewhere.pop(task_id, None)
    _elsewhere[int(word)] = now + ELSEWHERE_SECONDS


nudges.subscribe(TOPIC, _open_elsewhere)
