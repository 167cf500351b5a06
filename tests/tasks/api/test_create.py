"""POST /api/tasks/: what is taken, what is refused, and that a request sent twice makes one task."""

from typing import Any

import pytest

from tasks.models import Task
from tests.factories import make_agent, make_task, make_template, make_user
from tests.rest import post, rest

pytestmark = pytest.mark.django_db

GOOD = {"name": "train", "script_content": "python train.py\n"}
FULL = {
    **GOOD,
    "description": "the big one",
    "template_type": "training",
    "environment": {"SEED": "1"},
    "working_directory": "/data/run 1",
    "split_output": True,
    "metadata": {"grid": [1, 2.5, {"lr": None}]},
    "priority": 1,
    "cpu_cores": 0.5,
    "memory_mib": 2048,
    "gpu_count": 1,
    "gpu_memory": 16384,
    "gpu_share": True,
    "gpu_types": ["a100"],
    "disk_mib": 1024,
    "resources": {"matlab": 1},
    "node_count": 1,
    "whole_host": True,
    "hosts": ["gpu-1"],
    "exclude_hosts": ["gpu-2"],
    "pool": "",
    "requires": "a100 & !old",
    "prefers": ["nvlink"],
    "zone": "eu/berlin",
    "reservation": None,
    "wait_for_host": True,
    "estimated_seconds": 60,
    "time_limit_seconds": 3600,
    "grace_seconds": 5,
    "retries": 2,
    "retry_on": ["script", "oom"],
    "retry_exit_codes": [75, 137],
    "on_host_loss": "failover",
    "oom_memory_factor": 1.5,
    "oom_exclusive": False,
    "deadline_at": "2099-01-01T00:00:00Z",
}


def created(body: Any, **options: Any) -> Any:
    response = post(rest(), "/api/tasks/", body, **options)
    assert response.status_code == 201, response.content
    return response.json()


def refused(body: Any) -> Any:
    count = Task.objects.count()
    response = post(rest(), "/api/tasks/", body)
    assert response.status_code == 400, response.content
    assert Task.objects.count() == count
    return response.json()


def test_the_least_that_makes_a_task() -> None:
    response = post(rest(), "/api/tasks/", GOOD)
    task = response.json()
    assert response["Location"] == f"/api/tasks/{task['id']}/"
    wanted = {"status": "waiting", "priority": 3, "cpu_cores": 1, "retries": 0, "submitted_by": "ada", "gpu_count": 0}
    assert {name: task[name] for name in wanted} == wanted
    assert isinstance(task["cpu_cores"], int)
    assert task["script_content"] == "python train.py\n"


def test_every_field_comes_back_as_it_was_sent() -> None:
    task = created(FULL)
    assert {name: task[name] for name in FULL} == FULL


def test_what_no_known_host_could_run_is_refused_with_the_nearest() -> None:
    make_agent("gpu-2", gpus=4, gpu_memory_mib=49152)
    body = {**GOOD, "gpu_count": 2, "gpu_memory": 102400}
    sentences = refused(body)["gpu_memory"]
    assert "No known host has 2 GPUs of 100 GiB; the nearest is gpu-2 with 4 GPUs of 48 GiB" in sentences[0]
    assert "wait_for_host" in sentences[1]
    assert created({**body, "wait_for_host": True})["wait_for_host"]


def test_scripts_are_kept_byte_for_byte() -> None:
    script = "  \n#!/bin/bash\r\necho 'é \U0001f600'\t \n\n"
    assert created({**GOOD, "script_content": script})["script_content"] == script


def test_dependencies_by_id_and_kind() -> None:
    done, first, second = make_task("completed"), make_task(name="first"), make_task()
    body = {**GOOD, "depends_on": [done.pk, first.pk, {"id": second.pk, "kind": "afterany"}]}
    task = created(body)
    assert task["status"] == "blocked"
    assert task["depends_on"][1] == {"id": first.pk, "kind": "afterok", "status": "waiting", "name": "first"}
    assert task["depends_on"][2]["kind"] == "afterany"
    assert f"#{first.pk}" in task["waiting_sentence"]


