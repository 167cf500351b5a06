"""Puts the probes together into the `resources` of a heartbeat, for a real machine or a declared one."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from agent_client import wire
from agent_client.probes.cpu import CpuMeter, cpu_cores
from agent_client.probes.declared import DeclaredMachine
from agent_client.probes.disk import load_1m, read_disk
from agent_client.probes.gpu import DisabledGpus, GpuProbe, GuardedGpuProbe
from agent_client.probes.memory import Memory, read_memory


@dataclass(frozen=True)
class HostProbe:
    """One callable or probe per source; `read()` never raises and never waits long."""

    cpu_cores: Callable[[], float | None]
    cpu_usage: Callable[[], float | None]
    memory: Callable[[], Memory]
    gpus: GpuProbe
    disk_path: Path
    is_declared: bool = False

    def read(self) -> wire.Resources:
        """The heartbeat's `resources`, field names as in docs/agent-protocol.md."""
        memory, disk, gpus = self.memory(), read_disk(self.disk_path), self.gpus.read()
        return {
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


def real_host(state_dir: Path, uses_gpus: bool = True) -> HostProbe:
    """The machine this process runs on, within the limits set for it."""
    meter = CpuMeter()
    meter.read()  # the first reading only sets the mark that the next one is compared with
    gpus: GpuProbe = GuardedGpuProbe(_nvml()) if uses_gpus else DisabledGpus("GPUs are switched off on this host.")
    return HostProbe(cpu_cores, meter.read, read_memory, gpus, state_dir)


def declared_host(state_dir: Path, machine: DeclaredMachine) -> HostProbe:
    return HostProbe(machine.cpu_cores, machine.cpu_usage, machine.memory, machine, state_dir, is_declared=True)


def _nvml() -> GpuProbe:
    import pynvml  # here, so that only the agent's process pays for the 600 functions it defines

    from agent_client.probes.nvml import NvmlProbe

    return NvmlProbe(pynvml, dict(os.environ))
