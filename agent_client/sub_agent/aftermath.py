"""What is done for a sub agent that died: end what is left of its family, and write the exit record in its name.

Called by the main agent, with the lock of the folder free. Delivers nothing.
"""

import logging
import signal
import time

from agent_client import wire
from agent_client.atomic import Unreadable
from agent_client.process import proc, signals
from agent_client.process.family import Family
from agent_client.process.proc import ProcessStat
from agent_client.reserve import Reserve
from agent_client.sub_agent import survivors
from agent_client.sub_agent.finish import never_ran
from agent_client.sub_agent.limits import noted_group
from agent_client.sub_agent.supervise import now_text
from agent_client.sub_agent_dir import SubAgentDir

log = logging.getLogger(__name__)

ROUNDS = 20
ROUND_SECONDS = 0.05
EMPTY_SCANS = 2
BEAT_LATENESS_SECONDS = 2.0


def bury(directory: SubAgentDir, reason: wire.FinishReason, detail: str) -> wire.Finish:
    """End the family, write exit.json and return it. A result that is there already stands.

    Takes about 0.1 s, at most a second when processes resist; those are named in the detail.
    """
    try:
        finish = directory.read_exit()
    except Unreadable as error:
        if not error.is_damaged:
            raise
        detail = f"{detail} The record of its end is damaged, so that nobody knows how it ended."
        finish = None
    if finish is not None:
        return finish
    stuck = end_family(directory)
    pids = [stat.pid for stat in stuck]
    if stuck:
        survivors.note(directory, stuck)
        detail = f"{detail} Processes {', '.join(str(pid) for pid in pids)} of the script could not be killed."
    finish = never_ran(reason, detail, directory.sizes(), now_text(), pids)
    _write_exit(directory, finish)
    directory.remove_tmp()
    return finish


def _write_exit(directory: SubAgentDir, finish: wire.Finish) -> None:
    try:
        directory.write_exit(finish)
    except OSError:
        if not Reserve.of(directory).give():
            raise
        directory.write_exit(finish)


def end_family(directory: SubAgentDir) -> list[ProcessStat]:
    """KILL what is left until two scans find nothing. Returns those that stayed. Other boots left nothing."""
    started = directory.read_whole_started()
    group = noted_group(directory)
    if started is None or started["boot_id"] != proc.boot_id():
        return []
    family = Family(
        started["pid"],
        started["pid_start_ticks"],
        started["cookie"],
        seen=directory.read_family(),
        alive_until_ticks=_last_sign_ticks(directory),
        group=group,
    )
    empty_scans = 0
    members: list[ProcessStat] = []
    for _ in range(ROUNDS):
        group.kill()
        members = family.members()
        for stat in members:
            signals.send(stat.pid, stat.start_ticks, signal.SIGKILL)
        empty_scans = 0 if members else empty_scans + 1
        if empty_scans >= EMPTY_SCANS:
            group.remove()
            return []
        time.sleep(ROUND_SECONDS)
    log.error("family outlived the sub agent pids=%s", [stat.pid for stat in members])
    return members


def _last_sign_ticks(directory: SubAgentDir) -> float | None:
    age_seconds = directory.beat_age_seconds()
    if age_seconds is None:
        return None
    seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - age_seconds + BEAT_LATENESS_SECONDS
    return seconds * proc.TICKS_PER_SECOND
