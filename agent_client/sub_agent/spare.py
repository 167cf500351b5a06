"""A script's child that is forked ahead of need, in a control group of its own, while its sub agent is idle.

To enter a control group takes the kernel 5 to 20 ms, in which a script would wait. Which group it is to be is known
from the last grant; a child that does not fit the next one is given up, and the script gets one of its own.
"""

import secrets

from agent_client import wire
from agent_client.process.cgroup.group import NO_GROUP, make
from agent_client.process.spawn import HeldChild, fork_child

NAME = "spare"  # no sub agent's id: a leaf that a crash leaves is removed at the next start of the main agent


class Spare:
    def __init__(self) -> None:
        self._limits: wire.HostLimits | None = None
        self._has_learned = False
        self._child: HeldChild | None = None

    def learn(self, grant: wire.Grant) -> None:
        """The next script of this host will have a grant like this one."""
        self._limits, self._has_learned = grant.get("host_limits"), True

    def make(self) -> None:
        if not self._has_learned or self._child is not None:
            return
        limits = self._limits
        name = f"{limits['owner']}-{NAME}-{secrets.token_hex(4)}" if limits else ""
        group = make(limits["cgroups"], name, limits["max_processes"]) if limits else NO_GROUP
        self._child = fork_child(group)

    def fitting(self, grant: wire.Grant) -> HeldChild | None:
        """A child in a group as this grant wants it; `drop` has still to be called, in case it is not released."""
        if self._child is not None and not (self._child.is_alive and self._fits(grant)):
            self.drop()
        return self._child

    def drop(self) -> None:
        """The child ends if it is not released."""
        child, self._child = self._child, None
        if child is not None and child.is_held:
            child.abandon()

    def _fits(self, grant: wire.Grant) -> bool:
        limits = grant.get("host_limits")
        if limits is None or self._limits is None:
            return limits is self._limits
        is_bounded = limits["enforce_memory"] and grant["memory_mib"] and "memory" in limits["cgroups"]
        return not is_bounded and _known(limits) == _known(self._limits)


def _known(limits: wire.HostLimits) -> tuple[object, ...]:
    """What the control group was made of."""
    return limits["cgroups"], limits["owner"], limits["max_processes"]
