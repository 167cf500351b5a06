"""Quarantine: two main agents speak for one host, as after its disk was copied. No work for it; what runs goes on.

Seen by another machine id under the same secret, or by a process that comes back although another one took its place:
the number of a process (incarnation) is never used again, so both must be alive. One late repeat of an old call is no
proof, hence the second return counts. Returns are remembered by each server process for itself.
"""

import threading
import uuid
from collections import Counter

from django.db import transaction
from django.utils import timezone

from agents.history import record
from agents.messages import announce
from agents.models import Agent
from agents.signals import placement_changed
from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.errors import Conflict

RETURNS = 2

_lock = threading.Lock()
_returns: dict[uuid.UUID, Counter[str]] = {}


def suspicion(agent: Agent, *, incarnation: str, machine_id: str) -> str:
    """The sentence why a session of this process makes its host suspect; empty: all is well. `agent`: as it was."""
    if agent.machine_id and machine_id and machine_id != agent.machine_id:
        return "Its secret is used on another machine, as if its disk had been copied."
    if incarnation == agent.incarnation:
        return ""
    with _lock:
        seen = _returns.setdefault(agent.pk, Counter())
        seen[incarnation] += 1
        returned = seen[incarnation] - 1
    return "Two main agents speak for it in turn, as if its disk had been copied." if returned >= RETURNS else ""


def impose(agent: Agent, reason: str) -> None:
    """Inside the transaction of the session. Said once."""
    columns = {"quarantined_at": timezone.now(), "quarantine_reason": reason}
    if Agent.objects.filter(pk=agent.pk, quarantined_at=None).update(**columns):
        record(agent, "quarantined", actor=SYSTEM, reason=reason)
        announce(agent.pk, agent.status)
        placement_changed.send(sender=None)


@transaction.atomic
def end(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    """An operator has enrolled one of the two anew. Whoever speaks next is taken for the host."""
    columns = {"quarantined_at": None, "quarantine_reason": "", "machine_id": ""}
    if not Agent.objects.filter(pk=agent.pk).exclude(quarantined_at=None).update(**columns):
        raise Conflict(f"{agent.name} is not in quarantine.")
    with _lock:
        _returns.pop(agent.pk, None)
    record(agent, "quarantine_ended", actor=actor, reason=reason)
    agent.refresh_from_db()
    announce(agent.pk, agent.status)
    placement_changed.send(sender=None)
    return agent
