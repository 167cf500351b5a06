"""Enrolment and the session: who a host is, what it offers and what runs on it (docs/agent-protocol.md).

Also what both the session's and the heartbeat's replies carry: directives.
"""

from typing import Literal, NotRequired, TypedDict

LocalState = Literal["assigned", "claimed", "running", "finished"]
DirectiveKind = Literal["keep", "stop", "send_result", "forget"]
StopReason = Literal["cancel", "timeout", "lost", "replaced", "gang", "fenced"]


class ProtocolRange(TypedDict):
    min: int
    max: int


class RegisterRequest(TypedDict):
    name: str
    hostname: str
    machine_id: str
    agent_version: str
    proto: ProtocolRange


class RegisterReply(TypedDict):
    agent_id: str
    agent_secret: str
    name: str
    instance_id: str


class HostFacts(TypedDict):
    hostname: str
    os: str
    python: str
    user: str
    zone: str
    started_at: str
    address: str
    tracking: str
    capabilities: dict[str, str]
    resources: dict[str, int]


class InventoryRow(TypedDict):
    sub_agent_id: str
    fence: int
    local_state: LocalState
    sizes: dict[str, int]
    is_retained: NotRequired[bool]


class GpuReading(TypedDict):
    index: int
    uuid: str
    name: str | None
    memory_mib: int | None
    memory_used_mib: int | None
    own_mib: int | None
    utilization: float | None
    temperature_c: float | None
    power_w: float | None


class Resources(TypedDict):
    cpu_cores: float | None
    cpu_usage: float | None
    memory_mib: int | None
    memory_used_mib: int | None
    memory_usage: float | None
    load_1m: float | None
    disk_total_mib: int | None
    disk_free_mib: int | None
    is_declared: bool
    gpu_state: Literal["ready", "absent", "disabled", "broken"]
    gpu_detail: str
    gpus: list[GpuReading]


class Directive(TypedDict):
    kind: DirectiveKind
    sub_agent_id: str
    fence: int
    reason: NotRequired[StopReason | None]
    grace_seconds: NotRequired[float | None]
    kill_now: NotRequired[bool]


class SessionRequest(TypedDict):
    boot_id: str
    incarnation: str
    machine_id: str
    agent_version: str
    proto: ProtocolRange
    host: HostFacts
    inventory_complete: bool
    sub_agents: list[InventoryRow]
    resources: Resources
    after_epoch: int
    incarnations: NotRequired[list[str]]
    forgotten_fence: NotRequired[int]


class SessionReply(TypedDict):
    epoch: int
    proto: int
    instance_id: str
    lease_seconds: float
    next_in_seconds: float
    directives: list[Directive]
    quarantined: NotRequired[bool]
    commit_seq: NotRequired[int | None]
    generation: NotRequired[str]