@pytest.mark.parametrize("chosen", ["name", "id"])
def test_a_template_fills_what_is_left_out(chosen: str) -> None:
    template = make_template("train", script_content="echo template\n", priority=2, cpu_cores=4)
    task = created({"name": "x", "template": getattr(template, "pk" if chosen == "id" else "name"), "cpu_cores": 2})
    assert task["script_content"] == "echo template\n"
    assert (task["priority"], task["cpu_cores"]) == (2, 2)
    assert (task["template_type"], task["template_version"]) == ("train", "train v1")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"script_content": ""}, "script_content"),
        ({"script_content": None}, "script_content"),
        ({"script_content": "a\0b"}, "script_content"),
        ({"script_content": "x" * ((1 << 20) + 1)}, "script_content"),
        ({"priority": 0}, "priority"),
        ({"priority": 6}, "priority"),
        ({"priority": True}, "priority"),
        ({"priority": "3"}, "priority"),
        ({"priority": 2.5}, "priority"),
        ({"cpu_cores": -1}, "cpu_cores"),
        ({"cpu_cores": True}, "cpu_cores"),
        ({"cpu_cores": "2"}, "cpu_cores"),
        ({"cpu_cores": 1e300}, "cpu_cores"),
        ({"cpu_cores": 0.125}, "cpu_cores"),
        ({"memory_mib": -1}, "memory_mib"),
        ({"memory_mib": 10**30}, "memory_mib"),
        ({"gpu_count": -1}, "gpu_count"),
        ({"gpu_count": None}, "gpu_count"),
        ({"gpu_memory": 16384}, "gpu_memory"),
        ({"gpu_share": 1}, "gpu_share"),
        ({"gpu_types": "a100"}, "gpu_types"),
        ({"gpu_types": [1]}, "gpu_types"),
        ({"gpu_types": [""], "gpu_count": 1}, "gpu_types"),
        ({"gpu_types": ["a100"]}, "gpu_types"),
        ({"disk_mib": 0}, "disk_mib"),
        ({"disk_mib": 1.5}, "disk_mib"),
        ({"disk_mib": True}, "disk_mib"),
        ({"disk_mib": 10**30}, "disk_mib"),
        ({"resources": ["matlab"]}, "resources"),
        ({"resources": {"matlab": True}}, "resources"),
        ({"resources": {"matlab": 0.5}}, "resources"),
        ({"resources": {"matlab": -1}}, "resources"),
        ({"resources": {"mat lab": 1}}, "resources"),
        ({"node_count": 0}, "node_count"),
        ({"node_count": 65}, "node_count"),
        ({"node_count": False}, "node_count"),
        ({"node_count": None}, "node_count"),
        ({"whole_host": 1}, "whole_host"),
        ({"hosts": "gpu-1"}, "hosts"),
        ({"hosts": [None]}, "hosts"),
        ({"exclude_hosts": ["x" * 121]}, "exclude_hosts"),
        ({"hosts": ["a"], "exclude_hosts": ["a"]}, "exclude_hosts"),
        ({"pool": "nowhere"}, "pool"),
        ({"pool": None}, "pool"),
        ({"requires": "a100 &"}, "requires"),
        ({"requires": "(&a100)"}, "requires"),
        ({"requires": "a" * 501}, "requires"),
        ({"prefers": "nvlink"}, "prefers"),
        ({"prefers": ["(nvlink"]}, "prefers"),
        ({"zone": 5}, "zone"),
        ({"reservation": 99}, "reservation"),
        ({"reservation": "5"}, "reservation"),
        ({"reservation": True}, "reservation"),
        ({"wait_for_host": "yes"}, "wait_for_host"),
        ({"on_host_loss": "explode"}, "on_host_loss"),
        ({"on_host_loss": 1}, "on_host_loss"),
        ({"retries": 10**9}, "retries"),
        ({"retries": 1, "retry_on": ["everything"]}, "retry_on"),
        ({"retries": 1, "retry_on": "oom"}, "retry_on"),
        ({"retry_on": ["oom"]}, "retries"),
        ({"oom_memory_factor": 1.5}, "retries"),
        ({"retries": 1, "oom_memory_factor": 1}, "oom_memory_factor"),
        ({"retries": 1, "oom_memory_factor": "2"}, "oom_memory_factor"),
        ({"retries": 1, "oom_memory_factor": 2, "retry_on": ["host"]}, "oom_memory_factor"),
        ({"retries": 1, "oom_exclusive": True}, "oom_exclusive"),
        ({"retries": 1, "retry_exit_codes": [0]}, "retry_exit_codes"),
        ({"retries": 1, "retry_on": ["oom"], "retry_exit_codes": [3]}, "retry_exit_codes"),
        ({"time_limit_seconds": 0}, "time_limit_seconds"),
        ({"deadline_at": "tomorrow"}, "deadline_at"),
        ({"deadline_at": "0001-01-01T00:00:00Z", "time_limit_seconds": 3600}, "deadline_at"),
        ({"deadline_at": "9999-12-31T23:59:59Z"}, "deadline_at"),
        ({"deadline_at": "2020-01-01T00:00:00Z"}, "deadline_at"),
        ({"environment": {"A": 1}}, "environment"),
        ({"environment": {"1A": "x"}}, "environment"),
        ({"environment": ["A=1"]}, "environment"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": "\ud800"}}, "metadata"),
        ({"working_directory": "data"}, "working_directory"),
        ({"template": "no such"}, "template"),
        ({"template": True}, "template"),
        ({"template": "\ud800"}, "template"),
        ({"template": "a\0b"}, "template"),
        ({"depends_on": 12}, "depends_on"),
        ({"depends_on": [True]}, "depends_on"),
        ({"depends_on": ["12"]}, "depends_on"),
        ({"depends_on": [0]}, "depends_on"),
        ({"depends_on": [10**30]}, "depends_on"),
        ({"depends_on": [987654]}, "depends_on"),
        ({"depends_on": [{"id": 1, "kind": "before"}]}, "depends_on"),
        ({"depends_on": [{"id": 1, "kin": "afterok"}]}, "depends_on"),
        ({"depends_on": list(range(1, 1002))}, "depends_on"),
    ],
)
def test_wrong_values_are_refused_by_field(change: dict[str, Any], field: str) -> None:
    errors = refused({**GOOD, **change})
    assert list(errors) == [field]


