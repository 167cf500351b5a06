"""Puts the probes together into the `resources` of a heartbeat, for a real machine or a declared one."""

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

from agent_client import wire
from agent_client.offer import Offer
from agent_client.probes.cpu import CpuMeter, cpu_cores
from agent_client.probes.declared import DeclaredMachine
from agent_client.probes.disk import Disk, load_1m, read_disk
from agent_client.probes.gpu import DisabledGpus, GpuProbe, GpuUser, GuardedGpuProbe
from agent_client.probes.gpu_owners import GpuOwners, in_first_namespace
from agent_client.probes.gpu_use import AttributedGpus
from agent_client.probes.memory import Memory, read_memory


@dataclass(frozen=True)
class HostProbe:
    """One callable or probe per source; `read()` never raises and never waits long.

    `offer`: what a declaration says of the host; a real machine says nothing by itself.
    """

    cpu_cores: Callable[[], float | None]
    cpu_usage: Callable[[], float | None]
    memory: Callable[[], Memory]
    gpus: GpuProbe
    disk: Callable[[], Disk]
    is_declared: bool = False
    offer: Offer = field(default_factory=Offer)

    def read(self) -> wire.Resources:
        """The heartbeat's `resources`, field names as in docs/agent-protocol.md."""
        return self.read_with_users()[0]

    def read_with_users(self) -> tuple[wire.Resources, list[wire.SubAgentGpuUse] | None]:
        """With what each sub agent uses of the cards; None when that cannot be told."""
        memory, disk, gpus = self.memory(), self.disk(), self.gpus.read()
        resources: wire.Resources = {
            "cpu_cores": self.cpu_cores(),
            "cpu_usage": self.cpu_usage(),
            "memory_mib": memory.total_mib,
            "memory_used_mib": memory.used_mib,
            "memory_usage": memory.percent,
            "load_1m": load_1m(),
            "disk_total_mib": disk.total_mib,
            "disk_free_mib": disk.free_mib,
            "is_declared": self.is_declared,
            "gpu_state": gpus.state,
            "gpu_detail": gpus.detail,
            "gpus": [cast("wire.GpuReading", asdict(card)) for card in gpus.gpus],
        }
        return resources, None if gpus.users is None else by_sub_agent(gpus.users)


def by_sub_agent(users: Iterable[GpuUser]) -> list[wire.SubAgentGpuUse]:
    found: dict[str, list[wire.GpuMemory]] = {}
    for user in users:
        found.setdefault(user.sub_agent_id, []).append({"uuid": user.uuid, "memory_mib": user.memory_mib})
    return [{"sub_agent_id": sub_agent_id, "gpus": gpus} for sub_agent_id, gpus in found.items()]


def real_host(state_dir: Path, uses_gpus: bool = True) -> HostProbe:
    """The machine this process runs on, within the limits set for it."""
    meter = CpuMeter()
    meter.read()  # the first reading only sets the mark that the next one is compared with
    gpus: GpuProbe = DisabledGpus("GPUs are switched off on this host.")
    if uses_gpus:
        sees_everyone = in_first_namespace()
        owners = GpuOwners(state_dir / "sub_agents", sees_everyone)
        gpus = AttributedGpus(GuardedGpuProbe(_nvml()), owners, sees_everyone)
    return HostProbe(cpu_cores, meter.read, read_memory, gpus, lambda: read_disk(state_dir))


def declared_host(state_dir: Path, machine: DeclaredMachine) -> HostProbe:
    """Where no disk is declared, it is the real one of the state directory."""
    return HostProbe(
        machine.cpu_cores,
        machine.cpu_usage,
        machine.memory,
        machine,
        lambda: machine.disk() or read_disk(state_dir),
        is_declared=True,
        offer=machine.declaration.offer,
    )


def _nvml() -> GpuProbe:
    import pynvml  # here, so that only the agent's process pays for the 600 functions it defines

    from agent_client.probes.nvml import NvmlProbe

    return NvmlProbe(pynvml, dict(os.environ))
