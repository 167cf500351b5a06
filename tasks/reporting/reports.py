"""Take what sub agents report: started, output, usage, finish, log_close, in that order. One entry spoils no other."""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction

from agents.models import Agent
from scheduler_site.shared import statements
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import BadMessage, CrcMismatch, DomainError, OffsetGap, SubAgentClosed
from scheduler_site.shared.failpoints import fail_at
from tasks import grants, lifecycle
from tasks.agent_messages import Entry, EntryHead, Finish, decode
from tasks.history import record
from tasks.host_ends import kept, leases
from tasks.models import OutputLog, SubAgent, Task
from tasks.outcome import Outcome, state_of
from tasks.output import logs, watchers
from tasks.reporting import running, usage, whole_output
from tasks.reporting.running import Running
from tasks.reporting.script_result import storable
from tasks.reporting.usage import Usage
from tasks.states import EndReason, Kept, LogState, SubAgentState
from tasks.tokens import token_is_right

log = logging.getLogger(__name__)

REPORTED_REASONS = frozenset(
    {
        EndReason.EXIT,
        EndReason.SIGNAL,
        EndReason.TIMEOUT,
        EndReason.CANCEL,
        EndReason.OOM,
        EndReason.SPAWN_ERROR,
        EndReason.DISK_FULL,
        EndReason.SUB_LOST,
        EndReason.HOST_REBOOTED,
        EndReason.FENCED,
        EndReason.UNKILLABLE,
    }
)

LONGEST_EVIDENCE = 200
_STOP = ("stop_reason", "stop_now", "granted_seconds")
_OWN = ("task_id", "agent_id", "attempt_no", "rank", "fence", "state", "claim_nonce", "digest", *_STOP)
_OF_TASK = ("grace_seconds", "submitted_by_id")
_MAY_CHANGE = ("state", "stop_reason", "stop_now", "digest")


def reporting(sub_agent_id: UUID) -> SubAgent | None:
    """With what a report needs of it: each second one for every running task, so no scripts."""
    return next(iter(_all_reporting([sub_agent_id]).values()), None)


def _all_reporting(ids: Collection[UUID]) -> dict[UUID, SubAgent]:
    """In as many statements as for one. Hosts before tasks, as everybody does who locks both."""
    found = statements.instances_among(SubAgent, "id", ids, _OWN)
    agents = statements.instances_among(Agent, "id", {row.agent_id for row in found}, ("name",))
    tasks = statements.instances_among(Task, "id", {row.task_id for row in found}, _OF_TASK)
    agent_of, task_of = {row.pk: row for row in agents}, {row.pk: row for row in tasks}
    for sub_agent in found:
        sub_agent.agent, sub_agent.task = agent_of[sub_agent.agent_id], task_of[sub_agent.task_id]
    return {sub_agent.pk: sub_agent for sub_agent in found}


def receive(raw_entries: list[msgspec.Raw], caller: SubAgent | None = None) -> list[dict[str, Any]]:
    """One reply for each entry, in order. `caller` was read just now, by `reporting`: it is not read again for an entry
    of its own."""
    entries = [_decoded(bytes(raw)) for raw in raw_entries]
    good = [entry for entry in entries if isinstance(entry, Entry)]
    beats = [entry for entry in good if _is_only_a_beat(entry)]
    still = {} if caller is not None else running.still_running(good, beats)
    usage.keep_all({beat.sub_agent_id: _figures(beat) for beat in beats if beat.sub_agent_id in still})
    rest = _ids(good) - still.keys()
    known = {caller.pk: caller} if caller is not None and len(good) == 1 else _all_reporting(rest)
    stored = logs.rows_of_all(_ids(beats))
    return [_answered(entry, still, known, stored) if isinstance(entry, Entry) else entry for entry in entries]


def _ids(entries: Iterable[Entry]) -> set[UUID]:
    return {entry.sub_agent_id for entry in entries}


def _is_only_a_beat(entry: Entry) -> bool:
    """It changes no row: what is stored of its output may be read for many at once."""
    return not (entry.started or entry.skips or entry.output or entry.finish or entry.log_close)