READ_ONLY = ("id", "status", "agent_id", "created_time", "exit_code", "submitted_by", "attempt_no", "current_fence")


@pytest.mark.parametrize("field", [*READ_ONLY, "scrip_content", ""])
def test_unknown_and_read_only_fields_are_refused(field: str) -> None:
    assert refused({**GOOD, field: 1}) == {field: ["unknown field"]}


def test_all_wrong_fields_are_named_at_once() -> None:
    assert set(refused({"nam": "x", "priority": 9})) == {"nam", "name", "priority"}


def test_a_missing_script_is_named() -> None:
    assert list(refused({"name": "x"})) == ["script_content"]


@pytest.mark.parametrize(
    "body", [b"{", b"[" * 100_000, b'{"name": NaN}', b'{"cpu_cores": 1e999}', b"\xff", b"[]", b"null"]
)
def test_bodies_that_are_no_good_json(body: bytes) -> None:
    response = rest().post("/api/tasks/", body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()


def test_forms_are_not_json() -> None:
    assert rest().post("/api/tasks/", GOOD).status_code == 415


@pytest.mark.matrix(45)
@pytest.mark.parametrize(
    ("environment", "is_taken"),
    [
        ({f"NAME_{number}": "x" * 100 for number in range(1000)}, True),
        ({f"NAME_{number}": "x" for number in range(10_000)}, False),
        ({"BIG": "x" * (131_071 - len("BIG="))}, True),
        ({"BIG": "x" * 131_072}, False),
        ({"A": "x" * 131_000, "B": "x" * 131_000, "C": "x" * 1000}, False),
    ],
    ids=["1,000", "10,000", "just fits", "one too large", "together too large"],
)
def test_a_huge_environment_is_taken_or_refused_as_a_whole(environment: dict[str, str], is_taken: bool) -> None:
    body = {**GOOD, "environment": environment}
    if is_taken:
        assert created(body)["environment"] == environment
    else:
        assert list(refused(body)) == ["environment"]


KEY = {"HTTP_IDEMPOTENCY_KEY": "key-1"}


def test_the_same_key_and_body_make_one_task() -> None:
    first = created(GOOD, **KEY)
    assert created(GOOD, **KEY)["id"] == first["id"]
    assert created(GOOD)["id"] != first["id"]
    assert Task.objects.count() == 2


def test_the_same_key_with_another_body_is_a_conflict() -> None:
    created(GOOD, **KEY)
    response = post(rest(), "/api/tasks/", {**GOOD, "name": "other"}, **KEY)
    assert response.status_code == 409
    assert "key-1" in response.json()["detail"]
    assert Task.objects.count() == 1


def test_keys_belong_to_their_user() -> None:
    first = created(GOOD, **KEY)
    make_user("bob")
    assert post(rest("bob"), "/api/tasks/", GOOD, **KEY).json()["id"] != first["id"]


def test_keys_have_a_length() -> None:
    response = post(rest(), "/api/tasks/", GOOD, HTTP_IDEMPOTENCY_KEY="k" * 201)
    assert response.status_code == 400
    assert list(response.json()) == ["Idempotency-Key"]


def test_hostile_text_comes_back_as_data() -> None:
    name = "<script>alert(1)</script>{{7*7}} %s"
    response = post(rest(), "/api/tasks/", {**GOOD, "name": name})
    assert response.json()["name"] == name
    assert response["Content-Type"] == "application/json"
    assert response["X-Content-Type-Options"] == "nosniff"
