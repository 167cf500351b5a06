"""Open a main agent's session: a new epoch, who it is now, what it has. Reconciling its sub agents is the tasks
app's."""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents import endings, inventory, liveness, offers, quarantine, readings
from agents.history import record
from agents.messages import announce
from agents.models import Agent
from agents.readings import Resources
from agents.states import Connectivity, Wish
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import StaleEpoch


@dataclass(frozen=True)
class SessionFacts:
    """What a main agent says of itself when it opens a session. `resources` are the counted ones, `after_epoch` is the
    latest session it knows of; None from agents that do not say."""

    boot_id: str
    incarnation: str
    machine_id: str
    agent_version: str
    proto: int = 1
    host: dict[str, Any] = field(default_factory=dict)
    capabilities: dict[str, str] = field(default_factory=dict)
    resources: dict[str, int] = field(default_factory=dict)
    after_epoch: int | None = None


@transaction.atomic
def open_session(agent: Agent, facts: SessionFacts, resources: Resources) -> int:
    """Returns the new epoch; every older session of this host is closed by it. StaleEpoch for a request that
    the network held back while a later session was opened: what it lists is old."""
    _require_latest(agent, facts.after_epoch)
    now = timezone.now()
    is_restart = agent.incarnation != facts.incarnation
    if doubt := quarantine.suspicion(agent, incarnation=facts.incarnation, machine_id=facts.machine_id):
        quarantine.impose(agent, doubt)
    Agent.objects.filter(pk=agent.pk).update(
        epoch=F("epoch") + 1,
        boot_id=facts.boot_id,
        incarnation=facts.incarnation,
        machine_id=agent.machine_id or facts.machine_id,
        agent_version=facts.agent_version,
        proto=facts.proto,
        host_facts=facts.host,
        hostname=str(facts.host.get("hostname") or agent.hostname)[:255],
        zone=str(facts.host.get("zone") or "")[:120],
        address=str(facts.host.get("address") or "")[:255],
        started_at=now if is_restart else agent.started_at,
        last_heartbeat_time=now,
    )
    inventory.store(agent, resources)
    offers.store(agent, facts.capabilities, facts.resources)
    readings.keep(agent.pk, resources)
    agent.refresh_from_db()
    liveness.heard(agent.pk)
    if is_restart and agent.wish == Wish.END:
        endings.ended(agent, why="It was started anew.")
    if is_restart:
        record(agent, "session_opened", actor=Actor.agent(agent.name), epoch=agent.epoch, boot_id=facts.boot_id)
    come_online(agent)
    return agent.epoch


def _require_latest(agent: Agent, after_epoch: int | None) -> None:
    epoch = Agent.objects.select_for_update().values_list("epoch", flat=True).get(pk=agent.pk)
    if after_epoch is not None and after_epoch != epoch:
        raise StaleEpoch(f"The latest session of {agent.name} is {epoch}, not {after_epoch}.", epoch=epoch)


def require_epoch(agent: Agent, epoch: int) -> None:
    """StaleEpoch unless this is the host's latest session."""
    if agent.epoch != epoch:
        raise StaleEpoch(f"Session {epoch} of {agent.name} was replaced by session {agent.epoch}.")


def come_online(agent: Agent) -> None:
    """Heard again: online, if it was not. The time stamp tells the process that watches (agents.liveness)."""
    changed = (
        Agent.objects.filter(pk=agent.pk)
        .exclude(connectivity=Connectivity.ONLINE)
        .update(connectivity=Connectivity.ONLINE, last_heartbeat_time=readings.heard_at(agent.pk))
    )
    if changed:
        if agent.connectivity == Connectivity.UNREACHABLE:
            record(agent, "online", actor=Actor.agent(agent.name), old=agent.connectivity, new=Connectivity.ONLINE)
        agent.connectivity = Connectivity.ONLINE
        announce(agent.pk, agent.status)
