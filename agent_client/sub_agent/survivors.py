"""Processes of a script that KILL did not end: noted with its result, ended when they can be, until none is left.

A process that waits in the kernel dies only when the wait is over. Until then it holds what it holds of the host.
"""

import contextlib
import signal
from collections.abc import Iterable

from agent_client.atomic import Unreadable, read_json, write_json
from agent_client.process import proc, signals
from agent_client.process.proc import ProcessStat
from agent_client.reserve import Reserve
from agent_client.sub_agent.limits import noted_group
from agent_client.sub_agent_dir import SubAgentDir

FILE = "survivors.json"


def note(folder: SubAgentDir, processes: Iterable[ProcessStat]) -> None:
    """To be called before the result is written: a result without its survivors would free what they hold."""
    rows = sorted((stat.pid, stat.start_ticks) for stat in processes)
    record = {"boot_id": proc.boot_id(), "processes": rows}
    try:
        write_json(folder.path / FILE, record)
    except OSError:
        if not Reserve.of(folder).give():
            raise
        write_json(folder.path / FILE, record)


def are_noted(folder: SubAgentDir) -> bool:
    return (folder.path / FILE).exists()


def left(folder: SubAgentDir) -> list[int]:
    """The pids of those that are still there, after one more KILL. None outlives a reboot.

    Raises Unreadable when it cannot be told now; from a damaged note nobody will ever know.
    """
    try:
        noted = read_json(folder.path / FILE) or {}
        processes = [] if noted.get("boot_id") != proc.boot_id() else noted["processes"]
        known = [(int(pid), int(ticks)) for pid, ticks in processes]
    except Unreadable as error:
        if not error.is_damaged:
            raise
        known = []
    except (KeyError, TypeError, ValueError):
        known = []
    group = noted_group(folder)
    group.kill()
    for pid, ticks in known:
        signals.send(pid, ticks, signal.SIGKILL)
    return sorted({pid for pid, ticks in known if _is_left(pid, ticks)} | group.pids())


def forget(folder: SubAgentDir) -> None:
    """A disk that refuses it costs no more than that the server is told again."""
    with contextlib.suppress(OSError):
        (folder.path / FILE).unlink()


def _is_left(pid: int, ticks: int) -> bool:
    stat = proc.read_stat(pid)
    return stat is not None and not stat.is_dead and stat.start_ticks == ticks
