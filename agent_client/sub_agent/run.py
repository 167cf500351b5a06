"""The whole life of one sub agent process: lock, prepare, fork, record, release, supervise, result, deliver.

What it starts is executed at most once: a folder with a start record is never run again.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from agent_client import wire
from agent_client.failpoints import fail_at
from agent_client.probes.memory import read_memory
from agent_client.probes.usage import UsageMeter
from agent_client.process import prctl, proc, spawn_sentence
from agent_client.process.cgroup.group import Group
from agent_client.process.family import Family
from agent_client.process.proc import ProcessStat
from agent_client.process.spawn import HeldChild, SpawnFailure, held
from agent_client.reserve import Reserve
from agent_client.sub_agent import survivors
from agent_client.sub_agent.delivery import Delivery
from agent_client.sub_agent.event_log import end_event_log, look_at_event_log, start_event_log
from agent_client.sub_agent.finish import Facts, finish_of, never_ran
from agent_client.sub_agent.lease import Lease
from agent_client.sub_agent.oom import OomCounters
from agent_client.sub_agent.oom_words import TAIL_BYTES
from agent_client.sub_agent.prepare import Prepared, prepare
from agent_client.sub_agent.reporter import Reporter
from agent_client.sub_agent.result import read_result
from agent_client.sub_agent.spare import Spare
from agent_client.sub_agent.spool_keeper import SpoolKeeper, SpoolLimits
from agent_client.sub_agent.stop_file import StopFile
from agent_client.sub_agent.supervise import Supervisor, now_text
from agent_client.sub_agent_dir import Locked, SubAgentDir

log = logging.getLogger(__name__)

EXIT_LOCKED = 3
EXIT_ALREADY_STARTED = 4
EXIT_FENCED = 5
OWN_OOM_SCORE = -500
MINDED_BY_OTHERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
EXIT_RECORD_WAITS_SECONDS = (0.0, 1.0, 1.0, 1.0)


def run(directory: Path, spare: Spare | None = None) -> int:
    """Returns when everything is delivered, and leaves the process as it was. 3: another process holds the folder;
    4: its script was started before; 5: the server was out of reach for too long before a failover task began."""
    folder = SubAgentDir(directory)
    try:
        lock = folder.acquire_lock()
    except Locked:
        return EXIT_LOCKED
    try:
        if folder.local_state() != "claimed":
            return EXIT_ALREADY_STARTED
        start_event_log(folder.log_path)
        return _run_locked(folder, spare or Spare())
    except Exception:
        log.exception("sub agent failed state=%s", folder.local_state())
        raise
    finally:
        end_event_log()
        os.close(lock)


def _run_locked(folder: SubAgentDir, spare: Spare) -> int:
    with _protected():
        return _run_protected(folder, spare)


def _run_protected(folder: SubAgentDir, spare: Spare) -> int:
    grant = folder.read_grant()
    if grant is None:
        raise FileNotFoundError(folder.path / "grant.json")
    lease = Lease.of(folder.path)
    if is_over(lease):
        return EXIT_FENCED
    beat = Beat(folder)
    beat()
    spare_child = spare.fitting(grant)
    spare.learn(grant)
    prepared = prepare(folder, grant, spare_child.group if spare_child else None)
    counters, delivery = OomCounters(prepared.command.group), Delivery.connect(folder, grant)
    keeper = spool_keeper(folder, delivery, grant)  # before the fork: after it, every page that this touches is copied
    with held(
        prepared.command, spare_child
    ) as child:  # before any thread: the child dies with the thread that forked it
        meter = UsageMeter()
        fail_at("script.before_record")
        if is_over(lease):  # the host stood still meanwhile: the child ends at its barrier
            return EXIT_FENCED
        family = _record_start(folder, child, prepared)
        fail_at("script.before_release")
        failure = child.release()
    fail_at("script.after_release")
    stop_file = StopFile(folder)
    reporter = Reporter(folder, delivery, meter, stop_file, lease)
    _end_on_term(reporter, folder)
    if failure is None:
        log.info("script runs pid=%d", child.pid)
        limits = grant["time_limit_seconds"], grant["grace_seconds"]
        look = partial(_look, beat, reporter, keeper)
        ending = Supervisor(child.pid, family, stop_file, *limits, look, lease).run()
        reporter.expect_finish()
        if ending.stuck:
            _note_survivors(folder, ending.stuck)
        has_failed = ending.wait_status != 0
        peak_memory_mib = meter.peak_memory_mib(ending.largest_kib)
        finish = finish_of(ending, _facts(folder, delivery, counters, peak_memory_mib, grant["memory_mib"], has_failed))
    else:
        os.waitpid(child.pid, 0)
        finish = _spawn_error(failure, prepared, delivery)
    _end(folder, reporter, finish, beat, prepared.command.group)
    delivery.close()
    return 0


def is_over(lease: Lease | None) -> bool:
    return lease is not None and lease.overdue_seconds() is not None


def _look(beat: "Beat", reporter: Reporter, keeper: SpoolKeeper) -> None:
    """A fault in here is no reason to end the script: it would die with us."""
    beat()
    look_at_event_log()
    try:
        reporter.look()
        keeper.look()
    except Exception:
        log.exception("fault while looking after the script")


def _note_survivors(folder: SubAgentDir, stuck: list[ProcessStat]) -> None:
    """Without the note the result is told all the same; a person must then say that nothing is left of them."""
    try:
        survivors.note(folder, stuck)
    except OSError as error:
        log.error("survivors not noted error=%s", error)


def spool_keeper(folder: SubAgentDir, delivery: Delivery, grant: wire.Grant) -> SpoolKeeper:
    return SpoolKeeper(folder, delivery.streams.values(), SpoolLimits.of_grant(grant))


def _spawn_error(failure: SpawnFailure, prepared: Prepared, delivery: Delivery) -> wire.Finish:
    sentence = spawn_sentence.explain(failure, prepared.command, prepared.host)
    detail = f"The script was not started: {sentence}."
    return never_ran(
        "spawn_error", detail, delivery.sizes(), now_text(), is_host_fault=spawn_sentence.is_host_fault(failure)
    )


class Beat:
    """Touches the beat file once a second, however often it is called. A failure is no reason to stop a script."""

    def __init__(self, folder: SubAgentDir, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._next_at = 0.0

    def __call__(self) -> None:
        now = self._clock()
        if now < self._next_at:
            return
        self._next_at = now + 1.0
        try:
            self._folder.touch_beat()
        except OSError as error:
            log.warning("beat not written error=%s", error)


@contextmanager
def _protected() -> Iterator[None]:
    """Adopt every orphan of the script; be the last to go when memory is short; mind no terminal."""
    prctl.become_subreaper()
    prctl.prefer_as_oom_victim(OWN_OOM_SCORE)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in MINDED_BY_OTHERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _record_start(folder: SubAgentDir, child: HeldChild, prepared: Prepared) -> Family:
    """The record is durable before the script may run: without it, the script provably never did. With it the grant is
    needed, to tell the result, and the assignment, whose name the record's own sync makes durable."""
    ticks = proc.start_ticks(child.pid)
    folder.sync_name()
    folder.sync_grant()
    folder.write_started(
        {
            "pid": child.pid,
            "pid_start_ticks": ticks,
            "sid": child.pid,
            "boot_id": proc.boot_id(),
            "cookie": prepared.cookie,
            "cgroups": prepared.command.group.as_json(),
        }
    )
    return Family(child.pid, ticks, prepared.cookie, subreaper_pid=os.getpid(), group=prepared.command.group)