def _answered(
    entry: Entry,
    still: Mapping[UUID, Running],
    known: dict[UUID, SubAgent],
    stored: Mapping[UUID, list[OutputLog]],
) -> dict[str, Any]:
    """`known` loses it: a second entry may find it changed by the first one."""
    if goes_on := still.get(entry.sub_agent_id):
        return _told(entry, goes_on.task_id, SubAgentState.RUNNING, stored.get(entry.sub_agent_id, []))
    sub_agent = known.pop(entry.sub_agent_id, None) or reporting(entry.sub_agent_id)
    return _receive_one(entry, sub_agent, stored.get(entry.sub_agent_id, []) if _is_only_a_beat(entry) else None)


def _decoded(raw: bytes) -> Entry | dict[str, Any]:
    """The entry, or the answer to one that is none."""
    try:
        return decode(raw, Entry)
    except BadMessage as error:
        return _refusal(_id_of(raw), error.code, error.detail)


def _id_of(raw: bytes) -> str:
    try:
        return str(decode(raw, EntryHead).sub_agent_id)
    except BadMessage:
        return ""


def _figures(entry: Entry) -> Usage | None:
    return entry.usage.value() if entry.usage else None


def _receive_one(entry: Entry, sub_agent: SubAgent | None, stored: list[OutputLog] | None) -> dict[str, Any]:
    if sub_agent is None:
        return _refusal(str(entry.sub_agent_id), "unknown_sub_agent", "No such sub agent.")
    if entry.fence != sub_agent.fence or not token_is_right(sub_agent, entry.token):
        return _refusal(str(entry.sub_agent_id), "unauthorized", "The token or the fence is not this sub agent's.")
    running.remember(sub_agent, entry.token)
    code, detail = "ok", ""
    try:
        _take(entry, sub_agent)
    except DomainError as error:
        code, detail = error.code, error.detail
    if _may_change_it(entry):
        _read_again(sub_agent)
    return _reply(entry, sub_agent, (code, detail), logs.rows_of(sub_agent) if stored is None else stored)


def _read_again(sub_agent: SubAgent) -> None:
    found = statements.row(SubAgent, _MAY_CHANGE, {"pk": sub_agent.pk})
    for name, value in zip(_MAY_CHANGE, found or (), strict=found is not None):
        setattr(sub_agent, name, value)


def _may_change_it(entry: Entry) -> bool:
    """A start is answered with a stop that was asked meanwhile. Output and figures take time or nothing: what another
    caller did is told in the next answer; and after a result there is nothing to stop."""
    return entry.started is not None and entry.finish is None


def _take(entry: Entry, sub_agent: SubAgent) -> None:
    take = _taken_in_one_commit if _is_one_commit(entry) else _taken
    rest, refusal = take(entry, sub_agent)
    if entry.finish is not None:
        fail_at("finish.before_reply")
    if refusal is None or isinstance(refusal, AlreadyFinal | SubAgentClosed):
        _close_logs(rest, sub_agent)  # output that came late is compared as well: until then the host asks again
    if refusal is not None:
        raise refusal


def _is_one_commit(entry: Entry) -> bool:
    """A result and what comes with it reach the disk together. Not where a host has to be locked, which comes before
    tasks."""
    finish = entry.finish
    return finish is not None and finish.reason in REPORTED_REASONS and not leaves_processes(finish)


def _taken_in_one_commit(entry: Entry, sub_agent: SubAgent) -> tuple[Entry, DomainError | None]:
    """As _taken; what came whole of its output is closed with it."""
    whole = whole_output.written(entry, sub_agent)
    with transaction.atomic():
        taken = _taken(whole_output.noted(whole, entry, sub_agent), sub_agent)
        fail_at("finish.before_commit")
    return taken


def _taken(entry: Entry, sub_agent: SubAgent) -> tuple[Entry, DomainError | None]:
    """The entry, and what was refused of it: what was taken before that stays."""
    try:
        _take_news(entry, sub_agent)
    except DomainError as error:
        return entry, error
    return entry, None


