"""How many stand before a task: what the database counts against the order itself."""

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from tasks.models import Task
from tasks.scheduling import order
from tasks.scheduling.explaining import standing
from tasks.scheduling.order import Claim
from tests.factories import make_task, make_user

pytestmark = pytest.mark.django_db
AGEING_HOURS = 24.0


@pytest.mark.parametrize("seed", range(12))
def test_as_many_as_come_first_by_the_order(seed: int) -> None:
    draw, now = random.Random(seed), timezone.now()
    users = [make_user(name) for name in ("ada", "bob", "cy")] + [None]
    used = {users[0].pk: 0.5, users[1].pk: 0.5, None: 0.2}
    for _ in range(25):
        deadline = now + timedelta(hours=draw.choice([-2, 3, 9, 90])) if draw.random() < 0.3 else None
        make_task(
            priority=draw.randint(1, 5),
            submitted_by=draw.choice(users),
            waiting_since=now - timedelta(hours=draw.choice([0, 1, 2, 30, 60, 200])),
            deadline_at=deadline,
            start_by=deadline,
        )
    rows = list(Task.objects.all())
    keys = {row.pk: _key(row, now, used) for row in rows}
    for row in rows:
        if keys[row.pk][1]:  # of pressing ones with the same latest start, none counts as before
            found = standing.of(row, now, used, AGEING_HOURS)
            assert found.ahead == sum(key < keys[row.pk] for key in keys.values())


def _key(row: Task, now, used):  # type: ignore[no-untyped-def]
    waited = (now - row.waiting_since).total_seconds()
    start_in = (row.start_by - now).total_seconds() if row.start_by else None
    return order.key(Claim(row.pk, row.priority, waited, start_in), used.get(row.submitted_by_id, 0.0), AGEING_HOURS)


def test_a_pressing_deadline_counts_only_earlier_ones_of_its_step() -> None:
    now = timezone.now()
    for hours in (1, 2, 3):
        at = now + timedelta(hours=hours)
        make_task(deadline_at=at, waiting_since=now)
    make_task(waiting_since=now)
    make_task(priority=1, waiting_since=now)
    second = Task.objects.get(deadline_at=now + timedelta(hours=2))
    assert standing.of(second, now, {}, AGEING_HOURS) == standing.Standing(2, 0)


def test_one_that_is_only_asked_about_stands_behind_its_equals() -> None:
    now = timezone.now()
    make_task(waiting_since=now)
    make_task(priority=5, waiting_since=now)
    assert standing.of(Task(priority=3), now, {}, AGEING_HOURS).ahead == 1


def test_newer_tasks_of_users_who_used_less() -> None:
    now, ada, bob = timezone.now(), make_user("ada"), make_user("bob")
    make_task(submitted_by=bob, waiting_since=now - timedelta(hours=3))
    own = make_task(submitted_by=ada, waiting_since=now - timedelta(hours=2))
    make_task(submitted_by=bob, waiting_since=now - timedelta(hours=1))
    assert standing.of(own, now, {ada.pk: 0.3}, AGEING_HOURS) == standing.Standing(2, 1)
    assert standing.of(own, now, {}, AGEING_HOURS) == standing.Standing(1, 0)
