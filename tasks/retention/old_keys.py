"""Keys of create requests: whoever sends one again after so long gets a new task."""

from collections.abc import Iterator
from itertools import takewhile

from tasks.models import IdempotencyKey
from tasks.retention.policy import Policy, days_ago

BATCH = 500


def batches(policy: Policy) -> Iterator[None]:
    while policy.key_days and remove(policy.key_days):
        yield


def remove(days: int) -> int:
    """The oldest of them; they are numbered as they came."""
    oldest = IdempotencyKey.objects.order_by("pk").values_list("pk", "created_at")[:BATCH]
    old = [pk for pk, _ in takewhile(lambda row: row[1] < days_ago(days), oldest)]
    IdempotencyKey.objects.filter(pk__in=old).delete()
    return len(old)
