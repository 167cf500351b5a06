"""The machine that `--declare FILE` pretends, with its scripted usage. Pretends sizes only: scripts are really run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent_client.offer import Offer
from agent_client.probes.disk import Disk
from agent_client.probes.gpu import GpuReading, GpuReport, GpuUser
from agent_client.probes.memory import Memory


@dataclass(frozen=True)
class GpuUsage:
    """`outsiders_mib`: what others than sub agents use; then the total follows. Else nobody can tell them apart."""

    memory_used_mib: int | None = None
    outsiders_mib: int | None = None
    utilization: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    is_lost: bool = False


@dataclass(frozen=True)
class TaskUsage:
    """What a task uses of the cards, by their index, while it runs here."""

    task_id: int
    gpu_mib: Mapping[int, int]


@dataclass(frozen=True)
class UsageStep:
    """From `at_seconds` after the agent's start until the next step; what is not named is unknown."""

    at_seconds: float = 0.0
    cpu_usage: float | None = None
    memory_used_mib: int | None = None
    disk_used_mib: int | None = None
    gpus: tuple[GpuUsage, ...] = ()
    tasks: tuple[TaskUsage, ...] = ()


@dataclass(frozen=True)
class Declaration:
    cpu_cores: float
    memory_mib: int
    gpus: tuple[GpuReading, ...] = ()
    usage: tuple[UsageStep, ...] = ()
    repeat_seconds: float | None = None
    usage_file: Path | None = None
    disk_mib: int | None = None
    offer: Offer = field(default_factory=Offer)


@dataclass(frozen=True)
class DeclaredMachine:
    """Plays the script of a declaration; stands where the real CPU, memory, disk and GPU probes stand.

    `latest`: what the usage file says, where there is one. `running`: the sub agents of this host by their task.
    """

    declaration: Declaration
    clock: Callable[[], float] = time.monotonic
    started: float = field(default_factory=time.monotonic)
    latest: Callable[[], UsageStep] | None = None
    running: Callable[[], Mapping[int, str]] = dict

    def now(self) -> UsageStep:
        if self.latest is not None:
            return self.latest()
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

    def disk(self) -> Disk | None:
        """None when no disk is declared."""
        total = self.declaration.disk_mib
        return None if total is None else Disk(total, max(0, total - (self.now().disk_used_mib or 0)))

    def read(self) -> GpuReport:
        """The scripted NVML: answers like the probe of a real machine with these cards."""
        if not self.declaration.gpus:
            return GpuReport("absent", "The declaration lists no GPU.")
        step = self.now()
        users = self._users(step)
        cards = [_with_usage(card, step, users) for card in self.declaration.gpus]
        present = tuple(card for card, is_lost in cards if not is_lost)
        lost = " ".join(f"GPU {card.index} does not answer (declared)." for card, is_lost in cards if is_lost)
        can_tell = any(card.own_mib is not None for card in present)
        return GpuReport("ready" if present else "broken", lost, present, users=users if can_tell else None)

    def _users(self, step: UsageStep) -> tuple[GpuUser, ...]:
        if not step.tasks:
            return ()
        uuids = {card.index: card.uuid for card in self.declaration.gpus}
        running = self.running()
        return tuple(
            GpuUser(running[task.task_id], uuids[index], mib)
            for task in step.tasks
            if task.task_id in running
            for index, mib in task.gpu_mib.items()
        )


def _with_usage(card: GpuReading, step: UsageStep, users: tuple[GpuUser, ...]) -> tuple[GpuReading, bool]:
    usage = step.gpus[card.index] if card.index < len(step.gpus) else GpuUsage()
    values = {name: getattr(usage, name) for name in ("memory_used_mib", "utilization", "temperature_c", "power_w")}
    if usage.outsiders_mib is not None or step.tasks:
        values["own_mib"] = sum(user.memory_mib for user in users if user.uuid == card.uuid)
    if usage.memory_used_mib is None and "own_mib" in values:
        values["memory_used_mib"] = (usage.outsiders_mib or 0) + values["own_mib"]
    return replace(card, **values), usage.is_lost
