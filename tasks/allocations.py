"""Hold and release what a sub agent uses on its host: the only writer of allocations."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from tasks.models import AllocatedGpu, Allocation, SubAgent


@dataclass(frozen=True)
class GpuGrant:
    """A whole card, or `memory_mib` of a shared one."""

    gpu_id: int
    memory_mib: int
    is_shared: bool


def hold(sub_agent: SubAgent, cpu_cores: Decimal, memory_mib: int, gpus: tuple[GpuGrant, ...]) -> Allocation:
    """A whole card that somebody else holds makes this raise IntegrityError (constraint gpu_whole_held_once)."""
    allocation = Allocation.objects.create(
        sub_agent=sub_agent, agent_id=sub_agent.agent_id, cpu_cores=cpu_cores, memory_mib=memory_mib
    )
    AllocatedGpu.objects.bulk_create(
        AllocatedGpu(allocation=allocation, gpu_id=gpu.gpu_id, memory_mib=gpu.memory_mib, is_shared=gpu.is_shared)
        for gpu in gpus
    )
    return allocation


def release(sub_agent: SubAgent) -> None:
    """Idempotent: what was released stays released at its first time."""
    now = timezone.now()
    held = Allocation.objects.filter(sub_agent=sub_agent, released_at__isnull=True)
    AllocatedGpu.objects.filter(allocation__in=held.values("pk")).update(released_at=now)
    held.update(released_at=now)
