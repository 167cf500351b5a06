"""The claim of an assignment and its grant, alone or several at once, and what says that it is not to be run."""

from typing import NotRequired, TypedDict

from agent_client.wire.lease import Renewal
from agent_client.wire.place import GangPlace, GpuGrant, HostLimits


class ClaimRequest(TypedDict):
    epoch: int
    fence: int
    nonce: str
    master_port: int | None
    fences: NotRequired[bool]


class Grant(TypedDict):
    """The claim's reply. The last three are added by the main agent before grant.json is written."""

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
    renewal: NotRequired[Renewal | None]
    server_url: NotRequired[str]
    instance_id: NotRequired[str]
    host_limits: NotRequired[HostLimits]


class ClaimOfOne(TypedDict):
    sub_agent_id: str
    fence: int
    nonce: str
    master_port: int | None
    fences: bool


class ClaimsRequest(TypedDict):
    epoch: int
    claims: list[ClaimOfOne]


class ClaimReply(TypedDict):
    """`status` and the rest as a claim alone would have been answered; `grant` when `code` is ok."""

    status: int
    code: str
    detail: NotRequired[str]
    state: NotRequired[str]
    grant: NotRequired[Grant]


class ClaimsReply(TypedDict):
    replies: list[ClaimReply]


class RejectRequest(TypedDict):
    fence: int
    reason: str
    detail: str


class NotStartedRequest(TypedDict):
    fence: int
    detail: str


class StateReply(TypedDict):
    state: str
