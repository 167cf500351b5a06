"""Output that is too old, or the oldest of too much. What is never removed, tasks.output.prune says."""

from collections.abc import Iterator

from django.db.models import Sum

from tasks.models import OutputLog
from tasks.output import prune
from tasks.retention.policy import RECENT_DAYS, Policy, days_ago, more_than, older_than
from tasks.states import SETTLED_LOG_STATES


def batches(policy: Policy) -> Iterator[None]:
    """One batch for each step."""
    yield from _by_age(policy.longest_output_days)
    yield from _by_size(policy)
    while prune.remove_strays(prune.strays_of()):
        yield


def _by_age(days: int) -> Iterator[None]:
    after, ended_before = 0, days_ago(days)
    while days and (ids := prune.next_ids(after, ended_before)):
        prune.remove(list(prune.candidates(ended_before).filter(pk__in=ids)), older_than(days))
        after = ids[-1]
        yield


def _by_size(policy: Policy) -> Iterator[None]:
    """Never that of a task that ended just now, however much it is."""
    after, ended_before = 0, days_ago(RECENT_DAYS)
    excess = _stored_bytes() - policy.output_limit if policy.output_limit else 0
    while excess > 0 and (ids := prune.next_ids(after, ended_before)):
        rows = _first_of(list(prune.candidates(ended_before).filter(pk__in=ids)), excess)
        prune.remove(rows, more_than(policy.output_gib))
        excess -= sum(row.stored_bytes for row in rows)
        after = ids[-1]
        yield


def _first_of(rows: list[OutputLog], enough: int) -> list[OutputLog]:
    """As many as have `enough` bytes together."""
    taken: list[OutputLog] = []
    for row in rows:
        if enough <= 0:
            break
        if row.stored_bytes:
            taken.append(row)
            enough -= row.stored_bytes
    return taken


def _stored_bytes() -> int:
    settled = OutputLog.objects.filter(pruned_at=None, state__in=SETTLED_LOG_STATES)
    return settled.aggregate(bytes=Sum("stored_bytes"))["bytes"] or 0
