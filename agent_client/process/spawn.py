"""Starts a program behind a barrier: it is forked and prepared, but executed only when `release` says so.

Knows processes, not tasks: it writes no record and waits for no end. To be called from the main thread before any other
thread exists, because the child dies with the thread that forked it.
"""

import contextlib
import errno
import os
import resource
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from agent_client.process import prctl
from agent_client.process.cgroup.group import NO_GROUP, Group

NEVER_EXECUTED = 125  # the barrier was never opened
EXEC_FAILED = 126
SCRIPT_OOM_SCORE = b"300"
MUTABLE_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


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
    """A forked process that waits for its release; it exits with 125 when we die before."""

    def __init__(self, pid: int, barrier: int, errors: int) -> None:
        self.pid = pid
        self._barrier = barrier
        self._errors = errors
        self.is_held = True

    def release(self) -> SpawnFailure | None:
        """Let it execute its program. Returns None once that has happened, otherwise why it could not."""
        self.is_held = False
        with contextlib.suppress(BrokenPipeError):  # it failed before the barrier: the other pipe says why
            os.write(self._barrier, b"\n")
        os.close(self._barrier)
        message = _read_all(self._errors)
        os.close(self._errors)
        if not message:
            return None
        step, number = message.decode("ascii").split()
        return SpawnFailure(step, int(number))

    def abandon(self) -> None:
        """It ends at its barrier."""
        self.is_held = False
        os.close(self._barrier)
        os.close(self._errors)
        os.waitpid(self.pid, 0)


@contextlib.contextmanager
def held(command: Command) -> Iterator[HeldChild]:
    """A child that is not released within ends, and nothing is left of its control group."""
    child = spawn(command)
    try:
        yield child
    finally:
        if child.is_held:
            child.abandon()
            command.group.remove()


@dataclass(frozen=True)
class _Plan:
    """What a child is to do, worked out before the fork: every page that it touches is copied for it."""

    command: Command
    parent_pid: int
    barrier: int
    errors: int
    joins: tuple[str, ...]
    signals: tuple[int, ...]  # what we or our starter ignore or handle
    closes: tuple[int, ...]
    is_preferred: bool  # the main agent may run before everyone, its scripts may not
    most_processes: tuple[int, int] | None


def spawn(command: Command) -> HeldChild:
    """Fork the child up to its barrier: own session and group, no terminal, no input, nothing of ours left open."""
    barrier_read, barrier_write = os.pipe()
    errors_read, errors_write = os.pipe()
    plan = _planned(command, barrier_read, errors_write)
    pid = os.fork()
    if pid == 0:
        _run_child(plan)
    os.close(barrier_read)
    os.close(errors_write)
    return HeldChild(pid, barrier_write, errors_read)


def _planned(command: Command, barrier: int, errors: int) -> _Plan:
    return _Plan(
        command,
        os.getpid(),
        barrier,
        errors,
        joins=tuple(str(path) for path in command.group.joins()),
        signals=tuple(number for number in MUTABLE_SIGNALS if signal.getsignal(number) != signal.SIG_DFL),
        closes=tuple(_opened() - {0, 1, 2, barrier, errors}),
        is_preferred=os.getpriority(os.PRIO_PROCESS, 0) < 0,
        most_processes=_limited(command.most_processes),
    )


def _opened() -> set[int]:
    try:
        return {int(name) for name in os.listdir("/proc/self/fd")}  # noqa: PTH208
    except OSError:
        return set(range(min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 65536)))


def _limited(most: int | None) -> tuple[int, int] | None:
    """Never above what the host's own limit allows."""
    if most is None:
        return None
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    return (most if hard == resource.RLIM_INFINITY else min(most, hard)), hard


def _run_child(plan: _Plan) -> NoReturn:
    """Few and plain calls: whatever of Python is used here is copied from the parent first."""
    command, step = plan.command, "output"
    try:
        _leave_parent(plan)
        for path in plan.joins:  # before the barrier: whatever the script starts is born in it
            _put(path, b"0")
        _open_streams(command)
        step = "directory"
        os.chdir(command.working_directory)
        _close(plan.closes)
        if not os.read(plan.barrier, 1):
            os._exit(NEVER_EXECUTED)
        if plan.most_processes is not None:
            resource.setrlimit(resource.RLIMIT_NPROC, plan.most_processes)
        step = "exec"
        os.execve(command.argv[0], list(command.argv), dict(command.environment))  # noqa: S606 (no shell is wanted)
    except OSError as error:
        os.write(plan.errors, f"{step} {error.errno or errno.EIO}".encode("ascii"))
    except ValueError:  # a NUL byte, or '=' in a variable's name
        os.write(plan.errors, f"{step} {errno.EINVAL}".encode("ascii"))
    finally:
        os._exit(EXEC_FAILED)


def _leave_parent(plan: _Plan) -> None:
    os.setsid()
    prctl.die_with_parent(signal.SIGKILL)
    if os.getppid() != plan.parent_pid:  # it died before the line above could help
        os._exit(NEVER_EXECUTED)
    _put("/proc/self/oom_score_adj", SCRIPT_OOM_SCORE)
    for number in plan.signals:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if plan.is_preferred:
        os.setpriority(os.PRIO_PROCESS, 0, 0)


def _put(path: str, content: bytes) -> None:
    """What cannot be written is left out."""
    try:
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)
    except OSError:
        pass


def _open_streams(command: Command) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(command.out_path, flags, 0o600), 1)
    os.dup2(1 if command.err_path is None else os.open(command.err_path, flags, 0o600), 2)


def _close(descriptors: tuple[int, ...]) -> None:
    """The rest closes when the program is executed."""
    for descriptor in descriptors:
        try:
            os.close(descriptor)
        except OSError:
            continue


def _read_all(descriptor: int) -> bytes:
    content = b""
    while chunk := os.read(descriptor, 4096):
        content += chunk
    return content
