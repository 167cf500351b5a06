"""GET /api/tasks/: filters, order, pages, and that a longer list asks no more queries."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import make_agent, make_output_log, make_sub_agent, make_task, make_user
from tests.rest import rest

pytestmark = pytest.mark.django_db


def ids(query: str = "") -> list[int]:
    response = rest().get(f"/api/tasks/{query}")
    assert response.status_code == 200, response.content
    return [task["id"] for task in response.json()["results"]]


def test_newest_first_without_scripts() -> None:
    older, newer = make_task(), make_task("completed")
    body = rest().get("/api/tasks/").json()
    assert (body["count"], body["next"], body["previous"]) == (2, None, None)
    assert [task["id"] for task in body["results"]] == [newer.pk, older.pk]
    assert "script_content" not in body["results"][0]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?status=running", {"r"}),
        ("?status=running,waiting", {"r", "w"}),
        ("?status=running&status=waiting", {"r", "w"}),
        ("?status=", {"r", "w", "c"}),
        ("?priority=1,2", {"r", "c"}),
        ("?name=W", {"w"}),
        ("?template_type=train", {"c"}),
        ("?template_type=tra", set()),
        ("?script=CUDA", {"w"}),
        ("?script=100%25", {"c"}),
        ("?script=_", {"r"}),
        ("?agent=gpu-2", {"r", "c"}),
        ("?agent=gpu", set()),
        ("?submitted_by=bob", {"c"}),
        ("?created_after=2026-02-01T00:00:00Z", {"w", "c"}),
        ("?created_before=2026-02-01T00:00:00Z", {"r"}),
        ("?created_before=2026-02-01", {"r"}),
        ("?created_after=2026-01-15T00:00:00Z&created_before=2026-02-15T00:00:00Z", {"w"}),
        ("?status=running,waiting&priority=1", {"r"}),
    ],
)
def test_filters(query: str, names: set[str]) -> None:
    agent = make_agent("gpu-2")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    make_task("running", name="r", agent=agent, priority=1, script_content="a_b", created_time=start)
    make_task(name="w", script_content="export cuda=1", created_time=start + timedelta(days=40))
    make_task(
        "completed", name="c", agent=agent, priority=2, template_type="train", script_content="100%",
        submitted_by=make_user("bob"), created_time=start + timedelta(days=80),
    )  # fmt: skip
    assert {task["name"] for task in rest().get(f"/api/tasks/{query}").json()["results"]} == names


def test_ids_and_ranges() -> None:
    first, second, third = (make_task().pk for _ in range(3))
    assert ids(f"?id={first},{third}") == [third, first]
    assert ids(f"?id_min={second}") == [third, second]
    assert ids(f"?id_max={second}") == [second, first]
    assert ids(f"?id_min={second}&id_max={second}") == [second]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?stauts=running", "stauts"),
        ("?status=runing", "status"),
        ("?status=running,runing", "status"),
        ("?priority=9", "priority"),
        ("?id=x", "id"),
        ("?id=1,,x", "id"),
        ("?id=99999999999999999999", "id"),
        ("?id_min=-1", "id_min"),
        ("?id_max=1.5", "id_max"),
        ("?id_max=99999999999999999999", "id_max"),
        ("?created_after=yesterday", "created_after"),
        ("?ordering=secret", "ordering"),
        ("?ordering=submitted_by__password", "ordering"),
        ("?name=%00", "name"),
        ("?id=" + "1," * 600, "id"),
        ("?submitted_by__password=x", "submitted_by__password"),
    ],
)
def test_wrong_queries_are_refused_by_name(query: str, field: str) -> None:
    response = rest().get(f"/api/tasks/{query}")
    assert response.status_code == 400, response.content
    assert list(response.json()) == [field]


def test_order() -> None:
    low, high, middle = (make_task(priority=number).pk for number in (5, 1, 3))
    assert ids("?ordering=priority") == [high, middle, low]
    assert ids("?ordering=-priority") == [low, middle, high]
    assert ids("?ordering=id") == [low, high, middle]
    assert ids("?ordering=name") == [middle, high, low]  # equal names: newest first
    assert ids("?ordering=name,id") == [low, high, middle]


def test_pages() -> None:
    made = [make_task().pk for _ in range(5)]
    first = rest().get("/api/tasks/?page_size=2").json()
    assert (first["count"], len(first["results"])) == (5, 2)
    third = rest().get("/api/tasks/?page_size=2&page=3").json()
    assert [task["id"] for task in third["results"]] == [made[0]]
    assert third["next"] is None
    assert rest().get("/api/tasks/?page=9").status_code == 404


def fill(count: int) -> None:
    agent = make_agent(gpus=count)
    for gpu in agent.gpus.all():
        task = make_task(depends_on=[make_task("completed"), make_task("completed")], submitted_by=make_user())
        make_output_log(make_sub_agent(task, agent, gpus=[gpu]))
        make_task("blocked", depends_on=[make_task(), make_task()])


def queries(path: str) -> int:
    """The least of some: what is kept for a second or two is read again now and then."""
    return min(_queries(rest(), path) for _ in range(3))


def _queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_the_number_of_queries_does_not_grow() -> None:
    fill(1)
    few = queries("/api/tasks/?page_size=500")
    fill(12)
    assert queries("/api/tasks/?page_size=500") == few <= 24


@pytest.mark.parametrize("query", ["?name=a'; DROP TABLE x;--", "?agent=' OR 1=1 --", "?script=%25%27%22"])
def test_quotes_are_only_text(query: str) -> None:
    make_task()
    assert ids(query) == []


def shown(task: Any) -> dict[str, Any]:
    return rest().get(f"/api/tasks/?id={task.pk}").json()["results"][0]  # type: ignore[no-any-return]


def test_a_running_task_shows_its_place() -> None:
    agent = make_agent("gpu-2", gpus=3)
    task = make_task(gpu_count=2, cpu_cores=2)
    cards = list(agent.gpus.order_by("-index")[:2])
    make_output_log(make_sub_agent(task, agent, gpus=cards), stored_bytes=17)
    row = shown(task)
    assert (row["status"], row["agent_name"], row["agent_id"]) == ("running", "gpu-2", str(agent.pk))
    assert row["gpu_indexes"] == [1, 2]
    assert (row["log_size"], row["log_file"]) == (17, f"logs/tasks/{task.pk}/1.log")
    assert (row["attempt_no"], row["waiting_sentence"], row["end_sentence"]) == (1, "", "")


def test_badges_and_sentences() -> None:
    now = datetime.now(UTC)
    task = make_task("running", cancel_requested_at=now)
    task.sub_agents.update(unreachable_since=now)
    assert shown(task)["badges"] == ["canceling", "host unreachable"]
    assert shown(make_task("failed", exit_code=137))["end_sentence"].startswith("Exit code 137")
    assert shown(make_task())["waiting_sentence"]
