"""What agents send, as typed messages. Decoding checks types and names the wrong field;
meaning is checked by the domain.

Unknown keys are ignored, so that a newer agent can say more. The format is docs/agent-protocol.md.
"""

from typing import Annotated, Any, Literal, TypeVar, cast
from uuid import UUID

import msgspec

from agents.readings import GpuReading, Resources
from scheduler_site.shared.errors import BadMessage
from tasks.reporting.script_result import storable
from tasks.reporting.usage import Usage

NO_NUL = r"^[^\x00]*\Z"  # PostgreSQL stores none
Short = Annotated[str, msgspec.Meta(max_length=255)]
Plain = Annotated[str, msgspec.Meta(max_length=255, pattern=NO_NUL)]
Size = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Fence = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
FINISH = (b'"finish":{', b'"finish": {')
Stream = Literal["out", "err"]
Label = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9._-]*\Z", max_length=80)]
Version = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?\Z", max_length=40)]
Address = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9:][A-Za-z0-9.:%_-]*)?\Z", max_length=255)]
Nonce = Annotated[str, msgspec.Meta(min_length=16, max_length=64, pattern=NO_NUL)]
Number = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class Proto(msgspec.Struct):
    min: int
    max: int


class Register(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    hostname: Plain
    agent_version: Annotated[str, msgspec.Meta(max_length=40, pattern=NO_NUL)]
    proto: Proto
    machine_id: Annotated[str, msgspec.Meta(max_length=64, pattern=NO_NUL)] = ""


class GpuMessage(msgspec.Struct):
    index: Annotated[int, msgspec.Meta(ge=0, le=1023)]
    uuid: Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=NO_NUL)]
    name: Plain | None = None
    memory_mib: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    memory_used_mib: Size | None = None
    own_mib: Size | None = None
    utilization: Number | None = None
    temperature_c: float | None = None
    power_w: float | None = None


class ResourcesMessage(msgspec.Struct):
    cpu_cores: Annotated[float, msgspec.Meta(ge=0, le=100000)] | None = None
    cpu_usage: Number | None = None
    memory_mib: Size | None = None
    memory_used_mib: Size | None = None
    memory_usage: Number | None = None
    load_1m: Number | None = None
    disk_total_mib: Size | None = None
    disk_free_mib: Size | None = None
    is_declared: bool = False
    gpu_state: Literal["ready", "absent", "disabled", "broken", "unknown"] = "unknown"
    gpu_detail: str | None = ""
    gpus: Annotated[list[GpuMessage], msgspec.Meta(max_length=256)] = []

    def value(self) -> Resources:
        columns = {name: getattr(self, name) for name in self.__struct_fields__ if name != "gpus"}
        columns["gpu_detail"] = (self.gpu_detail or "").replace("\0", "")
        by_uuid = {gpu.uuid: _gpu_value(gpu) for gpu in reversed(self.gpus)}  # a card named twice: the first counts
        return Resources(**columns, gpus=tuple(sorted(by_uuid.values(), key=lambda gpu: gpu.index)))


def has_result(body: bytes) -> bool:
    """Whether a report, or an entry of one, ends an attempt: by its text alone, before it is understood."""
    return any(mark in body for mark in FINISH)


def _gpu_value(gpu: GpuMessage) -> GpuReading:
    columns = {name: getattr(gpu, name) for name in gpu.__struct_fields__}
    columns["name"] = gpu.name or ""
    return GpuReading(**columns)


class InventoryItem(msgspec.Struct):
    sub_agent_id: UUID
    fence: Fence
    local_state: Literal["assigned", "claimed", "running", "finished"]
    sizes: dict[Stream, Size] = {}
    is_retained: bool = False


class HostMessage(msgspec.Struct):
    """What is only shown is not checked: a host must not be refused for it."""

    hostname: str | None = None
    os: Any = None
    python: Any = None
    user: Any = None
    zone: str | None = None
    started_at: Any = None
    address: Address = ""
    tracking: Any = None
    capabilities: Annotated[dict[Label, Version], msgspec.Meta(max_length=256)] = {}
    resources: Annotated[
        dict[Label, Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]], msgspec.Meta(max_length=256)
    ] = {}

    def facts(self) -> dict[str, Any]:
        """Who it is; what it offers is kept elsewhere. What no database can store is left out."""
        names = ("hostname", "os", "python", "user", "zone", "started_at", "address", "tracking")
        return {name: storable(getattr(self, name))[0] for name in names}


class Session(msgspec.Struct):
    boot_id: Annotated[str, msgspec.Meta(max_length=64, pattern=NO_NUL)]
    incarnation: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=NO_NUL)]
    agent_version: Annotated[str, msgspec.Meta(max_length=40, pattern=NO_NUL)]
    proto: Proto
    inventory_complete: bool
    sub_agents: Annotated[list[InventoryItem], msgspec.Meta(max_length=100_000)]
    resources: ResourcesMessage
    machine_id: Annotated[str, msgspec.Meta(max_length=64, pattern=NO_NUL)] = ""
    after_epoch: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    host: HostMessage = msgspec.field(default_factory=HostMessage)
    incarnations: Annotated[list[Nonce], msgspec.Meta(max_length=16)] = []
    forgotten_fence: Fence = 0


class GpuMemory(msgspec.Struct):
    uuid: Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=NO_NUL)]
    memory_mib: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class GpuUse(msgspec.Struct):
    sub_agent_id: UUID
    gpus: Annotated[list[GpuMemory], msgspec.Meta(max_length=256)]


