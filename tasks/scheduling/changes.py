"""What the scheduling loop has to read again: the hosts on which something was given back since its last pass. What it
places itself it knows.
Kept in memory. Whoever misses a change, of another process say, finds it at the next look at everything, a second or
two later.
"""

import threading
from contextlib import suppress
from uuid import UUID

from django.db import transaction

from scheduler_site.shared import nudges
from tasks.scheduling import wakeup

HOST, SITE = "host", "site"  # topics

_lock = threading.Lock()
_hosts: set[UUID] = set()
_everything = True
_count = _moves = 0


def of_host(agent_id: UUID) -> None:
    """What is free on it changes, once the transaction commits."""
    transaction.on_commit(lambda: _note(agent_id))


def of_site() -> None:
    """Hosts, rules, pools or reservations change, once the transaction commits: a pass looks at all of them."""
    transaction.on_commit(_note_everything)


def taken() -> None:
    """Something was placed, once the transaction commits: nothing for the loop, which did it."""
    transaction.on_commit(_note_move)


def moves() -> int:
    """Rises with everything that is taken or given back in this process."""
    return _moves


def take() -> tuple[set[UUID], bool]:
    """The hosts that changed since the last call, and whether everything is to be looked at."""
    global _hosts, _everything
    with _lock:
        found = _hosts, _everything
        _hosts, _everything = set(), False
        return found


def count() -> int:
    """Rises with every change of the site."""
    return _count


def _note_move() -> None:
    global _moves
    with _lock:
        _moves += 1


def _note(agent_id: UUID) -> None:
    _note_move()
    _heard_of_host(str(agent_id))
    nudges.say(HOST, str(agent_id))


def _note_everything() -> None:
    _heard_of_site("")
    nudges.say(SITE)


def _heard_of_host(word: str) -> None:
    with suppress(ValueError), _lock:  # a process of another version may say what is no id
        _hosts.add(UUID(word))
    wakeup.wake()


def _heard_of_site(_word: str) -> None:
    global _everything, _count
    with _lock:
        _everything = True
        _count += 1
    wakeup.wake()


nudges.subscribe(HOST, _heard_of_host)
nudges.subscribe(SITE, _heard_of_site)
