"""Compares what the server holds at the end with what really happened on the hosts and with what users were told."""

import hashlib
from collections.abc import Iterator
from typing import Any

from tests.chaos import scripts
from tests.chaos.report import Report
from tests.chaos.site import ChaosSite
from tests.chaos.workload import RESULT, Wanted, Workload
from tests.invariant_checker import violations_in

VOID = ("revoked", "rejected", "not_started")
RUN_TO_THE_END = "exit"
# What may befall a script here besides its own end: its sub agent or its disk is lost, it is canceled, or never starts.
EXCUSED = ("sub_lost", "disk_full", "cancel", "dependency", "spawn_error")


def check(site: ChaosSite, workload: Workload, report: Report) -> None:
    """Every finding goes to the report as a violation."""
    for wanted in workload.tasks:
        if wanted.task_id is not None:
            for sentence in _of_task(site, wanted):
                report.violation(f"task {wanted.task_id} ({wanted.key} {wanted.kind}): {sentence}")
    for sentence in _ids_once(workload):
        report.violation(sentence)
    for sentence in violations_in(site.nightshift.data_dir):
        report.violation(f"invariant {sentence}")


def _ids_once(workload: Workload) -> Iterator[str]:
    """Each key is one task, whatever was repeated."""
    ids = [wanted.task_id for wanted in workload.tasks if wanted.task_id is not None]
    if len(ids) != len(set(ids)):
        yield "two submissions got the same task"


def _of_task(site: ChaosSite, wanted: Wanted) -> Iterator[str]:
    task_id = wanted.task_id or 0
    task = site.nightshift.task(task_id)
    now = {name: task[name] for name in RESULT}
    if not wanted.result:
        yield f"it is still {task['status']}"
        return
    if now != wanted.result:
        yield f"its result was {wanted.result} and is {now} now"
    attempts = site.nightshift.attempts(task_id)
    yield from _end_is_right(wanted, task)
    for attempt in attempts:
        yield from _of_attempt(site, wanted, attempt)


def _end_is_right(wanted: Wanted, task: dict[str, Any]) -> Iterator[str]:
    """A script that ran to its end has the code that it returns; anything else has an excuse."""
    reason = task["end_reason"]
    if reason == RUN_TO_THE_END:
        if wanted.kind != "again" and task["exit_code"] != wanted.code:
            yield f"its script returns {wanted.code}, the server says {task['exit_code']}"
    elif reason == "cancel":
        if wanted.cancel_after is None:
            yield "it is canceled, and nobody canceled it"
    elif reason not in EXCUSED:
        yield f"it ended as {reason}: {task['end_sentence']}"


def _of_attempt(site: ChaosSite, wanted: Wanted, attempt: dict[str, Any]) -> Iterator[str]:
    task_id, number = wanted.task_id or 0, attempt["attempt_no"]
    executions = scripts.executions(site.witness, task_id, number)
    if executions > 1:
        yield f"attempt {number} was executed {executions} times"
    if attempt["state"] in VOID and executions:
        yield f"attempt {number} is {attempt['state']} and was executed"
    if attempt["end_reason"] == RUN_TO_THE_END:
        if not executions:
            yield f"attempt {number} ended by itself and was never executed"
        else:
            yield from _output_is_right(site, task_id, number)


def _output_is_right(site: ChaosSite, task_id: int, number: int) -> Iterator[str]:
    nightshift = site.nightshift
    reply = nightshift.http.get(f"{nightshift.url}/api/tasks/{task_id}/log?attempt_no={number}", timeout=60)
    stored, wrote = reply.content, scripts.wrote(site.witness, task_id, number)
    state = reply.headers.get("X-Log-State")
    if not reply.ok:
        yield f"the output of attempt {number} cannot be read: {reply.status_code}"
    elif state != "complete":
        yield f"the output of attempt {number} is {state}: {len(stored)} of {len(wrote)} bytes"
    elif hashlib.sha256(stored).digest() != hashlib.sha256(wrote).digest():
        yield f"the output of attempt {number} differs: {len(wrote)} bytes written, {len(stored)} stored"