def _end_on_term(reporter: Reporter, folder: SubAgentDir) -> None:
    """SIGTERM is ignored while the script lives; with the result on disk the main agent can deliver the rest. Whoever
    removed the folder wants no result any more."""

    def leave(number: int, frame: object) -> None:
        if folder.local_state() == "finished" or (reporter.has_finish and folder.is_gone()):
            reporter.leave()

    signal.signal(signal.SIGTERM, leave)


def _facts(
    folder: SubAgentDir,
    delivery: Delivery,
    counters: OomCounters,
    peak_memory_mib: int | None,
    memory_mib: int | None,
    has_failed: bool,
) -> Facts:
    """What explains a failure is not looked for after a success: it costs milliseconds."""
    result, sentence = read_result(folder.result_path)
    return Facts(
        sizes=delivery.sizes(),
        peak_memory_mib=peak_memory_mib,
        result=result,
        result_sentence=sentence,
        oom_kills_rose=has_failed and counters.has_risen(),
        tails=delivery.tails(TAIL_BYTES) if has_failed else (),
        memory_limit_mib=memory_mib or (read_memory().total_mib if has_failed else None),
    )


def _end(folder: SubAgentDir, reporter: Reporter, finish: wire.Finish, beat: Beat, group: Group) -> None:
    log.info("script ended reason=%s exit_code=%s signal=%s", finish["reason"], finish["exit_code"], finish["signal"])
    is_durable = _write_exit(folder, finish)
    fail_at("exit.after_record")
    reporter.finish(finish)
    if is_durable:
        reporter.tell()
    else:  # we are all that has it, and must not look frozen meanwhile
        reporter.look()
    folder.remove_tmp()
    group.remove()
    while reporter.is_alive():
        reporter.join(1.0)
        beat()
    if folder.local_state() != "finished":  # the disk was full: perhaps it is not any more
        _try_exit(folder, finish)
    log.info("sub agent ends")


def _write_exit(folder: SubAgentDir, finish: wire.Finish) -> bool:
    """Make the result durable before it is told. On a disk that stays full it is told all the same."""
    for wait_seconds in EXIT_RECORD_WAITS_SECONDS:
        if _try_exit(folder, finish):
            return True
        folder.remove_tmp()  # it may be what fills the disk
        Reserve.of(folder).give()
        time.sleep(wait_seconds)
    return _try_exit(folder, finish)


def _try_exit(folder: SubAgentDir, finish: wire.Finish) -> bool:
    try:
        folder.write_exit(finish)
    except OSError as error:
        log.error("exit record not written error=%s", error)
        return False
    return True
