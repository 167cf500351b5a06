"""How long scripts have been running while their hosts were heard, by the clock that nobody can set: for the server's
own look at time limits. The sub agent's count is the first; this one begins anew with each start of the server.
"""

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings

from tasks.host_ends import leases

_seconds: dict[UUID, float] = {}
_looked_at: float | None = None


def add_turn(heard: Iterable[UUID]) -> None:
    """The time since the last turn counts for these; a turn that was late counts as nobody's run time."""
    global _looked_at
    now = leases.clock()
    passed = 0.0 if _looked_at is None else now - _looked_at
    _looked_at = now
    for sub_agent_id in heard:
        _seconds[sub_agent_id] = of(sub_agent_id) + (passed if passed <= settings.STALL_SECONDS else 0.0)


def forget_all_but(live: set[UUID]) -> None:
    for sub_agent_id in _seconds.keys() - live:
        del _seconds[sub_agent_id]


def of(sub_agent_id: UUID) -> float:
    return _seconds.get(sub_agent_id, 0.0)
