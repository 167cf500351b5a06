"""Claims ahead: with a heartbeat or a report a host accepts what has just been placed on it, before it knows of it.

What a claim has to be sure of holds here as well: it is one transaction under the host's row, in the host's latest
session, and each nonce stands for one sub agent, however often it is asked. Places nothing.
"""

import logging
import threading
from collections.abc import Iterator
from itertools import chain
from typing import Any
from uuid import UUID

import msgspec

from agents.models import Agent
from scheduler_site.shared import statements
from scheduler_site.shared.errors import DomainError
from scheduler_site.shared.failpoints import fail_at
from scheduler_site.shared.identity import generation
from tasks import grants, just_placed, lifecycle
from tasks.agent_messages import ClaimsAhead
from tasks.commit_seq import commit_seq
from tasks.host_ends import leases
from tasks.models import SubAgent
from tasks.states import SubAgentState

log = logging.getLogger(__name__)
MOST_BYTES = 4 * 1024 * 1024  # of grants in one answer; the agent reads up to 16 MiB

_lock = threading.Lock()
_latest: dict[UUID, tuple[int, int]] = {}


def granted(agent: Agent, ahead: ClaimsAhead | None) -> list[dict[str, Any]]:
    """`{"nonce", "grant"}` for each sub agent that the host has now, as many as the answer has room for. Never raises
    for what cannot be granted: it goes the longer way, by a heartbeat and a claim of its own."""
    if ahead is None or not _is_in_order(agent, ahead):
        return []
    found, size = [], 0
    for row in chain(_granted_before(agent, ahead), _granted_now(agent, ahead)):
        found.append(row)
        size += len(msgspec.json.encode(row))
        if size > MOST_BYTES:
            break
    return found


def _is_in_order(agent: Agent, ahead: ClaimsAhead) -> bool:
    """Not of an old session, not overtaken by a later call, and not of a host that knows a newer database: that one
    compares what it has first."""
    with _lock:
        if _latest.get(agent.pk, (-1, -1)) >= (ahead.epoch, ahead.seq) or agent.epoch != ahead.epoch:
            return False
        _latest[agent.pk] = (ahead.epoch, ahead.seq)
    return agent.quarantined_at is None and ahead.generation == generation()


def _granted_before(agent: Agent, ahead: ClaimsAhead) -> Iterator[dict[str, Any]]:
    """Their answers were lost on the way."""
    if not ahead.again:
        return
    wanted = {"agent_id": agent.pk, "state": SubAgentState.STARTING, "claim_nonce": ahead.again}
    for sub_agent in statements.instances(SubAgent, wanted):
        yield from _granted(agent, sub_agent, sub_agent.claim_nonce, ahead.epoch)


def _granted_now(agent: Agent, ahead: ClaimsAhead) -> Iterator[dict[str, Any]]:
    waiting = just_placed.on(agent.pk)
    if not waiting or ahead.commit_seq > commit_seq():
        return
    nonces = list(ahead.nonces)
    found = statements.instances_among(SubAgent, "id", waiting)
    for sub_agent in sorted(found, key=lambda row: row.fence):
        if not nonces:
            return
        yield from _granted(agent, sub_agent, nonces.pop(), ahead.epoch)


def _granted(agent: Agent, sub_agent: SubAgent, nonce: str, epoch: int) -> Iterator[dict[str, Any]]:
    sub_agent.agent = agent
    try:
        lifecycle.claim(sub_agent, nonce, epoch=epoch)
        grant = {**grants.grant(sub_agent), "renewal": leases.begin(sub_agent)}
    except DomainError as error:
        just_placed.drop(agent.pk, sub_agent.pk)
        log.info("not_granted_ahead sub_agent_id=%s detail=%r", sub_agent.pk, error.detail)
        return
    except Exception:  # the call brought more than this one
        log.exception("not_granted_ahead sub_agent_id=%s", sub_agent.pk)
        return
    fail_at("claims_ahead.before_reply")
    yield {"nonce": nonce, "grant": grant}
