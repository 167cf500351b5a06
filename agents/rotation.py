"""Rotation of a host's secret. A new one is issued to its main agent; the old one goes on until the new one was used,
and for SECRET_OVERLAP_SECONDS at the most. The only writer of these columns after enrolment.

It is asked for with every heartbeat until the new secret was used, so that a reply that was lost, or an agent that was
killed before it had stored the secret, costs another issue and nothing else.
"""

import hmac
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from agents import doorbell
from agents.credentials import hashed, new_secret
from agents.history import record
from agents.models import Agent
from agents.states import RETIRED
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Conflict


@transaction.atomic
def ask(agent: Agent, *, actor: Actor, reason: str = "") -> Agent:
    """Its main agent is to take a new secret; one that is not heard now does it when it is back."""
    if agent.standing in RETIRED:
        raise Conflict(f"{agent.name} is {agent.standing}; none of its secrets is good.")
    Agent.objects.filter(pk=agent.pk).update(secret_asked_at=timezone.now())
    record(agent, "secret_asked", actor=actor, reason=reason)
    doorbell.ring(agent.pk)
    agent.refresh_from_db()
    return agent


@transaction.atomic
def issue(agent: Agent) -> str:
    """A secret that nobody knows yet. One that was issued before and never used is void. Conflict when the caller's own
    secret has been replaced since he was let in: what was sent late must not make the present one old.
    """
    secret, now = new_secret(), timezone.now()
    columns = {
        "next_secret_hash": hashed(secret),
        "next_secret_at": now,
        "secret_asked_at": Coalesce("secret_asked_at", now),
    }
    if not Agent.objects.filter(pk=agent.pk, secret_hash=agent.secret_hash).update(**columns):
        raise Conflict(f"{agent.name} has taken another secret meanwhile.")
    if not agent.next_secret_hash:
        record(agent, "secret_issued", actor=Actor.agent(agent.name))
    return secret


def is_good(agent: Agent, secret: str) -> bool:
    """Whether it opens the door now."""
    given = hashed(secret)
    is_present = hmac.compare_digest(agent.secret_hash, given)
    return _is_next(agent, given) or (is_present and not _is_over(agent))


def note_use(agent: Agent, secret: str) -> None:
    """The first use of a new secret ends the old one."""
    given = hashed(secret)
    if not _is_next(agent, given):
        return
    columns = {"secret_hash": given, "next_secret_hash": "", "next_secret_at": None, "secret_asked_at": None}
    with transaction.atomic():
        if Agent.objects.filter(pk=agent.pk, next_secret_hash=given).update(**columns):
            record(agent, "secret_rotated", actor=Actor.agent(agent.name))
    for name, value in columns.items():
        setattr(agent, name, value)


def _is_next(agent: Agent, given: str) -> bool:
    return bool(agent.next_secret_hash) and hmac.compare_digest(agent.next_secret_hash, given)


def _is_over(agent: Agent) -> bool:
    """Whether the new secret has waited for its first use for too long."""
    overlap = timedelta(seconds=settings.SECRET_OVERLAP_SECONDS)
    return agent.next_secret_at is not None and timezone.now() - agent.next_secret_at > overlap
