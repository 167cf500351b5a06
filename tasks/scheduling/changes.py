"""What the scheduling loop has to read again: the hosts on which something was taken or given back since its last pass.
Kept in memory, for one process. Whoever misses a change finds it at the next look at everything, a second or two later.
"""

import threading
from uuid import UUID

from django.db import transaction

from tasks.scheduling import wakeup

_lock = threading.Lock()
_hosts: set[UUID] = set()
_everything = True
_count = 0


def of_host(agent_id: UUID) -> None:
    """What is free on it changes, once the transaction commits."""
    transaction.on_commit(lambda: _note(agent_id))


def of_site() -> None:
    """Hosts, rules, pools or reservations change, once the transaction commits: a pass looks at all of them."""
    transaction.on_commit(_note_everything)


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


def _note(agent_id: UUID) -> None:
    with _lock:
        _hosts.add(agent_id)
    wakeup.event.set()


def _note_everything() -> None:
    global _everything, _count
    with _lock:
        _everything = True
        _count += 1
    wakeup.event.set()
