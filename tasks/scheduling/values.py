"""The plain values that a pass works on. No rows, no clock. Cores are counted in hundredths, so that sums are exact."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """What one waiting task asks for. `gpu_memory_mib`: minimum of a whole card, or the part of a shared one."""

    task_id: int
    cpu_centicores: int
    memory_mib: int = 0
    gpu_count: int = 0
    gpu_memory_mib: int = 0
    gpu_share: bool = False

    @property
    def shape(self) -> tuple[int, int, int, int, bool]:
        """Tasks of the same shape fit the same hosts."""
        return (self.cpu_centicores, self.memory_mib, self.gpu_count, self.gpu_memory_mib, self.gpu_share)


@dataclass(slots=True)
class Card:
    """One GPU of a host. `free_mib` None: its memory is unknown,
    so it can only be taken whole and without a minimum."""

    gpu_id: int
    index: int
    total_mib: int | None
    free_mib: int | None
    holders: int = 0

    @property
    def is_idle(self) -> bool:
        return self.holders == 0


@dataclass(slots=True)
class Host:
    """What is free on a host that may get work now. `free_memory_mib` None: unknown."""

    agent_id: str
    name: str
    total_centicores: int
    free_centicores: int
    total_memory_mib: int | None
    free_memory_mib: int | None
    cards: list[Card] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a host cannot take a request now. `is_final`: not even when it is empty."""

    host: str
    reason: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class Placement:
    """A task, its host, and the cards it gets."""

    task_id: int
    agent_id: str
    gpu_ids: tuple[int, ...] = ()


@dataclass(slots=True)
class Plan:
    """The result of a pass: where tasks go, and for every other one the reason of each host."""

    placements: list[Placement] = field(default_factory=list)
    refusals: dict[int, list[Refusal]] = field(default_factory=dict)
