"""The machine that `--declare FILE` pretends, with its scripted usage. Pretends sizes only: scripts are really run."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agent_client.probes.gpu import GpuReading, GpuReport
from agent_client.probes.memory import Memory


@dataclass(frozen=True)
class GpuUsage:
    memory_used_mib: int | None = None
    utilization: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    is_lost: bool = False


@dataclass(frozen=True)
class UsageStep:
    """From `at_seconds` after the agent's start until the next step; what is not named is unknown."""

    at_seconds: float = 0.0
    cpu_usage: float | None = None
    memory_used_mib: int | None = None
    gpus: tuple[GpuUsage, ...] = ()


@dataclass(frozen=True)
class Declaration:
    cpu_cores: float
    memory_mib: int
    gpus: tuple[GpuReading, ...] = ()
    usage: tuple[UsageStep, ...] = ()
    repeat_seconds: float | None = None


@dataclass(frozen=True)
class DeclaredMachine:
    """Plays the script of a declaration; stands where the real CPU, memory and GPU probes stand."""

    declaration: Declaration
    clock: Callable[[], float] = time.monotonic
    started: float = field(default_factory=time.monotonic)

    def now(self) -> UsageStep:
        elapsed = self.clock() - self.started
        if self.declaration.repeat_seconds:
            elapsed %= self.declaration.repeat_seconds
        reached = [step for step in self.declaration.usage if step.at_seconds <= elapsed]
        return reached[-1] if reached else UsageStep()

    def cpu_cores(self) -> float:
        return self.declaration.cpu_cores

    def cpu_usage(self) -> float | None:
        return self.now().cpu_usage

    def memory(self) -> Memory:
        return Memory(self.declaration.memory_mib, self.now().memory_used_mib)

    def read(self) -> GpuReport:
        """The scripted NVML: answers like the probe of a real machine with these cards."""
        usages = self.now().gpus
        cards = [_with_usage(card, usages) for card in self.declaration.gpus]
        present = tuple(card for card, is_lost in cards if not is_lost)
        lost = " ".join(f"GPU {card.index} does not answer (declared)." for card, is_lost in cards if is_lost)
        if not cards:
            return GpuReport("absent", "The declaration lists no GPU.")
        return GpuReport("ready" if present else "broken", lost, present)


def _with_usage(card: GpuReading, usages: tuple[GpuUsage, ...]) -> tuple[GpuReading, bool]:
    if card.index >= len(usages):
        return card, False
    usage = usages[card.index]
    values = {name: getattr(usage, name) for name in ("memory_used_mib", "utilization", "temperature_c", "power_w")}
    return replace(card, **values), usage.is_lost
