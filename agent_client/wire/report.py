"""The report: started, usage, output and finish of sub agents, and how the server answers each entry."""

from typing import Any, Literal, NotRequired, TypedDict

from agent_client.wire.claims_ahead import ClaimsAhead, GrantedAhead
from agent_client.wire.lease import Renewal
from agent_client.wire.session import StopReason

StreamName = Literal["out", "err"]
GapReason = Literal["cap", "spool_full", "spool_lost"]
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
    "fenced",
    "unkillable",
]
EntryCode = Literal["ok", "unauthorized", "unknown_sub_agent", "sub_agent_closed", "already_final", "bad_message"]


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


class Oom(TypedDict):
    """Whose memory ran out, and the line of the output that says so; empty when the kernel said it."""

    kind: Literal["gpu", "host"]
    evidence: str


class Finish(TypedDict):
    """What exit.json holds. `is_host_fault`: no script could have been started here. `digest` is the SHA-256 of the
    other fields as canonical JSON."""

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
    survivors: list[int]
    is_host_fault: NotRequired[bool]
    oom: NotRequired[Oom | None]
    digest: str


class Skip(TypedDict):
    """Bytes [start, stop) that will not be sent."""

    stream: StreamName
    start: int
    stop: int
    reason: GapReason


class LogClose(TypedDict):
    """`sha256` is empty when bytes are not there any more; `parts` are [start, stop, crc32] of what was sent."""

    stream: StreamName
    size: int
    sha256: str
    parts: NotRequired[list[tuple[int, int, int]]]


class ReportEntry(TypedDict):
    sub_agent_id: str
    fence: int
    token: str
    started: Started | None
    usage: Usage | None
    skips: list[Skip]
    output: list[OutputPiece]
    finish: Finish | None
    log_close: list[LogClose]


class ReportRequest(TypedDict):
    """`claims_ahead`: only from a main agent, for the whole host."""

    entries: list[ReportEntry]
    claims_ahead: NotRequired[ClaimsAhead | None]


class StreamStatus(TypedDict):
    """`durable` bytes survive a power cut of the server. Behind `keep_head` only the newest `keep_tail` are kept."""

    stored: int
    state: LogState
    durable: NotRequired[int]
    keep_head: NotRequired[int | None]
    keep_tail: NotRequired[int]


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
    renewal: NotRequired[Renewal | None]


class ReportReply(TypedDict):
    """`beat_in_seconds` comes from a relay: until the next beat of all sub agents of the host."""

    next_in_seconds: float
    beat_in_seconds: NotRequired[float]
    replies: list[EntryReply]
    commit_seq: NotRequired[int | None]
    granted: NotRequired[list[GrantedAhead] | None]
