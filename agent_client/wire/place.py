"""Where a sub agent runs: its cards, its place in a gang, and the limits of its host."""

from typing import NotRequired, TypedDict


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


class HostLimits(TypedDict):
    """In grant.json: what the main agent tells its sub agents of this host's control groups and limits.

    The spool's are missing in a grant that an older main agent wrote."""

    cgroups: dict[str, str]
    owner: str
    max_processes: int
    enforce_memory: bool
    spool_mib: NotRequired[int]
    spool_host_mib: NotRequired[int]
    min_free_disk_mib: NotRequired[int]
