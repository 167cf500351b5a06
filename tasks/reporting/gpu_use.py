"""What each sub agent uses of its host's cards, as the main agent says it with its heartbeats.

Figures for people wait for the flush. The most that was seen (AllocatedGpu.peak_mib, never lowered) is written at once
where it is more than what is booked, because the next pass has to see it.
"""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction

from agents.models import Agent
from tasks.models import AllocatedGpu, SubAgent
from tasks.states import LIVE_STATES

Use = Mapping[uuid.UUID, Mapping[str, int]]
"""By sub agent and by UUID of the card: MiB."""


@dataclass
class _Host:
    """The latest use, whether it was written, and the largest figures since they were written."""

    latest: Use = field(default_factory=dict)
    is_written: bool = True
    peaks: dict[tuple[uuid.UUID, str], int] = field(default_factory=dict)


_lock = threading.Lock()
_hosts: dict[uuid.UUID, _Host] = {}


def receive(agent: Agent, use: Use | None) -> None:
    """`use` is complete: a live sub agent of the host that it does not name uses no card. None: nobody can tell."""
    if use is None:
        return
    risen = _keep(agent.pk, use)
    if risen:
        _raise_beyond_booked(agent, risen)


def peak_mib(sub_agent: SubAgent) -> int | None:
    """The most that was seen of it on one card, written or not; None when nothing was."""
    held = AllocatedGpu.objects.filter(allocation__sub_agent=sub_agent)
    written = max(held.values_list("peak_mib", flat=True), default=0)
    with _lock:
        host = _hosts.get(sub_agent.agent_id, _Host())
        fresh = [mib for (sub_agent_id, _card), mib in host.peaks.items() if sub_agent_id == sub_agent.pk]
    return max([written, *fresh]) or None


def flush() -> int:
    """Write what changed since the last flush; returns the number of hosts."""
    with _lock:
        fresh = {agent_id: _Host(host.latest, True, dict(host.peaks)) for agent_id, host in _unwritten()}
    if fresh:
        with transaction.atomic():
            for agent_id, host in fresh.items():
                _write(agent_id, host)
    with _lock:
        for agent_id, written in fresh.items():
            _forget_written(_hosts[agent_id], written)
    return len(fresh)


def _unwritten() -> list[tuple[uuid.UUID, _Host]]:
    return [(agent_id, host) for agent_id, host in _hosts.items() if not host.is_written]


def _forget_written(host: _Host, written: _Host) -> None:
    """Only after the commit: a figure that rises once would otherwise be lost with a database that was busy."""
    host.is_written = host.latest is written.latest
    host.peaks = {key: mib for key, mib in host.peaks.items() if mib > written.peaks.get(key, 0)}


def _keep(agent_id: uuid.UUID, use: Use) -> dict[tuple[uuid.UUID, str], int]:
    """Returns the figures that are larger than those of the heartbeat before."""
    with _lock:
        is_new = agent_id not in _hosts  # since the server's start: the rows may say something else
        host = _hosts.setdefault(agent_id, _Host())
        before = host.latest
        if is_new or before != use:
            host.latest, host.is_written = use, False
        risen = {
            (sub_agent_id, card): mib
            for sub_agent_id, cards in use.items()
            for card, mib in cards.items()
            if mib > before.get(sub_agent_id, {}).get(card, 0)
        }
        for key, mib in risen.items():
            host.peaks[key] = max(mib, host.peaks.get(key, 0))
        return risen


def _raise_beyond_booked(agent: Agent, risen: Mapping[tuple[uuid.UUID, str], int]) -> None:
    parts = AllocatedGpu.objects.filter(
        allocation__sub_agent__in={sub_agent_id for sub_agent_id, _ in risen},
        allocation__agent=agent,
        released_at__isnull=True,
    )
    for pk, sub_agent_id, card, booked_mib, peak_mib in parts.values_list(
        "pk", "allocation__sub_agent", "gpu__uuid", "memory_mib", "peak_mib"
    ):
        mib = risen.get((sub_agent_id, card), 0)
        if mib > max(booked_mib, peak_mib):
            AllocatedGpu.objects.filter(pk=pk, peak_mib__lt=mib).update(peak_mib=mib)


def _write(agent_id: uuid.UUID, host: _Host) -> None:
    live = SubAgent.objects.filter(agent=agent_id, state__in=LIVE_STATES)
    live.exclude(pk__in=list(host.latest)).exclude(gpu_info=[]).update(gpu_info=[])
    for sub_agent_id, cards in host.latest.items():
        info = [{"uuid": card, "memory_mib": mib, "utilization": None} for card, mib in cards.items()]
        live.filter(pk=sub_agent_id).update(gpu_info=info)
    for (sub_agent_id, card), mib in host.peaks.items():
        held = AllocatedGpu.objects.filter(allocation__sub_agent=sub_agent_id, allocation__agent=agent_id)
        held.filter(gpu__uuid=card, released_at__isnull=True, peak_mib__lt=mib).update(peak_mib=mib)
