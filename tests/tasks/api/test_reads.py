"""Detail, ids, attempts, history, overview and the tree of hosts."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tests.factories import make_agent, make_output_log, make_sub_agent, make_task, make_user
from tests.rest import post, rest

pytestmark = pytest.mark.django_db

DETAIL_KEYS = {
    *("id", "name", "description", "template_type", "template_version", "priority"),
    *("status", "badges", "depends_on", "created_time", "start_time", "end_time"),
    *("execution_time", "script_content", "environment", "working_directory", "split_output", "metadata"),
    *("cpu_cores", "memory_mib", "gpu_count", "gpu_memory", "gpu_share", "estimated_seconds"),
    *("gpu_types", "disk_mib", "resources", "node_count", "whole_host", "hosts", "exclude_hosts", "pool"),
    *("retry_on", "retry_exit_codes", "avoid_hosts", "oom_memory_factor", "oom_exclusive", "grown"),
    *("requires", "prefers", "zone", "reservation", "wait_for_host", "on_host_loss", "failovers"),
    *("time_limit_seconds", "grace_seconds", "retries", "retries_used", "deadline_at", "agent_id"),
    *("agent_name", "gpu_indexes", "log_file", "log_size", "end_reason", "end_sentence"),
    *("exit_code", "exit_signal", "result", "waiting_sentence", "held_at", "held_reason", "attempt_no", "submitted_by"),
}


def get(path: str) -> Any:
    response = rest().get(path)
    assert response.status_code == 200, response.content
    return response.json()


@pytest.mark.parametrize("status", ["blocked", "waiting", "running", "completed", "failed", "canceled"])
def test_detail_in_every_status(status: str) -> None:
    task = make_task(status)
    body = get(f"/api/tasks/{task.pk}/")
    assert set(body) == DETAIL_KEYS
    assert (body["id"], body["status"]) == (task.pk, status)
    assert bool(body["waiting_sentence"]) == (status in ("blocked", "waiting"))
    assert bool(body["end_sentence"]) == (status in ("completed", "failed", "canceled"))


def test_list_rows_are_details_without_the_script() -> None:
    make_task()
    assert set(get("/api/tasks/")["results"][0]) == DETAIL_KEYS - {"script_content"}


@pytest.mark.parametrize("value", [None, 0, "text", [1, {"a": None}], {"accuracy": 0.5}])
def test_results_of_any_shape(value: Any) -> None:
    assert get(f"/api/tasks/{make_task('completed', result=value).pk}/")["result"] == value


def test_unknown_tasks() -> None:
    response = rest().get("/api/tasks/999/")
    assert response.status_code == 404
    assert response.json() == {"detail": "There is no task 999.", "code": "not_found"}


def test_ids_since() -> None:
    made = [make_task().pk for _ in range(3)]
    assert get("/api/tasks/ids/") == {"ids": made, "max_id": made[2]}
    assert get(f"/api/tasks/ids/?since={made[0]}") == {"ids": made[1:], "max_id": made[2]}
    assert get(f"/api/tasks/ids/?since={made[2]}") == {"ids": [], "max_id": made[2]}


def test_ids_of_nothing() -> None:
    assert get("/api/tasks/ids/") == {"ids": [], "max_id": 0}


@pytest.mark.parametrize("query", ["?since=x", "?since=-1", "?since=99999999999999999999", "?sinc=1"])
def test_wrong_ids_queries(query: str) -> None:
    assert rest().get(f"/api/tasks/ids/{query}").status_code == 400


def test_attempts_latest_first() -> None:
    task, agent = make_task(), make_agent("gpu-2", gpus=1)
    make_sub_agent(task, agent, state="lost", end_reason="host_lost", exit_code=None)
    latest = make_sub_agent(task, agent, gpus=list(agent.gpus.all()))
    make_output_log(latest, stored_bytes=5)
    body = get(f"/api/tasks/{task.pk}/sub-agents/")
    assert [(row["attempt_no"], row["state"], row["end_reason"]) for row in body["results"]] == [
        (2, "running", ""),
        (1, "lost", "host_lost"),
    ]
    assert body["results"][0]["agent_name"] == "gpu-2"
    assert body["results"][0]["gpu_indexes"] == [0]
    assert body["results"][0]["logs"] == [{"stream": "out", "size": 5, "state": "open", "sha256": "", "gaps": []}]
    assert not {"claim_nonce", "fence", "digest"} & set(body["results"][0])


def test_history_oldest_first() -> None:
    user = make_user()
    made = post(rest(), "/api/tasks/", {"name": "x", "script_content": "true"}).json()
    post(rest(), f"/api/tasks/{made['id']}/cancel/", {"reason": "no more"})
    rows = get(f"/api/tasks/{made['id']}/events/")["results"]
    assert [row["verb"] for row in rows] == ["submitted", "ended"]
    assert rows[1]["actor_name"] == user.username
    assert (rows[1]["from_state"], rows[1]["to_state"], rows[1]["reason"]) == ("waiting", "canceled", "no more")


def test_overview_counts() -> None:
    gpu_host = make_agent("gpu", gpus=4, cpu_cores=8)
    make_agent("dark", gpus=8, connectivity="unreachable")
    make_agent("retired", gpus=8, standing="deactivated")
    make_sub_agent(make_task(cpu_cores=1.5), gpu_host, gpus=list(gpu_host.gpus.all()[:3]))
    make_sub_agent(make_task("failed", agent=gpu_host), gpu_host, state="failed", gpus=list(gpu_host.gpus.all()))
    make_task("failed", agent=gpu_host, end_time=timezone.now() - timedelta(hours=30))
    make_task("blocked")
    body = get("/api/overview/")
    assert body["tasks"] == {"blocked": 1, "waiting": 1, "running": 1, "completed": 0, "failed": 2, "canceled": 0}
    assert body["failed_24h"] == 1
    assert body["gpus"] == {"in_use": 3, "total": 4}
    assert body["cpu_cores"] == {"in_use": 1.5, "total": 8}
    assert body["agents"] == {"online": 2, "offline": 1}


def test_overview_of_nothing() -> None:
    body = get("/api/overview/")
    assert set(body["tasks"].values()) == {0}
    assert body["gpus"] == body["cpu_cores"] == {"in_use": 0, "total": 0}


def test_a_shared_card_counts_once() -> None:
    agent = make_agent(gpus=1)
    for _ in range(2):
        sub_agent = make_sub_agent(make_task(), agent)
        sub_agent.allocation.gpus.create(gpu=agent.gpus.get(), memory_mib=1000, is_shared=True)
    assert get("/api/overview/")["gpus"] == {"in_use": 1, "total": 1}


def test_the_tree_of_hosts() -> None:
    agent = make_agent("gpu-2", gpus=2, cpu_cores=8)
    sub_agent = make_sub_agent(make_task(name="train", cpu_cores=2), agent, gpus=list(agent.gpus.all()[:1]))
    make_agent("b-idle")
    results = get("/api/agents/")["results"]
    assert [host["name"] for host in results] == ["b-idle", "gpu-2"]
    host = results[1]
    assert (host["cpu_cores"], host["cpu_cores_in_use"], host["available_cpu_cores"]) == (8, 2, 6)
    assert [card["task_ids"] for card in host["gpu_info"]] == [[sub_agent.task_id], []]
    assert [(row["task_name"], row["state"]) for row in host["sub_agents"]] == [("train", "running")]
    assert get(f"/api/agents/{agent.pk}/") == host


def test_unknown_hosts() -> None:
    path = "/api/agents/00000000-0000-0000-0000-000000000000/"
    assert rest().get(path).status_code == rest().get(path + "events/").status_code == 404


def queries(path: str) -> int:
    client = rest()
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_the_number_of_queries_does_not_grow() -> None:
    def grow() -> None:
        agent = make_agent(gpus=4)
        for gpu in agent.gpus.all():
            make_sub_agent(make_task(), agent, gpus=[gpu])

    grow()
    task = make_task()
    paths = ["/api/agents/", "/api/overview/", f"/api/tasks/{task.pk}/sub-agents/", f"/api/tasks/{task.pk}/events/"]
    few = [queries(path) for path in paths]
    for _ in range(5):
        grow()
        lifecycle.edit(task.pk, {"priority": 2}, actor=SYSTEM)
        make_output_log(make_sub_agent(task, state="failed"))
    for path, count in zip(paths, few, strict=True):
        assert queries(path) <= count + 3, path  # loading what belongs to no row at all was skipped before
