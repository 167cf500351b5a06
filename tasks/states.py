"""States, edges and end reasons of tasks and sub agents, declared once. Change nothing:
the two lifecycle modules do."""

from django.db.models import TextChoices


class TaskStatus(TextChoices):
    """What users see. "waiting" with a fence means: placed on a host, not started yet."""

    BLOCKED = "blocked"
    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


FINAL_STATUSES = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELED)
OPEN_STATUSES = (TaskStatus.BLOCKED, TaskStatus.WAITING, TaskStatus.RUNNING)

TASK_EDGES = frozenset(
    {
        ("", "blocked"),
        ("", "waiting"),
        ("blocked", "waiting"),
        ("blocked", "canceled"),
        ("blocked", "blocked"),  # other dependencies
        ("waiting", "blocked"),
        ("waiting", "waiting"),  # placed on a host, or given back by it
        ("waiting", "running"),
        ("waiting", "canceled"),
        ("waiting", "failed"),  # the host lost it between claim and start
        ("waiting", "completed"),  # started and finished in one report
        ("running", "waiting"),  # retried
        ("running", "completed"),
        ("running", "failed"),
        ("running", "canceled"),
    }
)


class SubAgentState(TextChoices):
    """One attempt at one task on one host."""

    ASSIGNED = "assigned"  # placed; the host has not accepted
    STARTING = "starting"  # claimed; may be executing already
    RUNNING = "running"  # the host said that it executes
    REVOKED = "revoked"  # void: taken back before the claim
    REJECTED = "rejected"  # void: the host refused
    NOT_STARTED = "not_started"  # void: claimed, provably never executed
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"
    LOST = "lost"


LIVE_STATES = (SubAgentState.ASSIGNED, SubAgentState.STARTING, SubAgentState.RUNNING)
CLAIMED_STATES = (SubAgentState.STARTING, SubAgentState.RUNNING)
VOID_STATES = (SubAgentState.REVOKED, SubAgentState.REJECTED, SubAgentState.NOT_STARTED)

SUB_AGENT_EDGES = frozenset(
    {
        ("", "assigned"),
        ("assigned", "starting"),
        ("assigned", "revoked"),
        ("assigned", "rejected"),
        ("starting", "running"),
        ("starting", "not_started"),
        *(
            (live, end)
            for live in ("starting", "running")
            for end in ("succeeded", "failed", "timed_out", "canceled", "lost")
        ),
    }
)


class OnHostLoss(TextChoices):
    """What becomes of a task whose host is not heard any more."""

    KEEP = "keep", "it goes on there; nothing is tried again by itself"
    FAILOVER = "failover", "the host stops it, and it runs again elsewhere"


class EndReason(TextChoices):
    """Why a task or a sub agent ended; kept apart from the exit code."""

    EXIT = "exit", "the script ended by itself"
    SIGNAL = "signal", "the script was killed by a signal"
    TIMEOUT = "timeout", "the time limit was reached"
    CANCEL = "cancel", "canceled"
    DEPENDENCY = "dependency", "a task it depends on did not end as required"
    OOM = "oom", "out of memory"
    SPAWN_ERROR = "spawn_error", "the script could not be started"
    DISK_FULL = "disk_full", "the host's disk was full"
    SUB_LOST = "sub_lost", "the sub agent died"
    HOST_REBOOTED = "host_rebooted", "the host was restarted"
    HOST_LOST = "host_lost", "the host was lost"
    FENCED = "fenced", "its host had no contact with the server and stopped it"
    NO_RECORD = "no_record", "the host has no record of it"
    UNKILLABLE = "unkillable", "processes could not be ended"


class Kept(TextChoices):
    """Why an allocation is kept after its attempt has ended: something of it may be left on the host."""

    UNKILLABLE = "unkillable", "processes could not be ended"
    HOST_LOST = "host_lost", "the host was lost"
    UNCONFIRMED = "unconfirmed", "canceled while the host was not heard"


class FailureClass(TextChoices):
    """Words by which a task says which failures are to be repeated (retry_on); tasks.retry_policy groups the ends."""

    SCRIPT = "script", "the script ended by itself with another exit code than 0"
    SIGNAL = "signal", "killed by a signal that Nightshift did not send"
    TIMEOUT = "timeout", "the time limit"
    OOM = "oom", "out of memory, of the host or of a GPU"
    SPAWN = "spawn", "the script could not be started"
    DISK = "disk", "the host's disk was full"
    HOST = "host", "the host's fault, and provably over: restarted, its agents killed, given up by an operator"
    HOST_LOST = "host_lost", "the host is not heard any more, and nobody can prove that the script has ended"


INFRASTRUCTURE_REASONS = (
    EndReason.SUB_LOST,
    EndReason.HOST_REBOOTED,
    EndReason.HOST_LOST,
    EndReason.NO_RECORD,
    EndReason.FENCED,
    EndReason.DISK_FULL,
)
HOST_LOSS_REASONS = (EndReason.HOST_LOST, EndReason.HOST_REBOOTED, EndReason.NO_RECORD, EndReason.FENCED)


class ReservationState(TextChoices):
    PENDING = "pending"  # no room yet
    ACTIVE = "active"  # holds its allocation
    TIMED_OUT = "timed_out"  # found no room in time
    EXPIRED = "expired"  # was held until its end
    RELEASED = "released"  # given back early
    CANCELED = "canceled"  # withdrawn before it found room


RESERVATION_EDGES = frozenset(
    {
        ("", "pending"),
        ("pending", "pending"),  # its end was changed
        ("active", "active"),
        ("pending", "active"),
        ("pending", "timed_out"),
        ("pending", "canceled"),
        ("active", "expired"),
        ("active", "released"),
    }
)

OPEN_RESERVATION_STATES = (ReservationState.PENDING, ReservationState.ACTIVE)


class DependencyKind(TextChoices):
    AFTEROK = "afterok", "after it completed"
    AFTERANY = "afterany", "after it ended, however"
    AFTERNOTOK = "afternotok", "after it failed or was canceled"


class LogState(TextChoices):
    OPEN = "open"
    DRAINING = "draining"  # the result is final, output still arrives
    COMPLETE = "complete"  # all bytes stored and compared
    CORRUPT = "corrupt"  # stored bytes differ from what the host had, twice
    INCOMPLETE = "incomplete"  # the rest can no longer be had
    PRUNED = "pruned"  # removed here: tasks.output.prune


SETTLED_LOG_STATES = (LogState.COMPLETE, LogState.CORRUPT, LogState.INCOMPLETE)


def dependency_verdict(kind: str, status: str) -> bool | None:
    """True: satisfied; False: can never be met; None: open. `status` is that of the task depended on."""
    if status not in FINAL_STATUSES:
        return None
    if kind == DependencyKind.AFTERANY:
        return True
    return (status == TaskStatus.COMPLETED) == (kind == DependencyKind.AFTEROK)