class Cleared(msgspec.Struct):
    sub_agent_id: UUID
    fence: Fence


class ClaimsAhead(msgspec.Struct):
    """Claims of what is not placed yet: each nonce may be granted one sub agent. `again`: nonces whose answers were
    lost. `generation` and `commit_seq` are the latest that the host has heard."""

    epoch: int
    seq: Size
    nonces: Annotated[list[Nonce], msgspec.Meta(max_length=16)]
    again: Annotated[list[Nonce], msgspec.Meta(max_length=64)] = []
    generation: str = ""
    commit_seq: Size = 0


class Heartbeat(msgspec.Struct):
    epoch: int
    seq: int
    resources: ResourcesMessage
    accepts_work: bool = True
    gpu_use: Annotated[list[GpuUse], msgspec.Meta(max_length=10_000)] | None = None
    ending: Plain = ""
    cleared: Annotated[list[Cleared], msgspec.Meta(max_length=10_000)] = []
    claims_ahead: ClaimsAhead | None = None

    def gpu_use_by_sub_agent(self) -> dict[UUID, dict[str, int]] | None:
        if self.gpu_use is None:
            return None
        return {use.sub_agent_id: {gpu.uuid: gpu.memory_mib for gpu in use.gpus} for use in self.gpu_use}


class NewSecret(msgspec.Struct):
    epoch: int


class Claim(msgspec.Struct):
    epoch: int
    fence: Fence
    nonce: Nonce
    fences: bool = False
    master_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None


class ClaimOfOne(msgspec.Struct):
    """As `Claim`, in a list of claims under one session."""

    sub_agent_id: UUID
    fence: Fence
    nonce: Nonce
    fences: bool = False
    master_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None


class Claims(msgspec.Struct):
    """They are decoded one by one, so that a bad one spoils no other."""

    epoch: int
    claims: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=64)]


class GiveBack(msgspec.Struct):
    fence: Fence
    detail: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    reason: Short = ""


class Started(msgspec.Struct):
    pid: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    pid_start_ticks: int | None = None
    boot_id: str | None = None


class UsageMessage(msgspec.Struct):
    cpu_percent: Number | None = None
    cpu_seconds: Number | None = None
    memory_mib: Size | None = None
    processes: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    gpus: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=256)] = []

    def value(self) -> Usage:
        gpus = storable(self.gpus)[0] if self.gpus else None
        return Usage(self.cpu_percent, self.cpu_seconds, self.memory_mib, self.processes, gpus or [])


class Output(msgspec.Struct):
    stream: Stream
    offset: Size
    data: Annotated[bytes, msgspec.Meta(max_length=4 << 20)]
    crc32: int


class OomMessage(msgspec.Struct):
    kind: Literal["gpu", "host"]
    evidence: str = ""


class Finish(msgspec.Struct):
    reason: str
    digest: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=NO_NUL)]
    sizes: dict[Stream, Size]
    exit_code: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    signal: Annotated[int, msgspec.Meta(ge=0, le=1023)] | None = None
    sent_signals: list[str] = []
    duration_seconds: Number | None = None
    cpu_seconds: Number | None = None
    peak_memory_mib: Size | None = None
    result: Any = None
    detail: str = ""
    ended_at: str | float | None = None
    survivors: list[Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]] = []
    is_host_fault: bool = False
    oom: OomMessage | None = None

    def final_sizes(self) -> dict[str, int]:
        return {str(stream): size for stream, size in self.sizes.items()}


class Skip(msgspec.Struct):
    """Output that the host will not send."""

    stream: Stream
    start: Size
    stop: Size
    reason: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,20}\Z")]


class LogClose(msgspec.Struct):
    """`sha256` is empty when the host let go of bytes; `parts` are [start, stop, crc32] of what it sent."""

    stream: Stream
    size: Size
    sha256: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
    parts: Annotated[list[tuple[Size, Size, int]], msgspec.Meta(max_length=1024)] = []

    def small_parts(self) -> list[tuple[int, int, int]]:
        """None is larger than a MiB by the protocol: comparing them takes bounded memory."""
        return [part for part in self.parts if 0 < part[1] - part[0] <= 1 << 20]


class Entry(msgspec.Struct):
    sub_agent_id: UUID
    fence: Fence
    token: str
    started: Started | None = None
    usage: UsageMessage | None = None
    skips: Annotated[list[Skip], msgspec.Meta(max_length=64)] = []
    output: list[Output] = []
    finish: Finish | None = None
    log_close: list[LogClose] = []


class Report(msgspec.Struct):
    """Entries are decoded one by one, so that a bad one spoils no other."""

    entries: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=10_000)]
    claims_ahead: ClaimsAhead | None = None


class EntryHead(msgspec.Struct):
    """As much of a bad entry as is needed to answer it."""

    sub_agent_id: Any = ""


Message = TypeVar("Message", bound=msgspec.Struct)

# All before any thread reads a message: msgspec prepares a type at its first use, and two threads that come to it at
# the same time can end the process.
_decoders = {
    kind: msgspec.json.Decoder(kind)
    for kind in tuple(globals().values())
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
}


def decode(body: bytes, kind: type[Message]) -> Message:
    """The message, or BadMessage that names the field."""
    try:
        return cast(Message, _decoders[kind].decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(str(error)) from None
    except RecursionError:
        raise BadMessage("The message is nested too deeply.") from None
