"""How long what is kept, from the settings, and the words by which a removal is explained. Removes nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

RECENT_DAYS = 1


@dataclass(frozen=True)
class Policy:
    """0: for ever, or without a limit."""

    output_days: int
    output_gib: int
    task_days: int
    key_days: int

    @property
    def output_limit(self) -> int:
        return self.output_gib << 30

    @property
    def longest_output_days(self) -> int:
        """Output is gone before its task is."""
        return min([days for days in (self.output_days, self.task_days) if days], default=0)


def current() -> Policy:
    return Policy(
        output_days=settings.KEEP_OUTPUT_DAYS,
        output_gib=settings.KEEP_OUTPUT_GIB,
        task_days=settings.KEEP_TASKS_DAYS,
        key_days=settings.KEEP_KEYS_DAYS,
    )


def days_ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def older_than(days: int) -> str:
    return f"by policy: older than {days} day{'' if days == 1 else 's'}"


def more_than(gib: int) -> str:
    return f"by policy: the oldest of more than {gib} GiB"
