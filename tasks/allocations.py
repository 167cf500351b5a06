"""Hold and release what a sub agent or a reservation uses on its host: the only writer of allocations."""

from decimal import Decimal
from typing import Any

from django.utils import timezone

from agents.models import Agent, Gpu
from scheduler_site.shared import statements
from tasks.models import AllocatedGpu, Allocation, Reservation, SubAgent
from tasks.scheduling import changes
from tasks.scheduling.values import Held
from tasks.states import Kept


def hold_for_task(sub_agent: SubAgent, held: Held, share: float, inside: Reservation | None = None) -> Allocation:
    """A whole card that somebody else holds makes this raise IntegrityError (constraint gpu_whole_held_once)."""
    return _hold(held, share, sub_agent=sub_agent, agent_id=sub_agent.agent_id, inside=inside)


def hold_for_reservation(reservation: Reservation, agent: Agent, held: Held, share: float) -> Allocation:
    return _hold(held, share, reservation=reservation, agent_id=agent.pk)


def release(sub_agent: SubAgent) -> None:
    """Idempotent: what was released stays released at its first time."""
    _release({"sub_agent_id": sub_agent.pk})


def keep(sub_agent: SubAgent, why: Kept) -> None:
    """The attempt has ended, and something of it may be left on its host: what it held stays held (host_ends.kept)."""
    statements.update(Allocation, {"sub_agent_id": sub_agent.pk, "released_at": None}, kept=why)


def release_reservation(reservation: Reservation) -> None:
    """Tasks that run inside it go on and hold their part of the host themselves from now on."""
    _release({"reservation_id": reservation.pk})
    inner = Allocation.objects.filter(inside=reservation, released_at__isnull=True)
    AllocatedGpu.objects.filter(allocation__in=inner.values("pk")).update(is_inside=False)
    if not reservation.whole_host:  # the host is no longer theirs alone
        inner.update(whole_host=False)
    inner.update(inside=None, own_since=timezone.now())
    changes.of_site()


def _hold(held: Held, share: float, **holder: Any) -> Allocation:
    """The host's `turn` rises with every placement, so that hosts can take turns."""
    allocation = Allocation(
        **holder,
        cpu_cores=Decimal(held.cpu_centicores) / 100,
        memory_mib=held.memory_mib,
        disk_mib=held.disk_mib,
        resources=dict(held.resources),
        whole_host=held.whole_host,
        share=share,
    )
    statements.insert(allocation)
    if held.gpus:
        _hold_cards(allocation, held)
    statements.update(Agent, {"pk": allocation.agent_id}, turn=allocation.pk)
    changes.taken()
    return allocation


def _hold_cards(allocation: Allocation, held: Held) -> None:
    ids = [gpu_id for gpu_id, _ in held.gpus]
    sizes = dict(statements.rows(Gpu, ["id", "memory_mib"], {"pk": ids}))
    statements.insert(
        *(
            AllocatedGpu(
                allocation=allocation,
                gpu_id=gpu_id,
                memory_mib=(sizes[gpu_id] or 0) if part is None else part,
                is_shared=part is not None,
                is_inside=allocation.inside_id is not None,
            )
            for gpu_id, part in held.gpus
        )
    )


def _release(holder: dict[str, Any]) -> None:
    now = timezone.now()
    released = statements.updated(Allocation, ["id", "agent_id"], {**holder, "released_at": None}, released_at=now)
    if released is not None:
        allocation_id, agent_id = released
        statements.update(AllocatedGpu, {"allocation_id": allocation_id, "released_at": None}, released_at=now)
        changes.of_host(agent_id)
