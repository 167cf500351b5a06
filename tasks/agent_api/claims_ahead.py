"""Claims ahead: with a heartbeat or a report a host accepts what has just been placed on it, before it knows of it.

What a claim has to be sure of holds here as well: it is one transaction under the host's row, in the host's latest
session, and each nonce stands for one sub agent, however often it is asked. Places nothing.
"""

import logging
import threading
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction

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


class Claims:
    """Of one call. `ahead` None, or not in order: nothing is claimed."""

    def __init__(self, agent: Agent, ahead: ClaimsAhead | None) -> None:
        self._agent = agent
        self._ahead = ahead if ahead is not None and _is_in_order(agent, ahead) else None
        self._nonces = list(self._ahead.nonces) if self._ahead else []
        self._claimed: list[SubAgent] = []

    def placed(self, sub_agent: SubAgent, host: Agent) -> None:
        """In the transaction that places it: see scheduling.place. The host's row is locked."""
        is_ours = self._ahead is not None and host.pk == self._agent.pk and host.epoch == self._ahead.epoch
        if is_ours and self._nonces and self._is_up_to_date:
            lifecycle.claim_placed(sub_agent, host, self._nonces.pop())
            transaction.on_commit(lambda: self._claimed.append(sub_agent))

    def granted(self) -> list[dict[str, Any]]:
        """`{"nonce", "grant"}` for each sub agent that the host has now: what the pass has placed, and of the others as
        many as the answer has room for. Never raises for what cannot be granted: it goes the longer way, by a heartbeat
        and a claim of its own."""
        if self._ahead is None:
            return []
        found = list(self._in_the_pass())
        size = sum(map(_size, found))
        others = chain(self._before(self._ahead), self._now(self._ahead))
        while size <= MOST_BYTES and (row := next(others, None)) is not None:
            found.append(row)
            size += _size(row)
        return found

    @cached_property
    def _is_up_to_date(self) -> bool:
        """Whether this database is as new as what the host has heard."""
        return self._ahead is not None and self._ahead.commit_seq <= commit_seq()

    def _in_the_pass(self) -> Iterator[dict[str, Any]]:
        for sub_agent in self._claimed:
            yield from _grant_of(sub_agent)

    def _before(self, ahead: ClaimsAhead) -> Iterator[dict[str, Any]]:
        """Their answers were lost on the way."""
        if not ahead.again:
            return
        wanted = {"agent_id": self._agent.pk, "state": SubAgentState.STARTING, "claim_nonce": ahead.again}
        for sub_agent in statements.instances(SubAgent, wanted):
            yield from self._claim(sub_agent, sub_agent.claim_nonce, ahead.epoch)

    def _now(self, ahead: ClaimsAhead) -> Iterator[dict[str, Any]]:
        """What others have placed."""
        waiting = just_placed.on(self._agent.pk)
        if not waiting or not self._is_up_to_date:
            return
        found = statements.instances_among(SubAgent, "id", waiting)
        for sub_agent in sorted(found, key=lambda row: row.fence):
            if not self._nonces:
                return
            yield from self._claim(sub_agent, self._nonces.pop(), ahead.epoch)

    def _claim(self, sub_agent: SubAgent, nonce: str, epoch: int) -> Iterator[dict[str, Any]]:
        sub_agent.agent = self._agent
        try:
            lifecycle.claim(sub_agent, nonce, epoch=epoch)
        except DomainError as error:
            just_placed.drop(self._agent.pk, sub_agent.pk)
            log.info("not_granted_ahead sub_agent_id=%s detail=%r", sub_agent.pk, error.detail)
        except Exception:  # as in _grant_of
            log.exception("not_granted_ahead sub_agent_id=%s", sub_agent.pk)
        else:
            yield from _grant_of(sub_agent)


def _size(row: dict[str, Any]) -> int:
    return len(msgspec.json.encode(row))


def granted(agent: Agent, ahead: ClaimsAhead | None) -> list[dict[str, Any]]:
    """What others have placed on the host, see Claims."""
    return Claims(agent, ahead).granted()


def _grant_of(sub_agent: SubAgent) -> Iterator[dict[str, Any]]:
    """A fault with one must not cost the others, nor what else the call brought."""
    try:
        grant = {**grants.grant(sub_agent), "renewal": leases.begin(sub_agent)}
    except Exception:
        log.exception("not_granted_ahead sub_agent_id=%s", sub_agent.pk)
        return
    fail_at("claims_ahead.before_reply")
    yield {"nonce": sub_agent.claim_nonce, "grant": grant}


def _is_in_order(agent: Agent, ahead: ClaimsAhead) -> bool:
    """Not of an old session, not overtaken by a later call, and not of a host that knows a newer database: that one
    compares what it has first."""
    with _lock:
        if _latest.get(agent.pk, (-1, -1)) >= (ahead.epoch, ahead.seq) or agent.epoch != ahead.epoch:
            return False
        _latest[agent.pk] = (ahead.epoch, ahead.seq)
    return agent.quarantined_at is None and ahead.generation == generation()
