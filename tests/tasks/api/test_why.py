"""Why a task waits and where a request would start, over REST."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tasks.models import Task, TaskEvent
from tests.factories import make_agent, make_sub_agent, make_task, make_user
from tests.rest import post, rest

pytestmark = pytest.mark.django_db
KEYS = {"sentence", "starts_at", "starts_on", "basis", "ahead", "hosts"}
SCRIPT = {"name": "try", "script_content": "true\n"}


def why(task: Task) -> Any:
    response = rest().get(f"/api/tasks/{task.pk}/why/")
    assert response.status_code == 200, response.content
    return response.json()


def tried(**fields: Any) -> Any:
    return post(rest(), "/api/tasks/test/", {**SCRIPT, **fields})


def seconds_until(moment: str) -> float:
    return (datetime.fromisoformat(moment) - timezone.now()).total_seconds()


def holder(seconds: int | None, agent: Any, **fields: Any) -> Task:
    return make_sub_agent(make_task(cpu_cores=16, estimated_seconds=seconds, **fields), agent).task


def test_when_and_where_and_what_each_host_says() -> None:
    first, _ = holder(1200, make_agent("a")), holder(7200, make_agent("b"))
    make_agent("small", cpu_cores=1)
    make_agent("off", connectivity="unreachable")
    body = why(task := make_task(cpu_cores=4))
    assert set(body) == KEYS | {"task"}
    assert (body["task"], body["starts_on"], body["basis"], body["ahead"]) == (task.pk, ["a"], "from estimates", 0)
    assert 1190 < seconds_until(body["starts_at"]) < 1210
    assert f"when #{first.pk} ends" in body["sentence"]
    by_host = {row["host"]: row for row in body["hosts"]}
    assert {name: (row["fits"], row["is_final"], row["lacks"]) for name, row in by_host.items()} == {
        "a": (False, False, "cpu"),
        "b": (False, False, "cpu"),
        "small": (False, True, "cpu"),
        "off": (False, False, "host"),
    }
    assert by_host["a"]["after"] == f"#{first.pk}"
    assert 1190 < by_host["a"]["free_in_seconds"] < 1210
    assert by_host["off"]["reason"] == "is offline"


@pytest.mark.parametrize(
    ("times", "basis"),
    [
        ({"time_limit_seconds": 600}, "from time limits"),
        ({"estimated_seconds": 600}, "from estimates"),
        ({}, "unknown run times: a guess"),
    ],
)
def test_what_the_forecast_rests_on(times: dict[str, Any], basis: str) -> None:
    make_sub_agent(make_task(cpu_cores=16, **times), make_agent("a"))
    assert why(make_task())["basis"] == basis


def test_a_run_time_that_nobody_gave_is_null() -> None:
    holder(None, make_agent("a"))
    row = why(make_task())["hosts"][0]
    assert row["free_in_seconds"] is None
    assert row["after"].startswith("#")


def test_next_in_line_says_where() -> None:
    make_agent("a")
    body = why(make_task())
    assert body["sentence"] == "Next in line; it starts within a moment on a."
    assert (body["basis"], body["starts_on"]) == ("there is room now", ["a"])


def test_those_before_it_in_the_queue() -> None:
    holder(600, make_agent("a"))
    hour_ago = timezone.now() - timedelta(hours=1)
    for priority in (1, 3, 5):
        make_task(priority=priority, cpu_cores=16, waiting_since=hour_ago, estimated_seconds=60)
    body = why(make_task(cpu_cores=16))
    assert body["ahead"] == 2
    assert body["sentence"].endswith("2 tasks are before it in the queue.")
    assert 710 < seconds_until(body["starts_at"]) < 730


def test_room_that_tasks_before_it_take() -> None:
    make_agent("a")
    first = make_task(cpu_cores=16, priority=1, estimated_seconds=60)
    assert why(make_task(cpu_cores=16))["sentence"] == (
        f"There is room on a now, but it is taken by #{first.pk} before its turn comes. "
        "1 task is before it in the queue."
    )


def test_room_that_is_kept_for_one_that_waited_longer() -> None:
    host = make_agent("a")
    make_sub_agent(make_task(cpu_cores=8, estimated_seconds=600), host)
    long_ago = timezone.now() - timedelta(hours=2)
    big = make_task(cpu_cores=16, waiting_since=long_ago, estimated_seconds=60)
    small = make_task(cpu_cores=4, waiting_since=timezone.now() - timedelta(minutes=1), estimated_seconds=3600)
    body = why(small)
    assert body["sentence"].startswith(f"There is room on a, but it is kept for #{big.pk}, which has waited longer")
    assert body["starts_at"] is not None
    listed = rest().get("/api/tasks/").json()["results"]
    assert {row["id"]: row["waiting_sentence"] for row in listed}[small.pk] in body["sentence"]
    quick = why(make_task(cpu_cores=4, estimated_seconds=60))
    assert quick["sentence"] == "Next in line; it starts within a moment on a."


def test_room_for_a_gang_of_which_one_host_is_kept() -> None:
    host = make_agent("a")
    make_agent("b")
    make_sub_agent(make_task(cpu_cores=8, estimated_seconds=600), host)
    long_ago = timezone.now() - timedelta(hours=2)
    big = make_task(cpu_cores=16, hosts=["a"], waiting_since=long_ago, estimated_seconds=60)
    pair = make_task(cpu_cores=4, node_count=2, waiting_since=timezone.now() - timedelta(minutes=1))
    sentence = why(pair)["sentence"]
    assert sentence.startswith(f"There is room on a and b, but a is kept for #{big.pk}, which has waited longer")
    listed = rest().get("/api/tasks/").json()["results"]
    assert {row["id"]: row["waiting_sentence"] for row in listed}[pair.pk] in sentence


def test_a_user_who_used_much_stands_behind() -> None:
    ada, bob = make_user("ada"), make_user("bob")
    sub_agent = make_sub_agent(make_task(cpu_cores=16, submitted_by=ada, estimated_seconds=60), make_agent("a"))
    type(sub_agent.allocation).objects.update(share=1.0)
    hour_ago = timezone.now() - timedelta(hours=1)
    own = make_task(submitted_by=ada, waiting_since=hour_ago)
    make_task(submitted_by=bob)
    assert "1 task is before it in the queue, 1 of them newer: ada has used more" in why(own)["sentence"]


@pytest.mark.parametrize("status", ["running", "completed", "failed", "canceled"])
def test_nothing_to_say_of_a_task_that_does_not_wait(status: str) -> None:
    body = why(make_task(status))
    assert (body["sentence"], body["starts_at"], body["hosts"]) == ("", None, [])


def test_blocked_placed_and_waiting_to_try_again() -> None:
    make_agent("a")
    assert why(make_task("blocked"))["sentence"].startswith("Waits for #")
    assert why(make_sub_agent(state="assigned").task)["sentence"] == "Placed on a; it has not started yet."
    at = timezone.now() + timedelta(minutes=3)
    again = why(make_task(not_before=at))
    assert again["sentence"].startswith("Tries again at")
    assert 170 < seconds_until(again["starts_at"]) < 190


def test_there_is_no_such_task() -> None:
    assert rest().get("/api/tasks/77/why/").status_code == 404


def test_a_dry_run_says_where_and_queues_nothing() -> None:
    make_agent("a")
    response = tried(cpu_cores=2)
    assert response.status_code == 200, response.content
    assert set(response.json()) == KEYS
    assert response.json()["starts_on"] == ["a"]
    assert (Task.objects.count(), TaskEvent.objects.count()) == (0, 0)


def test_a_dry_run_stands_behind_those_that_wait() -> None:
    holder(600, make_agent("a"))
    make_task(cpu_cores=16, estimated_seconds=60)
    body = tried(cpu_cores=16).json()
    assert body["ahead"] == 1
    assert 650 < seconds_until(body["starts_at"]) < 670
    assert Task.objects.filter(status="waiting").count() == 1


def test_a_dry_run_of_a_deadline_goes_first() -> None:
    holder(600, make_agent("a"))
    make_task(cpu_cores=16, estimated_seconds=60)
    at = (timezone.now() + timedelta(hours=2)).isoformat()
    body = tried(cpu_cores=16, deadline_at=at, estimated_seconds=600).json()
    assert body["ahead"] == 0
    assert "has to start by" in body["sentence"]


def test_a_dry_run_waits_for_what_it_depends_on() -> None:
    make_agent("a")
    other = make_task()
    body = tried(depends_on=[other.pk]).json()
    assert body["sentence"].startswith(f"It would wait for #{other.pk} (waiting) first")
    assert body["starts_at"] is None


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"cpu_cores": -1}, "cpu_cores"),
        ({"gpu_count": 1}, "gpu_count"),
        ({"requires": "a100 &"}, "requires"),
        ({"depends_on": [99]}, "depends_on"),
        ({"colour": "red"}, "colour"),
        ({"name": ""}, "name"),
    ],
)
def test_a_dry_run_refuses_what_a_submission_would(fields: dict[str, Any], name: str) -> None:
    make_agent("a")
    response = tried(**fields)
    assert response.status_code == 400
    assert list(response.json()) == [name]
    assert post(rest(), "/api/tasks/", {**SCRIPT, **fields}).json() == response.json()
