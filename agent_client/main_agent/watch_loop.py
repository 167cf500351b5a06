"""Notices sub agents that died or froze, within a second. Delivers nothing: it only makes their end a fact on disk."""

import os
import signal
import time
from collections.abc import Callable

from agent_client import wire
from agent_client.atomic import Unreadable
from agent_client.journal import LocalRecord, scan
from agent_client.main_agent.context import Context
from agent_client.main_agent.lock_holder import find_holder
from agent_client.main_agent.stale_beats import StaleBeats
from agent_client.process import signals
from agent_client.sub_agent import survivors
from agent_client.sub_agent.aftermath import bury
from agent_client.sub_agent.lease import Lease
from agent_client.sub_agent_dir import SubAgentDir
from agent_client.system_log import EventLog

log = EventLog(loop="watch")
LOOK_SECONDS = 0.5
FROZEN_AFTER_SECONDS = 3.0  # it beats each second


class WatchLoop:
    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._clock = clock
        self._beats = StaleBeats()
        self._alive: set[str] = set()

    def run(self) -> None:
        while True:
            self.turn()
            time.sleep(LOOK_SECONDS)

    def turn(self) -> None:
        if self._context.is_unproven:
            return
        records = scan(self._context.sub_agents).records
        now = self._clock()
        self._beats.begin_turn(now)
        for record in records:
            try:
                self._look_at(record, now)
            except (Unreadable, OSError, KeyError, TypeError, ValueError) as error:
                log.error("watch_failed", sub_agent_id=record.sub_agent_id, task_id=record.task_id, detail=str(error))
        self._alive = {record.sub_agent_id for record in records if record.is_alive}
        self._beats.keep_only(self._alive)

    def _look_at(self, record: LocalRecord, now: float) -> None:
        folder = SubAgentDir(self._context.sub_agents / record.sub_agent_id)
        if record.is_delivered and survivors.are_noted(folder):
            self._look_for_survivors(record, folder)
        elif record.is_alive and record.local_state != "finished" and must_be_killed(folder):
            was_sent = self._signal(folder, signal.SIGKILL, is_certain=True)
            log.error("sub_agent_fenced", sub_agent_id=record.sub_agent_id, task_id=record.task_id, sent=was_sent)
        elif record.is_alive:
            self._check_beat(record, folder, now)
        elif record.local_state == "running" or (record.local_state == "finished" and not record.is_delivered
                                                 and has_damaged_end(folder)):  # fmt: skip
            self._bury(record, folder)
        elif record.local_state == "claimed" and record.sub_agent_id in self._alive:
            self._context.beat_wanted.set()  # it died before its script started: the beat loop says so

    def _look_for_survivors(self, record: LocalRecord, folder: SubAgentDir) -> None:
        """Once nothing is left the server is told, which may then give away what they held."""
        if record.sub_agent_id not in self._context.cleared and not survivors.left(folder):
            log.info("survivors_gone", sub_agent_id=record.sub_agent_id, task_id=record.task_id)
            self._context.cleared[record.sub_agent_id] = record.fence
            self._context.beat_wanted.set()

    def _bury(self, record: LocalRecord, folder: SubAgentDir) -> None:
        reason, detail = cause_of_death(folder, self._context.boot_id)
        log.error(
            "sub_agent_died", sub_agent_id=record.sub_agent_id, task_id=record.task_id, reason=reason, detail=detail
        )
        bury(folder, reason, detail)
        self._context.delivery_wanted.set()

    def _check_beat(self, record: LocalRecord, folder: SubAgentDir, now: float) -> None:
        verdict = self._beats.judge(record.sub_agent_id, folder.beat_age_seconds(), now)
        if verdict == "fine":
            return
        number = signal.SIGCONT if verdict == "continue" else signal.SIGKILL
        was_sent = self._signal(folder, number)
        log.warning("sub_agent_stale", sub_agent_id=record.sub_agent_id, task_id=record.task_id, signal=number.name,
                    sent=was_sent)  # fmt: skip

    def _signal(self, folder: SubAgentDir, number: signal.Signals, *, is_certain: bool = False) -> bool:
        """Not to ourselves (we hold the locks of scripts that never started), and no KILL on a doubtful sign.

        A process that waits for the disk cannot be killed, and would only lose the record it is writing there.
        """
        holder = find_holder(folder)
        if holder is None or holder.pid == os.getpid():
            return False
        if number == signal.SIGKILL and not is_certain and (holder.waits_for_disk or not folder.takes_a_beat()):
            return False
        return signals.send(holder.pid, holder.start_ticks, number)


def must_be_killed(folder: SubAgentDir) -> bool:
    """A failover task whose lease is over, and whose sub agent is frozen: another host may be starting it.

    One that beats knows of every renewal, also of one that it could not write down. A folder that takes no beat proves
    neither: then the sub agent alone keeps the lease.
    """
    if not is_over(folder):
        return False
    age_seconds = folder.beat_age_seconds()
    is_still = age_seconds is None or age_seconds > FROZEN_AFTER_SECONDS
    return is_still and (age_seconds is None or folder.takes_a_beat())


def is_over(folder: SubAgentDir) -> bool:
    lease = Lease.of(folder.path)
    return lease is not None and lease.must_be_killed()


def has_damaged_end(folder: SubAgentDir) -> bool:
    try:
        folder.read_exit()
    except Unreadable as error:
        return error.is_damaged
    return False


def cause_of_death(folder: SubAgentDir, boot_id: str) -> tuple[wire.FinishReason, str]:
    started = folder.read_whole_started()
    if started and boot_id and started["boot_id"] and started["boot_id"] != boot_id:
        return "host_rebooted", "The host was restarted while the script was running."
    if is_over(folder):
        return "fenced", "The server was out of reach and the sub agent stood still, so both were ended."
    return "sub_lost", "The sub agent ended unexpectedly, and the script was ended with it."
