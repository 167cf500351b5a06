"""The control group of one attempt and its limits: made before the fork, found again after a crash. Kills nothing."""

import os
from pathlib import Path

from agent_client import wire
from agent_client.process.cgroup.group import NAME_PREFIX, NO_GROUP, Group, make
from agent_client.process.threads import threads_of_user
from agent_client.sub_agent_dir import SubAgentDir, Unreadable


def make_group(folder: SubAgentDir, grant: wire.Grant, cookie: str) -> Group:
    """To be noted before the script is executed. The cookie in its name keeps it from ever being used again."""
    limits = grant.get("host_limits")
    if limits is None:
        return NO_GROUP
    name = f"{limits['owner']}-{folder.sub_agent_id}-{cookie[:8]}"
    memory_mib = grant["memory_mib"] if limits["enforce_memory"] else None
    return make(limits["cgroups"], name, limits["max_processes"], memory_mib)


def noted_group(folder: SubAgentDir) -> Group:
    """As the start record says. Without one, what a sub agent that died before it may have left: empty leaves."""
    paths = folder.read_group()
    if paths or folder.has_started():
        return Group({use: Path(path) for use, path in paths.items()})
    try:
        grant = folder.read_grant()
    except Unreadable:
        return NO_GROUP
    limits = grant.get("host_limits") if grant else None
    return NO_GROUP if limits is None else _left(folder, limits)


def _left(folder: SubAgentDir, limits: wire.HostLimits) -> Group:
    """By their names; of several tries each has its own."""
    name = f"{NAME_PREFIX}{limits['owner']}-{folder.sub_agent_id}-*"
    found: dict[str, Path] = {}
    for use, root in limits["cgroups"].items():
        for leaf in Path(root).glob(name):
            found[str(leaf) if use in found else use] = leaf
    return Group(found)


def most_processes(grant: wire.Grant, group: Group) -> int | None:
    """Without a control group that counts, the kernel can only count all of one user; it never limits root."""
    limits = grant.get("host_limits")
    if limits is None or not limits["max_processes"] or "pids" in group.paths or os.geteuid() == 0:
        return None
    return limits["max_processes"] + threads_of_user(os.getuid())
