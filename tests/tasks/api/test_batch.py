"""POST tasks/batch: all or none, with dependencies among each other, and once for one key."""

from typing import Any

import pytest

from scheduler_site.shared.roles import Role
from tasks.batch import MOST_TASKS
from tasks.models import Dependency, IdempotencyKey, Task
from tests.factories import make_agent, make_task, make_user_of
from tests.rest import rest

pytestmark = pytest.mark.django_db

ONE: dict[str, Any] = {"name": "one", "script_content": "true\n"}


def post(tasks: Any, client: Any = None, **headers: str) -> Any:
    return (client or rest()).post("/api/tasks/batch/", {"tasks": tasks}, content_type="application/json", **headers)


def test_the_tasks_are_made_in_their_order() -> None:
    reply = post([{**ONE, "name": f"task {number}", "priority": 1 + number % 5} for number in range(250)])
    assert reply.status_code == 201
    ids = reply.json()["ids"]
    assert ids == sorted(ids)
    made = Task.objects.in_bulk(ids)
    assert [made[pk].name for pk in ids] == [f"task {number}" for number in range(250)]
    assert all(made[pk].status == "waiting" and made[pk].lane for pk in ids)
    assert all(task.events.get().verb == "submitted" for task in made.values())


def test_a_task_of_a_batch_is_like_one_that_came_alone() -> None:
    fields = {**ONE, "cpu_cores": 0.5, "environment": {"A": "1"}, "retries": 2, "priority": 2}
    client = rest()
    (batched,) = post([fields], client).json()["ids"]
    alone = client.post("/api/tasks/", fields, content_type="application/json").json()["id"]
    both = [client.get(f"/api/tasks/{pk}/").json() for pk in (batched, alone)]
    for reply in both:
        del reply["id"], reply["created_time"]
    assert both[0] == both[1]


def test_one_that_is_wrong_refuses_all_and_is_named() -> None:
    make_agent(cpu_cores=4)
    reply = post([ONE, {**ONE, "cpu_cores": 64}, {**ONE, "memory_mib": 0}, {"script_content": "x"}, {**ONE, "nme": 1}])
    assert reply.status_code == 400
    assert set(reply.json()["tasks"]) == {"2", "3", "4"}
    reply = post([ONE, {**ONE, "cpu_cores": 64}])
    assert "cpu_cores" in reply.json()["tasks"]["1"]
    assert not Task.objects.exists()


def test_they_may_depend_on_earlier_ones_and_on_older_tasks() -> None:
    older = make_task("running")
    first, chain, join = post(
        [
            ONE,
            {**ONE, "depends_on": [{"index": 0}]},
            {**ONE, "depends_on": [{"index": 0, "kind": "afterany"}, {"index": 1}, older.pk]},
        ]
    ).json()["ids"]
    edges = set(Dependency.objects.values_list("task_id", "depends_on_id", "kind"))
    assert edges == {
        (chain, first, "afterok"),
        (join, first, "afterany"),
        (join, chain, "afterok"),
        (join, older.pk, "afterok"),
    }
    states = dict(Task.objects.values_list("pk", "status"))
    assert [states[pk] for pk in (first, chain, join)] == ["waiting", "blocked", "blocked"]
    assert Task.objects.get(pk=join).unmet == 3


@pytest.mark.parametrize(
    "depends_on",
    [
        [{"index": 1}],
        [{"index": 2}],
        [{"index": -1}],
        [{"index": True}],
        [{"index": 0, "id": 3}],
        [{"index": 0, "kind": "x"}],
    ],
)
def test_an_index_that_is_not_an_earlier_one_is_refused(depends_on: Any) -> None:
    reply = post([ONE, {**ONE, "depends_on": depends_on}])
    assert reply.status_code == 400
    assert "depends_on" in reply.json()["tasks"]["1"]
    assert not Task.objects.exists()


def test_a_task_that_is_missing_refuses_all() -> None:
    reply = post([ONE, {**ONE, "depends_on": [4711]}])
    assert reply.json() == {"tasks": {"1": {"depends_on": ["Task 4711 does not exist."]}}}
    assert not Task.objects.exists()


@pytest.mark.parametrize("tasks", [None, [], {}, "x", [1], [[]], [None], [ONE] * (MOST_TASKS + 1)])
def test_what_is_no_batch_is_refused(tasks: Any) -> None:
    assert post(tasks).status_code == 400
    assert not Task.objects.exists()


def test_the_same_key_makes_it_once() -> None:
    client = rest()
    wanted = [{**ONE, "name": str(number)} for number in range(5)]
    first = post(wanted, client, HTTP_IDEMPOTENCY_KEY="k" * 200)
    again = post(wanted, client, HTTP_IDEMPOTENCY_KEY="k" * 200)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert Task.objects.count() == 5
    assert post(wanted[:4], client, HTTP_IDEMPOTENCY_KEY="k" * 200).status_code == 409
    alone = client.post("/api/tasks/", ONE, content_type="application/json", HTTP_IDEMPOTENCY_KEY="k" * 200)
    assert alone.status_code == 409
    assert post(wanted, client, HTTP_IDEMPOTENCY_KEY="k" * 201).status_code == 400
    assert IdempotencyKey.objects.count() == 5


def test_who_may_not_submit_may_not_submit_many() -> None:
    assert post([ONE], rest(make_user_of(Role.VIEWER).username)).status_code == 403
    assert not Task.objects.exists()
