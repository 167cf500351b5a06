"""A key of a create request is known for so long, then it makes a new task."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tasks.models import IdempotencyKey
from tasks.retention import old_keys
from tasks.retention.policy import Policy
from tests.factories import make_task, make_user

pytestmark = pytest.mark.django_db


def key(name: str, days_ago: float) -> None:
    made = timezone.now() - timedelta(days=days_ago)
    IdempotencyKey.objects.create(user=make_user(), key=name, request_hash="h", task=make_task(), created_at=made)


def left(days: int) -> list[str]:
    list(old_keys.batches(Policy(0, 0, 0, days)))
    return list(IdempotencyKey.objects.order_by("pk").values_list("key", flat=True))


def test_old_ones_go_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(old_keys, "BATCH", 2)
    for number in range(5):
        key(f"old{number}", 31)
    key("young", 29)
    assert left(0) == [*(f"old{number}" for number in range(5)), "young"]
    assert left(30) == ["young"]
