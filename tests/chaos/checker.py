"""Compares what the server holds at the end with what really happened on the hosts and with what users were told."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.chaos.report import Report
from tests.chaos.scripts import Witness
from tests.chaos.site import ChaosSite
from tests.chaos.workload import RESULT, Wanted, Workload
from tests.invariant_checker import violations_in

VOID = ("revoked", "rejected", "not_started")
RUN_TO_THE_END = "exit"
# What may befall a script here besides its own end: its sub agent or its disk is lost, it is canceled, or never starts.
EXCUSED = ("sub_lost", "disk_full", "cancel", "dependency", "spawn_error")
HOST_LOSSES = ("host_lost", "host_rebooted", "no_record", "fenced")
MOST_FAILOVERS = 10


@dataclass
class Compared:
    """What was looked at, and what was found missing or twice."""

    results: int = 0
    outputs: int = 0
    written_bytes: int = 0
    lost_bytes: int = 0
    doubled_bytes: int = 0
    failovers: int = 0

    def __str__(self) -> str:
        output = f"{self.written_bytes} bytes of {self.outputs} outputs compared"
        found = f"{self.lost_bytes} bytes lost, {self.doubled_bytes} doubled"
        return f"{self.results} acknowledged results checked, {self.failovers} failovers, {output}, {found}"


def check(site: ChaosSite, workload: Workload, report: Report) -> Compared:
    """Every finding goes to the report as a violation."""
    look = Look(site)
    for wanted in workload.tasks:
        if wanted.task_id is not None:
            for sentence in look.at(wanted):
                report.violation(f"task {wanted.task_id} ({wanted.key} {wanted.kind}): {sentence}")
    for sentence in _ids_once(workload):
        report.violation(sentence)
    for sentence in violations_in(site.nightshift.data_dir):
        report.violation(f"invariant {sentence}")
    return look.compared


def _ids_once(workload: Workload) -> Iterator[str]:
    """Each key is one task, whatever was repeated."""
    ids = [wanted.task_id for wanted in workload.tasks if wanted.task_id is not None]
    if len(ids) != len(set(ids)):
        yield "two submissions got the same task"


class Look:
    def __init__(self, site: ChaosSite) -> None:
        self._site = site
        self.compared = Compared()

    def at(self, wanted: Wanted) -> Iterator[str]:
        task_id = wanted.task_id or 0
        task = self._site.nightshift.task(task_id)
        if not wanted.result:
            yield f"it is still {task['status']}"
            return
        self.compared.results += 1
        self.compared.failovers += task["failovers"]
        now = {name: task[name] for name in RESULT}
        if now != wanted.result:
            yield f"its result was {wanted.result} and is {now} now"
        attempts = self._site.nightshift.attempts(task_id)
        yield from _end_is_right(wanted, task)
        yield from one_after_the_other(self._witnesses(wanted, attempts))
        if wanted.is_gang:
            yield from all_or_none(task, attempts)
        for attempt in attempts:
            yield from self._attempt(self._witness(wanted, attempt), attempt)

    def _witness(self, wanted: Wanted, attempt: dict[str, Any]) -> Witness:
        rank = attempt["rank"] if wanted.is_gang else None
        return Witness(self._site.witness, wanted.task_id or 0, attempt["attempt_no"], rank)

    def _witnesses(self, wanted: Wanted, attempts: Iterable[dict[str, Any]]) -> list[Witness]:
        return [self._witness(wanted, attempt) for attempt in attempts]

    def _attempt(self, witness: Witness, attempt: dict[str, Any]) -> Iterator[str]:
        executions, number = witness.executions(), witness.attempt_no
        if executions > 1:
            yield f"attempt {number} was executed {executions} times"
        if attempt["state"] in VOID and executions:
            yield f"attempt {number} is {attempt['state']} and was executed"
        if attempt["end_reason"] == RUN_TO_THE_END:
            if not executions:
                yield f"attempt {number} ended by itself and was never executed"
            else:
                yield from self._output(witness)

    def _output(self, witness: Witness) -> Iterator[str]:
        nightshift, number = self._site.nightshift, witness.attempt_no
        query = f"attempt_no={number}&rank={witness.rank or 0}"
        reply = nightshift.http.get(f"{nightshift.url}/api/tasks/{witness.task_id}/log?{query}", timeout=60)
        if not reply.ok:
            yield f"the output of attempt {number} cannot be read: {reply.status_code}"
            return
        stored, wrote = reply.content, witness.wrote()
        self._count(stored, wrote)
        if (state := reply.headers.get("X-Log-State")) != "complete":
            yield f"the output of attempt {number} is {state}: {len(stored)} of {len(wrote)} bytes"
        elif stored != wrote:
            yield f"the output of attempt {number} differs: {len(wrote)} bytes written, {len(stored)} stored"

    def _count(self, stored: bytes, wrote: bytes) -> None:
        """From where they differ on, what was written is lost, and what is stored came from somewhere else."""
        same = same_length(stored, wrote)
        self.compared.outputs += 1
        self.compared.written_bytes += len(wrote)
        self.compared.lost_bytes += len(wrote) - same
        self.compared.doubled_bytes += len(stored) - same


def same_length(one: bytes, other: bytes) -> int:
    """For how many bytes they are equal from the beginning."""
    if one == other:
        return len(one)
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (first, second) in pairs if first != second), min(len(one), len(other)))


def _end_is_right(wanted: Wanted, task: dict[str, Any]) -> Iterator[str]:
    """A script that ran to its end has the code that it returns; anything else has an excuse."""
    reason = task["end_reason"]
    if reason == RUN_TO_THE_END:
        if wanted.kind != "again" and task["exit_code"] != wanted.code:
            yield f"its script returns {wanted.code}, the server says {task['exit_code']}"
    elif reason == "cancel":
        if wanted.cancel_after is None:
            yield "it is canceled, and nobody canceled it"
    elif reason in HOST_LOSSES and wanted.kind == "failover":
        if task["failovers"] < MOST_FAILOVERS:
            yield f"it ended as {reason} after {task['failovers']} failovers only"
    elif reason not in EXCUSED:
        yield f"it ended as {reason}: {task['end_sentence']}"


def one_after_the_other(witnesses: Iterable[Witness]) -> Iterator[str]:
    """Scripts of different attempts never ran at the same moment."""
    moments: dict[int, list[float]] = defaultdict(list)
    for witness in witnesses:
        moments[witness.attempt_no] += witness.interval() or ()
    ran = sorted((min(seen), max(seen), number) for number, seen in moments.items() if seen)
    for (_, ended, earlier), (began, _, later) in pairwise(ran):
        if began <= ended:
            yield f"attempt {later} began {ended - began:.2f} s before attempt {earlier} had ended"
        if later < earlier:
            yield f"attempt {later} ran after attempt {earlier}"


def all_or_none(task: dict[str, Any], attempts: list[dict[str, Any]]) -> Iterator[str]:
    """A gang has completed when all members have, and it has all of them in each attempt."""
    members: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)
    for attempt in attempts:
        members[attempt["attempt_no"]][attempt["rank"]] = attempt
    for number, by_rank in members.items():
        if sorted(by_rank) != list(range(task["node_count"])):
            yield f"attempt {number} has the ranks {sorted(by_rank)}"
    if task["status"] == "completed":
        states = [member["state"] for member in members[task["attempt_no"]].values()]
        if set(states) != {"succeeded"}:
            yield f"it completed, and its members are {states}"