def _take_news(entry: Entry, sub_agent: SubAgent) -> None:
    actor, task = Actor.agent(sub_agent.agent.name), None
    if entry.started is not None:
        task = lifecycle.start(sub_agent, pid=entry.started.pid, actor=actor)
    _take_output(entry, sub_agent)
    if sub_agent.is_live:
        usage.keep(sub_agent.pk, _figures(entry))
    if entry.finish is not None:
        _finish(sub_agent, entry.finish, actor, task)
    elif _ended_unreported(sub_agent):
        raise SubAgentClosed(f"{sub_agent} was ended here as {sub_agent.state}.", state=sub_agent.state)


def _close_logs(entry: Entry, sub_agent: SubAgent) -> None:
    """A disk that fails keeps nobody from hearing that the result is stored: the host asks again for what is open."""
    for closing in entry.log_close:
        try:
            logs.close(sub_agent, closing.stream, closing.size, closing.sha256, closing.small_parts())
        except OSError as error:
            log.error("output_not_closed sub_agent_id=%s stream=%s detail=%r", sub_agent.pk, closing.stream, str(error))


def _take_output(entry: Entry, sub_agent: SubAgent) -> None:
    """A gap, a damaged piece or a full disk here is answered by `stored`: the sub agent goes on from there, and a
    result that comes with it is taken all the same."""
    for gap in entry.skips:
        logs.skip(sub_agent, gap.stream, gap.start, gap.stop, gap.reason)
    for piece in entry.output:
        try:
            logs.append(sub_agent, piece.stream, piece.offset, piece.data, piece.crc32)
        except (OffsetGap, CrcMismatch) as error:
            log.info("output_refused sub_agent_id=%s stream=%s detail=%r", sub_agent.pk, piece.stream, error.detail)
        except OSError as error:
            log.error("output_not_stored sub_agent_id=%s stream=%s detail=%r", sub_agent.pk, piece.stream, str(error))


def _finish(sub_agent: SubAgent, finish: Finish, actor: Actor, task: Task | None) -> None:
    """The first result stands: the same again is fine, another one is kept in the history only. `task`: where the entry
    has just started it."""
    outcome = outcome_of(finish)
    try:
        _end(sub_agent, outcome, finish, actor, task)
    except SubAgentClosed:
        sub_agent.refresh_from_db()
        if sub_agent.digest == finish.digest:
            return
        _take_late_result(sub_agent, outcome, finish, actor)
        raise AlreadyFinal(f"{sub_agent} ended before as {sub_agent.state}.", state=sub_agent.state) from None


def _end(sub_agent: SubAgent, outcome: Outcome, finish: Finish, actor: Actor, task: Task | None) -> None:
    if outcome.keeps:
        _end_with_survivors(sub_agent, outcome, finish, actor)
    elif task is not None:  # in one commit with its start: its row is still locked
        lifecycle.finish_locked(task, sub_agent, outcome, actor=actor)
    else:
        lifecycle.finish(sub_agent, outcome, actor=actor)


@transaction.atomic
def _end_with_survivors(sub_agent: SubAgent, outcome: Outcome, finish: Finish, actor: Actor) -> None:
    """Its host is paused, too, and hosts are locked before tasks. Both or nothing: a result that is known already
    pauses nobody when it comes again."""
    statements.row(Agent, ["id"], {"pk": sub_agent.agent_id}, locked=True)
    lifecycle.finish(sub_agent, outcome, actor=actor)
    kept.pause_host(sub_agent, finish.survivors)


@transaction.atomic
def _take_late_result(sub_agent: SubAgent, outcome: Outcome, finish: Finish, actor: Actor) -> None:
    """Under the task's lock, so that two which come at once are noted once."""
    statements.row(Task, ["id"], {"pk": sub_agent.task_id}, locked=True)
    _keep_late_result(sub_agent, finish, actor)
    if not outcome.keeps:
        kept.confirm(sub_agent, "its end was told")


