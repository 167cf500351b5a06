"""PATCH and cancel: what may be changed while a task waits, by whom, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tasks.models import Task
from tests.factories import make_agent, make_sub_agent, make_task, make_user
from tests.rest import patch, post, rest

pytestmark = pytest.mark.django_db


def own(status: str = "waiting", **fields: Any) -> Task:
    return make_task(status, submitted_by=make_user(), **fields)


def edited(task: Task, body: Any, client: Any = None) -> Any:
    return patch(client or rest(), f"/api/tasks/{task.pk}/", body)


CHANGES = {
    "name": "renamed",
    "priority": 1,
    "cpu_cores": 2.5,
    "memory_mib": None,
    "gpu_count": 2,
    "gpu_memory": 1024,
    "script_content": "echo other\n",
    "description": "why",
    "time_limit_seconds": 60,
    "retries": 1,
    "retry_on": ["host"],
    "retry_exit_codes": [],
    "metadata": {"a": 1},
    "gpu_types": ["a100", "h100"],
    "disk_mib": 2048,
    "resources": {"matlab": 2},
    "node_count": 2,
    "whole_host": True,
    "hosts": ["gpu-1", "gpu-2"],
    "exclude_hosts": ["gpu-3"],
    "requires": "nvlink",
    "prefers": ["80gb"],
    "zone": "eu",
    "wait_for_host": True,
}


@pytest.mark.parametrize("status", ["waiting", "blocked"])
def test_everything_can_be_changed_while_it_waits(status: str) -> None:
    task = own(status, memory_mib=100)
    body = edited(task, CHANGES).json()
    assert {name: body[name] for name in CHANGES} == CHANGES


def test_what_is_not_given_stays() -> None:
    task = own(priority=2, description="keep")
    body = edited(task, {"name": "new"}).json()
    assert (body["name"], body["priority"], body["description"]) == ("new", 2, "keep")
    assert edited(task, {}).status_code == 200


def test_a_change_to_what_no_known_host_could_run_is_refused() -> None:
    make_agent("cpu-1", cpu_cores=16)
    task = own()
    assert "the nearest is cpu-1 with 16 CPU cores" in edited(task, {"cpu_cores": 17}).json()["cpu_cores"][0]
    task.refresh_from_db()
    assert task.cpu_cores == 1


def test_a_deadline_that_has_passed_stays_but_none_is_set() -> None:
    past = timezone.now() - timedelta(hours=1)
    task = own(deadline_at=past)
    assert edited(task, {"deadline_at": past.isoformat(), "priority": 1}).status_code == 200
    reply = edited(task, {"deadline_at": (past + timedelta(minutes=1)).isoformat()})
    assert (reply.status_code, list(reply.json())) == (400, ["deadline_at"])


def test_dependencies_can_be_changed() -> None:
    first, second = make_task(), make_task()
    task = own("blocked", depends_on=[first])
    body = edited(task, {"depends_on": [second.pk]}).json()
    assert [dependency["id"] for dependency in body["depends_on"]] == [second.pk]


def test_a_circle_is_refused() -> None:
    task = own()
    after = own("blocked", depends_on=[task])
    response = edited(task, {"depends_on": [after.pk]})
    assert response.status_code == 400
    assert "circle" in response.json()["depends_on"][0]


@pytest.mark.parametrize("status", ["running", "completed", "failed", "canceled"])
def test_not_once_it_left_the_queue(status: str) -> None:
    task = own(status)
    response = edited(task, {"priority": 1})
    assert response.status_code == 409
    assert status in response.json()["detail"]
    task.refresh_from_db()
    assert task.priority == 3


def test_not_once_it_is_placed() -> None:
    sub_agent = make_sub_agent(own(), state="assigned")
    assert edited(sub_agent.task, {"priority": 1}).status_code == 409


@pytest.mark.parametrize("name", ["status", "submitted_by", "agent_id", "exit_code", "template", "created_time", "nme"])
def test_only_known_fields_can_be_changed(name: str) -> None:
    assert edited(own(), {name: "x"}).json() == {name: ["unknown field"]}


@pytest.mark.parametrize("body", [{"priority": 9}, {"priority": None}, {"name": ""}, {"script_content": " "}, []])
def test_wrong_values_change_nothing(body: Any) -> None:
    task = own(priority=2)
    assert edited(task, body).status_code == 400
    task.refresh_from_db()
    assert (task.priority, task.name) == (2, "a task")


def canceled(task: Task, body: Any = None, client: Any = None) -> Any:
    return post(client or rest(), f"/api/tasks/{task.pk}/cancel/", body)


@pytest.mark.parametrize("status", ["waiting", "blocked"])
def test_cancel_before_it_starts(status: str) -> None:
    body = canceled(own(status), {"reason": "wrong data"}).json()
    assert (body["status"], body["end_reason"]) == ("canceled", "cancel")
    assert "Wrong data" in body["end_sentence"]


def test_cancel_of_a_running_task_is_asked_of_its_host() -> None:
    task = own("running")
    body = canceled(task).json()
    assert (body["status"], body["badges"]) == ("running", ["canceling"])
    assert not task.sub_agents.get().stop_now
    assert canceled(task, {"kill_now": True}).status_code == 200
    assert task.sub_agents.get().stop_now


@pytest.mark.parametrize("status", ["completed", "failed", "canceled"])
def test_an_ended_task_cannot_be_canceled(status: str) -> None:
    response = canceled(own(status))
    assert response.status_code == 409
    assert response.json()["status"] == status


@pytest.mark.parametrize("body", [{"reson": "x"}, {"kill_now": "yes"}, {"reason": 5}, {"reason": "x" * 301}, []])
def test_wrong_wishes_cancel_nothing(body: Any) -> None:
    task = own()
    assert canceled(task, body).status_code == 400
    task.refresh_from_db()
    assert task.status == "waiting"


def test_strangers_may_read_but_not_change() -> None:
    task = own()
    bob, staff = rest("bob"), rest("root", is_staff=True)
    assert bob.get(f"/api/tasks/{task.pk}/").status_code == 200
    assert edited(task, {"priority": 1}, bob).status_code == 403
    assert canceled(task, client=bob).status_code == 403
    task.refresh_from_db()
    assert (task.status, task.priority) == ("waiting", 3)
    assert edited(task, {"priority": 1}, staff).status_code == 200
    assert canceled(task, client=staff).status_code == 200


def test_a_task_of_nobody_is_staff_business() -> None:
    assert canceled(make_task()).status_code == 403


@pytest.mark.parametrize("method", ["put", "delete"])
def test_tasks_are_neither_replaced_nor_deleted(method: str) -> None:
    response = getattr(rest(is_staff=True), method)(f"/api/tasks/{own().pk}/", {}, content_type="application/json")
    assert response.status_code == 405


def test_no_change_by_get() -> None:
    assert rest().get(f"/api/tasks/{own('running', agent=make_agent()).pk}/cancel/").status_code == 405


@pytest.mark.parametrize("path", ["/api/tasks/999/", "/api/tasks/999/cancel/"])
def test_unknown_tasks(path: str) -> None:
    client = rest(is_staff=True)
    response = post(client, path) if "cancel" in path else patch(client, path, {})
    assert response.status_code == 404
    assert response.json()["detail"] == "There is no task 999."
