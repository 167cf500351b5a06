"""The lanes of the queue as they are read while others write."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.scheduling.rows import lanes
from tests.factories import make_task

pytestmark = pytest.mark.django_db
NOBODY: frozenset[str] = frozenset()


def read(found: list[lanes.Lane]) -> list[list[int]]:
    """The ids of each lane, as far as it goes."""
    return [[request.id for _, request in [*lane.first, *lane.more(), *lane.more()]] for lane in found]


def test_alike_tasks_stand_behind_each_other_oldest_first() -> None:
    now = timezone.now()
    first, second = make_task(waiting_since=now), make_task(waiting_since=now - timedelta(hours=1))
    other = make_task(cpu_cores=2)
    assert read(lanes.load(lanes.heads(timezone.now()), timezone.now(), NOBODY)) == [[second.pk, first.pk], [other.pk]]


def test_a_task_that_blocks_between_two_reads_is_left_out() -> None:
    """Its row says nothing any more of since when it waits."""
    before, task = make_task("running"), make_task(cpu_cores=2)
    stays = make_task()
    heads = lanes.heads(timezone.now())
    lifecycle.depend_on(task.pk, [(before, "afterok")], actor=SYSTEM)
    assert read(lanes.load(heads, timezone.now(), NOBODY)) == [[stays.pk]]


def test_more_of_a_lane_is_read_behind_what_was_read() -> None:
    ids = [make_task().pk for _ in range(lanes.FIRST_CHUNK + lanes.CHUNK + 3)]
    first = 1 + lanes.FIRST_CHUNK
    (lane,) = lanes.load(lanes.heads(timezone.now()), timezone.now(), NOBODY)
    assert [request.id for _, request in lane.first] == ids[:1]
    assert [request.id for _, request in lane.more()] == ids[1:first]
    assert [request.id for _, request in lane.more()] == ids[first : first + lanes.CHUNK]
    assert [request.id for _, request in lane.more()] == ids[first + lanes.CHUNK :]
    assert list(lane.more()) == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps its statistics by itself")
def test_lanes_are_found_by_their_index_on_a_database_without_statistics() -> None:
    """By that of statuses each lane costs a look at all that wait: minutes for 20,000 different tasks."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + lanes.heads_query(), [timezone.now()])
        steps = [row[-1] for row in cursor.fetchall()]
    assert [step for step in steps if "task_by_status" in step] == []
    assert sum("task_queue" in step for step in steps) == 3
