"""What the end of an attempt means for its task: waits again, retried, or final.
Inside the transactions of the verbs, with the task's row locked."""

from django.conf import settings

from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.statements import Plus
from tasks import retry_policy
from tasks.history import record
from tasks.lifecycle import out_of_memory, rows
from tasks.lifecycle.end import end
from tasks.lifecycle.hold import held_columns
from tasks.models import SubAgent, Task
from tasks.outcome import Outcome, pause_seconds, result_columns, task_status
from tasks.states import HOST_LOSS_REASONS, EndReason, OnHostLoss, SubAgentState, TaskStatus

MOST_FAILOVERS = 10


def conclude(task: Task, sub_agent: SubAgent, outcome: Outcome, actor: Actor) -> None:
    row = rows.row_of(task, sub_agent, TaskStatus.WAITING, TaskStatus.RUNNING)
    status = task_status(outcome)
    if task.cancel_requested_at is not None and outcome.state == SubAgentState.LOST:
        end(row, task, TaskStatus.CANCELED, EndReason.CANCEL, outcome.detail, actor, sub_agent)
        return
    if status == TaskStatus.FAILED and _fails_over(task, outcome):
        again = rows.waiting_again(task, pause_seconds(task.failovers - 1) if task.failovers else 0.0)
        rows.update(row, task.pk, "fail over", **again, failovers=Plus(1))
        rows.note_waiting(task.pk, "failed_over", actor, task.status, outcome.detail or outcome.reason, sub_agent)
        return
    if status == TaskStatus.FAILED and _may_retry(task, outcome):
        more = out_of_memory.grow(task, sub_agent, outcome)
        again = rows.waiting_again(task, pause_seconds(task.retries_used)) | more
        rows.update(row, task.pk, "retry", **again, retries_used=Plus(1))
        rows.note_waiting(task.pk, "retried", actor, task.status, outcome.detail or outcome.reason, sub_agent)
        return
    end(row, task, status, outcome.reason, outcome.detail, actor, sub_agent, **result_columns(outcome, task.start_time))


def void(task: Task, sub_agent: SubAgent, detail: str, actor: Actor) -> None:
    row = rows.row_of(task, sub_agent, TaskStatus.WAITING)
    if task.cancel_requested_at is not None:
        end(row, task, TaskStatus.CANCELED, EndReason.CANCEL, task.cancel_reason, actor, sub_agent)
        return
    delay = pause_seconds(task.voids) if task.voids else 0.0  # the first time may be any host's bad moment
    rows.update(row, task.pk, "give back", **rows.waiting_again(task, delay), voids=Plus(1))
    rows.note_waiting(task.pk, sub_agent.state, actor, "waiting", detail, sub_agent)
    if 0 < settings.TASK_VOIDS <= task.voids + 1:
        _hold_poison(task, sub_agent, detail)


def _hold_poison(task: Task, sub_agent: SubAgent, detail: str) -> None:
    """It would go round for ever, and take hosts with it."""
    reason = f"{task.voids + 1} attempts never started; the latest on {sub_agent.agent.name}: {detail}"
    Task.objects.filter(pk=task.pk).update(**held_columns(reason))
    record(task.pk, "held", actor=SYSTEM, reason=reason, sub_agent=sub_agent)


def _fails_over(task: Task, outcome: Outcome) -> bool:
    """Another host takes over from a lost one, which costs no retry, but not without end."""
    is_host_loss = task.on_host_loss == OnHostLoss.FAILOVER and outcome.reason in HOST_LOSS_REASONS
    is_wanted = outcome.may_run_again and task.cancel_requested_at is None
    return is_host_loss and is_wanted and task.failovers < MOST_FAILOVERS


def _may_retry(task: Task, outcome: Outcome) -> bool:
    return task.cancel_requested_at is None and retry_policy.policy_of(task).may_retry(outcome, task.retries_used)
