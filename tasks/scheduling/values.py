"""The plain values that a pass works on. No rows, no clock: times are seconds from the moment of the pass.

Cores are counted in hundredths, memory and disk in MiB, so that sums are exact.
"""

from dataclasses import dataclass, field

UNKNOWN_SECONDS = 24 * 3600
KEEP_OFF_SECONDS = 60.0
FOREIGN_TOLERANCE_MIB = 1024  # a desktop or a monitor uses a little of a card; that does not make it taken


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides where a request fits: requests of one shape fit the same hosts.

    `gpu_memory_mib`: minimum of a whole card, or the part of a shared one. `gpu_indices`: these very cards.
    `resources`: counted ones of the host; `site_resources`: of the whole site. `requires` and `prefers` are
    capability expressions (tasks.scheduling.capabilities). With `node_count` N, N hosts each give all of this.
    `avoid_hosts`: names of hosts that come last, because it failed there.
    """

    cpu_centicores: int = 0
    memory_mib: int = 0
    disk_mib: int = 0
    gpu_count: int = 0
    gpu_memory_mib: int = 0
    gpu_share: bool = False
    gpu_types: tuple[str, ...] = ()
    gpu_indices: tuple[int, ...] = ()
    resources: tuple[tuple[str, int], ...] = ()
    site_resources: tuple[tuple[str, int], ...] = ()
    node_count: int = 1
    whole_host: bool = False
    hosts: tuple[str, ...] = ()
    exclude_hosts: tuple[str, ...] = ()
    pool: str = ""
    requires: str = ""
    prefers: tuple[str, ...] = ()
    zone: str = ""
    reservation_id: int | None = None
    avoid_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A waiting task, or a pending reservation, in the queue. `seconds`: how long it is expected to run."""

    id: int
    shape: Shape
    seconds: float = UNKNOWN_SECONDS
    waited_seconds: float = 0.0
    owner: int | None = None
    is_reservation: bool = False

    @property
    def keeps_off(self) -> bool:
        """So soon after a failure it rather waits for another host than to run on one that it avoids."""
        return bool(self.shape.avoid_hosts) and self.waited_seconds < KEEP_OFF_SECONDS


@dataclass(slots=True)
class Card:
    """One GPU of a host. `free_mib` None: its memory is unknown, so it can only be taken whole and without a minimum.

    `foreign_mib`: used by processes outside Nightshift; it is not part of `free_mib`. `has_start_hold`: the site lets a
    new sharer show its memory before the next one comes; `settles`: one has not shown it yet. `is_part`: the rest
    of the card is somebody else's, so nobody gets it as a whole one.
    """

    gpu_id: int
    index: int
    total_mib: int | None
    free_mib: int | None
    holders: int = 0
    name: str = ""
    foreign_mib: int = 0
    has_start_hold: bool = False
    settles: bool = False
    is_part: bool = False

    @property
    def is_idle(self) -> bool:
        return self.holders == 0 and not self.is_part and self.foreign_mib <= FOREIGN_TOLERANCE_MIB


@dataclass(frozen=True, slots=True)
class Held:
    """What one holder has on one host. `gpus`: (gpu_id, MiB of a shared card or None for a whole one)."""

    cpu_centicores: int = 0
    memory_mib: int = 0
    disk_mib: int = 0
    resources: tuple[tuple[str, int], ...] = ()
    gpus: tuple[tuple[int, int | None], ...] = ()
    whole_host: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """When somebody is expected to give back what is held. `holder`: for people, such as #41."""

    in_seconds: float
    held: Held
    holder: str = ""


@dataclass(slots=True)
class Host:
    """What is free on a host that may get work now. A size of None is unknown.

    With `reservation_id` it is the part of a host that a reservation holds, and takes only requests that name it.
    `load`: the part of its CPU that is busy, 0 to 1. `turn` rises with every placement over all hosts: the host
    chosen last has the highest. `whole_held`: somebody has it all.
    """

    agent_id: str
    name: str
    total_centicores: int
    free_centicores: int
    total_memory_mib: int | None
    free_memory_mib: int | None
    cards: list[Card] = field(default_factory=list)
    total_disk_mib: int | None = None
    free_disk_mib: int | None = None
    foreign_memory_mib: int = 0
    total_resources: dict[str, int] = field(default_factory=dict)
    free_resources: dict[str, int] = field(default_factory=dict)
    labels: frozenset[str] = frozenset()
    pools: frozenset[str] = frozenset()
    zone: str = ""
    weight: float = 1.0
    load: float = 0.0
    turn: int = 0
    holders: int = 0
    whole_held: bool = False
    reservation_id: int | None = None
    endings: list[Ending] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a host cannot take a request now. `lacks`: one word for what is missing; `is_final`: not even when it is
    empty."""

    host: str
    reason: str
    is_final: bool
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One host of a placement and the cards it gives."""

    agent_id: str
    gpu_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Placement:
    """A request and its hosts: one, or those of a gang in the order of their ranks."""

    request: Request
    members: tuple[Member, ...]
