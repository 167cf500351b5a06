"""What a forked child does until it becomes its program: leaves its parent, joins, gets its command, waits, executes.

Whatever of Python is used here is copied from the parent first, so it is little and plain; what can be worked out
before the fork is in the plan. Never returns.
"""

import errno
import marshal
import os
import resource
import signal
from dataclasses import dataclass
from typing import NoReturn

from agent_client.process import prctl, signals

NEVER_EXECUTED = 125  # the barrier was never opened
EXEC_FAILED = 126
SCRIPT_OOM_SCORE = b"300"
SIZE_BYTES = 4
STREAM_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND
Order = tuple[list[str], dict[str, str], str, str, str | None, tuple[int, int] | None]
"""Program, environment, folder, files of both streams, limit of processes."""


@dataclass(frozen=True)
class Plan:
    """`orders`: where the command comes from, and then one byte that opens the barrier."""

    parent_pid: int
    orders: int
    errors: int
    joins: tuple[str, ...]
    signals: tuple[int, ...]  # what we or our starter ignore or handle
    closes: tuple[int, ...]
    is_preferred: bool  # the main agent may run before everyone, its scripts may not


def planned(orders: int, errors: int, joins: tuple[str, ...]) -> Plan:
    return Plan(
        os.getpid(),
        orders,
        errors,
        joins,
        signals=signals.changed(),
        closes=tuple(_opened() - {0, 1, 2, orders, errors}),
        is_preferred=os.getpriority(os.PRIO_PROCESS, 0) < 0,
    )


def packed(order: Order) -> bytes:
    content = marshal.dumps(order)
    return len(content).to_bytes(SIZE_BYTES, "big") + content


def run_child(plan: Plan) -> NoReturn:
    step = "output"
    try:
        _leave_parent(plan)
        for path in plan.joins:  # before the barrier: whatever the script starts is born in it
            _put(path, b"0")
        _close(plan.closes)
        argv, environment, folder, out_path, err_path, most_processes = _order(plan.orders)
        _open_streams(out_path, err_path)
        step = "directory"
        os.chdir(folder)
        if not os.read(plan.orders, 1):
            os._exit(NEVER_EXECUTED)
        if most_processes is not None:
            resource.setrlimit(resource.RLIMIT_NPROC, most_processes)
        step = "exec"
        os.execve(argv[0], argv, environment)  # noqa: S606 (no shell is wanted)
    except OSError as error:
        os.write(plan.errors, f"{step} {error.errno or errno.EIO}".encode("ascii"))
    except ValueError:  # a NUL byte, or '=' in a variable's name
        os.write(plan.errors, f"{step} {errno.EINVAL}".encode("ascii"))
    finally:
        os._exit(EXEC_FAILED)


def _leave_parent(plan: Plan) -> None:
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


def _order(descriptor: int) -> Order:
    content = b""
    size = SIZE_BYTES
    while len(content) < size:
        part = os.read(descriptor, size - len(content))
        if not part:
            os._exit(NEVER_EXECUTED)
        content += part
        if len(content) == SIZE_BYTES:
            size += int.from_bytes(content, "big")
    order: Order = marshal.loads(content[SIZE_BYTES:])  # noqa: S302 (our own parent wrote it)
    return order


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


def _open_streams(out_path: str, err_path: str | None) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(out_path, STREAM_FLAGS, 0o600), 1)
    os.dup2(1 if err_path is None else os.open(err_path, STREAM_FLAGS, 0o600), 2)


def _close(descriptors: tuple[int, ...]) -> None:
    """What is opened from here on closes when the program is executed."""
    for descriptor in descriptors:
        try:
            os.close(descriptor)
        except OSError:
            continue


def _opened() -> set[int]:
    try:
        return {int(name) for name in os.listdir("/proc/self/fd")}  # noqa: PTH208
    except OSError:
        return set(range(min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 65536)))
