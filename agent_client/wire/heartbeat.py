"""The heartbeat and the doorbell: what a host has free, and the assignments it is handed."""

from typing import NotRequired, TypedDict

from agent_client.wire.claims_ahead import ClaimsAhead, GrantedAhead
from agent_client.wire.place import GangRank, GpuGrant
from agent_client.wire.session import Directive, Resources


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


class Cleared(TypedDict):
    sub_agent_id: str
    fence: int


class HeartbeatRequest(TypedDict):
    """`gpu_use` names every sub agent that uses a card; None when that cannot be told.

    `cleared` names sub agents whose result had survivors: nothing is left of them.
    `ending`: why this heartbeat is the last one.
    """

    epoch: int
    seq: int
    resources: Resources
    accepts_work: bool
    gpu_use: list[SubAgentGpuUse] | None
    cleared: list[Cleared]
    ending: str
    claims_ahead: NotRequired[ClaimsAhead | None]


class HeartbeatReply(TypedDict):
    next_in_seconds: float
    assignments: list[Assignment]
    directives: list[Directive]
    inventory_wanted: bool
    end: NotRequired[bool]
    rotate_secret: NotRequired[bool]
    quarantined: NotRequired[bool]
    commit_seq: NotRequired[int | None]
    generation: NotRequired[str]
    granted: NotRequired[list[GrantedAhead]]


class WaitReply(TypedDict):
    beat: bool
