"""Starts a program behind a barrier: it is forked and prepared, but executed only when `release` says so.

Knows processes, not tasks: it writes no record and waits for no end. To be called from the main thread before any other
thread exists, because the child dies with the thread that forked it. What the child does is in script_child.
"""

import contextlib
import os
import resource
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_client.process.cgroup.group import NO_GROUP, Group
from agent_client.process.script_child import EXEC_FAILED, NEVER_EXECUTED, packed, planned, run_child

__all__ = ["EXEC_FAILED", "NEVER_EXECUTED", "Command", "HeldChild", "SpawnFailure", "fork_child", "held", "spawn"]


@dataclass(frozen=True)
class Command:
    """`argv[0]` is a path. Without `err_path` both streams go to `out_path`, in the order of writing.

    `most_processes`: of the whole user, where no control group can count those of one script.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    working_directory: str
    out_path: Path
    err_path: Path | None = None
    group: Group = NO_GROUP
    most_processes: int | None = None


@dataclass(frozen=True)
class SpawnFailure:
    """What went wrong between fork and the program's first instruction, and at which step."""

    step: str  # "output", "directory" or "exec"
    errno: int


class HeldChild:
    """A forked process in its control group, without a command at first; it exits with 125 when we die before."""

    def __init__(self, pid: int, group: Group, orders: int, errors: int) -> None:
        self.pid = pid
        self.group = group
        self.is_held = True
        self._orders = orders
        self._errors = errors

    @property
    def is_alive(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def command(self, command: Command) -> None:
        """Tell it what to become; it opens its files and waits for its release."""
        err_path = None if command.err_path is None else str(command.err_path)
        places = command.working_directory, str(command.out_path), err_path
        limit = _limited(command.most_processes)
        self._write(packed((list(command.argv), dict(command.environment), *places, limit)))

    def release(self) -> SpawnFailure | None:
        """Let it execute its program. Returns None once that has happened, otherwise why it could not."""
        self.is_held = False
        self._write(b"\n")
        os.close(self._orders)
        message = _read_all(self._errors)
        os.close(self._errors)
        if not message:
            return None
        step, number = message.decode("ascii").split()
        return SpawnFailure(step, int(number))

    def abandon(self) -> None:
        """It ends at its barrier, and its control group goes."""
        self.is_held = False
        os.close(self._orders)
        os.close(self._errors)
        os.waitpid(self.pid, 0)
        self.group.remove()

    def _write(self, content: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # it failed before the barrier: the other pipe says why
            while content:
                content = content[os.write(self._orders, content) :]


def fork_child(group: Group) -> HeldChild:
    """Fork a child up to where it wants its command: own session and process group, no terminal, nothing of ours left
    open."""
    orders_read, orders_write = os.pipe()
    errors_read, errors_write = os.pipe()
    plan = planned(orders_read, errors_write, tuple(str(path) for path in group.joins()))
    pid = os.fork()
    if pid == 0:
        run_child(plan)
    os.close(orders_read)
    os.close(errors_write)
    return HeldChild(pid, group, orders_write, errors_read)


def spawn(command: Command) -> HeldChild:
    child = fork_child(command.group)
    child.command(command)
    return child


@contextlib.contextmanager
def held(command: Command, child: HeldChild | None = None) -> Iterator[HeldChild]:
    """A child, new or forked before, that ends if it is not released within."""
    child = child or fork_child(command.group)
    try:
        child.command(command)
        yield child
    finally:
        if child.is_held:
            child.abandon()


def _limited(most: int | None) -> tuple[int, int] | None:
    """Never above what the host's own limit allows."""
    if most is None:
        return None
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    return (most if hard == resource.RLIM_INFINITY else min(most, hard)), hard


def _read_all(descriptor: int) -> bytes:
    content = b""
    while chunk := os.read(descriptor, 4096):
        content += chunk
    return content
