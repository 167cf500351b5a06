"""Tables of tasks, their attempts and what came out."""

from tasks.models.allocation import AllocatedGpu, Allocation
from tasks.models.dependency import Dependency
from tasks.models.event import TaskEvent
from tasks.models.fence import FenceCounter
from tasks.models.idempotency import IdempotencyKey
from tasks.models.output_log import OutputLog
from tasks.models.reservation import Reservation
from tasks.models.reservation_event import ReservationEvent
from tasks.models.sub_agent import SubAgent
from tasks.models.task import Task
from tasks.models.user_usage import UserUsage

__all__ = [
    "AllocatedGpu",
    "Allocation",
    "Dependency",
    "FenceCounter",
    "IdempotencyKey",
    "OutputLog",
    "Reservation",
    "ReservationEvent",
    "SubAgent",
    "Task",
    "TaskEvent",
    "UserUsage",
]