class AlreadyFinal(DomainError):
    """Another result was accepted before."""

    code = "already_final"


def outcome_of(finish: Finish) -> Outcome:
    """As a value that can be stored; BadMessage for a reason that is none."""
    if finish.reason not in REPORTED_REASONS:
        raise BadMessage(f"finish.reason is {finish.reason!r}, which is no reason a sub agent can end for.")
    reason = EndReason(finish.reason)
    result, problem = storable(finish.result)
    return Outcome(
        state=state_of(reason, finish.exit_code),
        reason=reason,
        detail=" ".join(part for part in (finish.detail.replace("\0", ""), problem) if part),
        exit_code=finish.exit_code,
        exit_signal=finish.signal,
        duration_seconds=finish.duration_seconds,
        cpu_seconds=finish.cpu_seconds,
        peak_memory_mib=finish.peak_memory_mib,
        result=result,
        digest=finish.digest,
        sizes=finish.final_sizes(),
        oom_kind=finish.oom.kind if finish.oom else "",
        oom_evidence=finish.oom.evidence.replace("\0", "")[:LONGEST_EVIDENCE] if finish.oom else "",
        is_host_fault=reason == EndReason.SPAWN_ERROR and finish.is_host_fault,
        keeps=Kept.UNKILLABLE if leaves_processes(finish) else None,
        may_run_again=not leaves_processes(finish),
    )


def leaves_processes(finish: Finish) -> bool:
    return finish.reason == EndReason.UNKILLABLE or bool(finish.survivors)


def _keep_late_result(sub_agent: SubAgent, finish: Finish, actor: Actor) -> None:
    """Once: said again and again it is still one fact."""
    if sub_agent.events.filter(verb="late_result").exists():
        return
    record(
        sub_agent.task_id,
        "late_result",
        actor=actor,
        reason=finish.detail.replace("\0", "") or finish.reason,
        sub_agent=sub_agent,
        exit_code=finish.exit_code,
        digest=finish.digest,
    )
    logs.begin_draining(sub_agent, finish.final_sizes())


def _reply(entry: Entry, sub_agent: SubAgent, verdict: tuple[str, str], stored: Iterable[OutputLog]) -> dict[str, Any]:
    code, detail = verdict
    stop = grants.stop_of(sub_agent) if sub_agent.stop_reason and sub_agent.is_live else None
    if _ended_unreported(sub_agent) and entry.finish is None:
        stop = {"reason": "lost", "grace_seconds": sub_agent.task.grace_seconds, "kill_now": False}
    renewal = leases.renew(sub_agent) if code == "ok" else None
    told = _told(entry, sub_agent.task_id, sub_agent.state, stored)
    return {**told, "code": code, "detail": detail, "stop": stop, "renewal": renewal}


def _told(entry: Entry, task_id: int, state: str, stored: Iterable[OutputLog]) -> dict[str, Any]:
    return {
        "sub_agent_id": str(entry.sub_agent_id),
        "code": "ok",
        "detail": "",
        "state": state,
        "logs": {row.stream: log_state(row) for row in stored},
        "stop": None,
        "watched": watchers.watching(task_id),
        "renewal": None,
    }


def _ended_unreported(sub_agent: SubAgent) -> bool:
    """Lost or void: the server ended it without a word from the host, so it must not go on there."""
    return not sub_agent.is_live and not sub_agent.digest


def log_state(row: OutputLog) -> dict[str, Any]:
    """Pruned output is nothing that a host needs to hear of: it is done with it."""
    limits = logs.limits()
    return {
        "stored": row.stored_bytes,
        "durable": row.durable_bytes,
        "state": LogState.COMPLETE if row.state == LogState.PRUNED else row.state,
        "keep_head": limits.head,
        "keep_tail": limits.tail,
    }


def _refusal(sub_agent_id: str, code: str, detail: str) -> dict[str, Any]:
    return {
        "sub_agent_id": sub_agent_id,
        "code": code,
        "detail": detail,
        "state": "",
        "logs": {},
        "stop": None,
        "watched": False,
        "renewal": None,
    }
