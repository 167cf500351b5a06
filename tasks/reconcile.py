"""Compare what a main agent has with what the server has, both ways (the table of docs/agent-protocol.md, Session).

`verdict` is pure. Only a complete inventory proves that something is not on the host.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import SubAgentClosed
from tasks import grants, lifecycle
from tasks.agent_messages import InventoryItem
from tasks.host_ends import kept
from tasks.models import SubAgent
from tasks.outcome import Outcome, lost
from tasks.output import logs
from tasks.states import CLAIMED_STATES, EndReason, SubAgentState

log = logging.getLogger(__name__)

NEVER_ARRIVED = "What was granted ahead never arrived on the host."
_READ = ("task_id", "fence", "state", "digest", "stop_reason", "stop_now", "task__grace_seconds")


def reconcile(
    agent: Agent,
    inventory: list[InventoryItem],
    *,
    is_complete: bool,
    received_at: datetime,
    incarnations: Sequence[str] = (),
    forgotten_fence: int = 0,
) -> list[dict[str, Any]]:
    """Directives for what the host has; what it should have and has not is lost at once.

    `received_at`: when the inventory came. It proves nothing about what was claimed later, should it have waited here.
    `incarnations`: what they claimed ahead they noted before they started it, and of what has a higher fence than
    `forgotten_fence` they still know that it ran.
    """
    listed = {item.sub_agent_id for item in inventory}
    rows = SubAgent.objects.filter(agent=agent).select_related("task").only(*_READ)
    known = rows.in_bulk(list(listed))
    unsettled = logs.unsettled([item.sub_agent_id for item in inventory if item.local_state == "finished"])
    directives = [_directive(item, known.get(item.sub_agent_id), unsettled) for item in inventory]
    lying_there = {item.sub_agent_id for item in inventory if not item.is_retained}
    kept.compare_with_inventory(agent, lying_there, is_complete=is_complete)
    if is_complete:
        ahead = tuple(f"{name}-" for name in incarnations)
        _lose_unlisted(agent, listed, received_at, ahead, forgotten_fence)
    return [directive for directive in directives if directive is not None]


def verdict(local_state: str, *, is_live: bool, is_settled: bool, has_result: bool) -> str:
    """keep, stop, forget or send_result. `is_live`: under the fence that the host names."""
    if local_state == "finished":
        return "forget" if has_result and is_settled else "send_result"
    if not is_live:
        return "forget" if local_state == "assigned" else "stop"
    return "keep"


def _directive(item: InventoryItem, sub_agent: SubAgent | None, unsettled: set[UUID]) -> dict[str, Any] | None:
    if sub_agent is None:
        log.warning("unknown_sub_agent sub_agent_id=%s local_state=%s", item.sub_agent_id, item.local_state)
        return None
    kind = verdict(
        item.local_state,
        is_live=sub_agent.is_live and sub_agent.fence == item.fence,
        is_settled=item.local_state == "finished" and item.sub_agent_id not in unsettled,
        has_result=bool(sub_agent.digest),
    )
    if kind == "keep" and sub_agent.stop_reason:
        return grants.stop_directive(sub_agent)
    if kind == "stop":
        grace = sub_agent.task.grace_seconds
        return grants.directive(kind, item.sub_agent_id, item.fence, reason="lost", grace_seconds=grace, kill_now=False)
    return grants.directive(kind, item.sub_agent_id, item.fence)


def _lost_unlisted(sub_agent: SubAgent, agent: Agent) -> Outcome:
    if kept.is_of_older_boot(sub_agent, agent):
        return lost(EndReason.HOST_REBOOTED, f"{agent.name} was restarted while it ran.", is_proven=True)
    return lost(EndReason.NO_RECORD, f"{agent.name} has no record of this attempt.", is_proven=True)


def _lose_unlisted(
    agent: Agent, listed: set[UUID], received_at: datetime, ahead: tuple[str, ...], forgotten_fence: int
) -> None:
    claimed = SubAgent.objects.filter(agent=agent, state__in=CLAIMED_STATES, claimed_at__lt=received_at)
    unlisted = set(claimed.values_list("pk", flat=True)) - listed
    for sub_agent in SubAgent.objects.in_bulk(list(unlisted)).values():
        try:
            is_ahead = sub_agent.state == SubAgentState.STARTING and sub_agent.claim_nonce.startswith(ahead)
            if is_ahead and sub_agent.fence > forgotten_fence:
                lifecycle.give_back(sub_agent, SubAgentState.NOT_STARTED, NEVER_ARRIVED, actor=SYSTEM)
            else:
                lifecycle.finish(sub_agent, _lost_unlisted(sub_agent, agent), actor=SYSTEM)
        except SubAgentClosed:
            log.info("ended_meanwhile sub_agent_id=%s", sub_agent.pk)
