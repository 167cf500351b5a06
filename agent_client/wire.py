"""Every message of the agent protocol as a typed dictionary, field names as on the wire (docs/agent-protocol.md).

Holds shapes only: it sends nothing, checks nothing and knows no defaults.
"""

from typing import Any, Literal, NotRequired, TypedDict

LocalState = Literal["assigned", "claimed", "running", "finished"]
StreamName = Literal["out", "err"]
DirectiveKind = Literal["keep", "stop", "send_result", "forget"]
StopReason = Literal["cancel", "timeout", "lost", "replaced", "gang"]
LogState = Literal["open", "draining", "complete", "corrupt", "incomplete"]
FinishReason = Literal[
    "exit",
    "signal",
    "timeout",
    "cancel",
    "oom",
    "spawn_error",
    "disk_full",
    "sub_lost",
    "host_rebooted",
    "unkillable",
]
EntryCode = Literal["ok", "unauthorized", "unknown_sub_agent", "sub_agent_closed", "already_final", "bad_message"]


# --- enrolment and session -------------------------------------------------------------------------------------


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
    capabilities: dict[str, str]
    resources: dict[str, int]


class InventoryRow(TypedDict):
    sub_agent_id: str
    fence: int
    local_state: LocalState
    sizes: dict[str, int]


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


class SessionReply(TypedDict):
    epoch: int
    proto: int
    instance_id: str
    lease_seconds: float
    next_in_seconds: float
    directives: list[Directive]


# --- heartbeat and doorbell ------------------------------------------------------------------------------------


class GpuGrant(TypedDict):
    index: int
    uuid: str
    memory_mib: int | None
    is_shared: bool


class GangNode(TypedDict):
    name: str
    address: str


class GangRank(TypedDict):
    """As much as an assignment says."""

    rank: int
    node_count: int


class GangPlace(GangRank):
    """As a grant says it. `nodes` are in the order of their ranks; rank 0 listens at the master address and port."""

    nodes: list[GangNode]
    master_address: str
    master_port: int


class Assignment(TypedDict):
    """As in a heartbeat's reply. `nonce` is added by the main agent before assignment.json is written."""

    sub_agent_id: str
    fence: int
    task_id: int
    attempt_no: int
    cpu_cores: float
    memory_mib: int | None
    gpus: list[GpuGrant]
    gang: NotRequired[GangRank | None]
    nonce: NotRequired[str]


class GpuMemory(TypedDict):
    uuid: str
    memory_mib: int


class SubAgentGpuUse(TypedDict):
    sub_agent_id: str
    gpus: list[GpuMemory]


class HeartbeatRequest(TypedDict):
    """`gpu_use` names every sub agent that uses a card; None when that cannot be told."""

    epoch: int
    seq: int
    resources: Resources
    accepts_work: bool
    gpu_use: list[SubAgentGpuUse] | None


class HeartbeatReply(TypedDict):
    next_in_seconds: float
    assignments: list[Assignment]
    directives: list[Directive]
    inventory_wanted: bool


class WaitReply(TypedDict):
    beat: bool


# --- claim -----------------------------------------------------------------------------------------------------


class ClaimRequest(TypedDict):
    epoch: int
    fence: int
    nonce: str
    master_port: int | None


class Grant(TypedDict):
    """The claim's reply. `server_url` (and `instance_id`) are added by the main agent before grant.json is written."""

    sub_agent_id: str
    fence: int
    task_id: int
    attempt_no: int
    sub_agent_token: str
    name: str
    script_content: str
    environment: dict[str, str]
    working_directory: str | None
    time_limit_seconds: float | None
    grace_seconds: float
    split_output: bool
    submitted_by: str | None
    user_code_dir: str | None
    cpu_cores: float
    memory_mib: int | None
    gpus: list[GpuGrant]
    gang: NotRequired[GangPlace | None]
    server_url: NotRequired[str]
    instance_id: NotRequired[str]


class RejectRequest(TypedDict):
    fence: int
    reason: str
    detail: str


class NotStartedRequest(TypedDict):
    fence: int
    detail: str


class StateReply(TypedDict):
    state: str


# --- report ----------------------------------------------------------------------------------------------------


class Started(TypedDict):
    pid: int
    pid_start_ticks: int | None
    boot_id: str


class GpuUsage(TypedDict):
    uuid: str
    memory_mib: int | None
    utilization: float | None


class Usage(TypedDict):
    cpu_percent: float | None
    cpu_seconds: float | None
    memory_mib: int | None
    processes: int | None
    gpus: list[GpuUsage]


class OutputPiece(TypedDict):
    stream: StreamName
    offset: int
    data: str
    crc32: int


class Finish(TypedDict):
    """What exit.json holds. `digest` is the SHA-256 of the other fields as canonical JSON."""

    reason: FinishReason
    exit_code: int | None
    signal: int | None
    sent_signals: list[str]
    sizes: dict[str, int]
    duration_seconds: float | None
    cpu_seconds: float | None
    peak_memory_mib: int | None
    result: Any
    detail: str
    ended_at: str
    digest: str


class LogClose(TypedDict):
    stream: StreamName
    size: int
    sha256: str


class ReportEntry(TypedDict):
    sub_agent_id: str
    fence: int
    token: str
    started: Started | None
    usage: Usage | None
    output: list[OutputPiece]
    finish: Finish | None
    log_close: list[LogClose]


class ReportRequest(TypedDict):
    entries: list[ReportEntry]


class StreamStatus(TypedDict):
    stored: int
    state: LogState


class Stop(TypedDict):
    """In a reply and, word for word, in stop.json."""

    reason: StopReason
    grace_seconds: float | None
    kill_now: bool


class EntryReply(TypedDict):
    sub_agent_id: str
    code: EntryCode
    detail: str
    state: str
    logs: dict[StreamName, StreamStatus]
    stop: Stop | None
    watched: bool


class ReportReply(TypedDict):
    next_in_seconds: float
    replies: list[EntryReply]


# --- on the host's disk only -----------------------------------------------------------------------------------


class StartedRecord(Started):
    """started.json: what is reported as started, and how to find the script's family after a crash."""

    sid: int
    cookie: str


class DeliveredRecord(TypedDict):
    """delivered.json: how the result and each stream were answered."""

    result_code: str
    streams: dict[str, str]
