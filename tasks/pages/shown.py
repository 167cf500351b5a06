"""A task with the words and numbers that its pages show beside its columns. Decides nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tasks.describe import badges, end_sentence, to_be_told_of
from tasks.models import SubAgent, Task
from tasks.pages.asked import placement_facts
from tasks.permissions import may_change
from tasks.scheduling.explaining.explain import waiting_sentences
from tasks.states import LIVE_STATES, VOID_STATES, TaskStatus


@dataclass(frozen=True)
class ShownTask:
    """`task` comes from tasks.querysets: its latest sub agent is prefetched. `user` looks at it."""

    task: Task
    user: Any
    waiting_sentence: str

    @property
    def latest(self) -> SubAgent | None:
        found = self.task.latest_sub_agents  # type: ignore[attr-defined]
        return found[0] if found else None

    @property
    def badges(self) -> list[str]:
        return badges(self.task, to_be_told_of(self.task))

    @property
    def end_sentence(self) -> str:
        return end_sentence(self.task)

    @property
    def why_canceled(self) -> str:
        """Empty where "canceled" says all."""
        has_reason = self.task.status == TaskStatus.CANCELED and (self.task.cancel_reason or self.task.end_detail)
        return self.end_sentence if has_reason else ""

    @property
    def gpu_indexes(self) -> list[int]:
        allocation = getattr(self.latest, "allocation", None)
        return [held.gpu.index for held in allocation.gpus.all()] if allocation else []

    @property
    def is_placed(self) -> bool:
        """On a host, or ended there. An attempt that never ran does not count, nor one that is to be repeated."""
        if self.latest is None or self.latest.state in VOID_STATES:
            return False
        return self.task.is_final or self.latest.state in LIVE_STATES

    @property
    def placement_facts(self) -> list[tuple[str, str]]:
        return placement_facts(self.task)

    @property
    def can_cancel(self) -> bool:
        return not self.task.is_final and may_change(self.user, self.task)

    @property
    def can_repeat(self) -> bool:
        return may_change(self.user, self.task)

    @property
    def can_hold(self) -> bool:
        is_off = self.task.status in (TaskStatus.BLOCKED, TaskStatus.WAITING) and self.task.current_fence is None
        return is_off and self.task.held_at is None and may_change(self.user, self.task)

    @property
    def can_release(self) -> bool:
        return not self.task.is_final and self.task.held_at is not None and may_change(self.user, self.task)

    @property
    def has_failed(self) -> bool:
        return self.task.status == TaskStatus.FAILED

    @property
    def is_running(self) -> bool:
        return self.task.status == TaskStatus.RUNNING


def show_all(tasks: Iterable[Task], user: Any) -> list[ShownTask]:
    """Hosts are looked at once, however many tasks wait."""
    rows = list(tasks)
    sentences = waiting_sentences(rows)
    return [ShownTask(task, user, sentences[task.pk]) for task in rows]
