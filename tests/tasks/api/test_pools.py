"""Pools over REST: what they hold, what is free, who may change them, what is refused."""

from decimal import Decimal
from typing import Any

import pytest

from agents.models import AgentEvent, Gpu, Pool
from tests.factories import make_agent, make_gpu, make_sub_agent, make_task
from tests.rest import patch, post, rest

pytestmark = pytest.mark.django_db


def staff() -> Any:
    return rest("root", is_staff=True)


def made(**fields: Any) -> Any:
    return post(staff(), "/api/pools/", {"name": "fast", **fields})


def one() -> dict[str, Any]:
    body: dict[str, Any] = rest().get("/api/pools/fast/").json()
    return body


def test_a_pool_is_made_and_found() -> None:
    make_agent("gpu-1")
    reply = made(description="new cards", policy="best_fit", members=["gpu-1"])
    assert (reply.status_code, reply["Location"]) == (201, "/api/pools/fast/")
    assert reply.json() == one() == rest().get("/api/pools/").json()["results"][0]
    assert (one()["policy"], one()["members"], one()["description"]) == ("best_fit", ["gpu-1"], "new cards")


def test_it_shows_what_its_hosts_hold_and_what_is_free() -> None:
    busy = make_agent("gpu-1", cpu_cores=Decimal(8), memory_mib=4096)
    make_agent("cpu-1", cpu_cores=Decimal("4.5"), memory_mib=2048)
    make_agent("elsewhere", gpus=8)
    first = make_gpu(busy, index=0, name="NVIDIA A100", memory_mib=40960)
    make_gpu(busy, index=1, name="NVIDIA A100", memory_mib=40960)
    make_gpu(busy, index=2, name="Tesla T4", memory_mib=16384)
    make_sub_agent(make_task(cpu_cores=Decimal(2), memory_mib=1024, gpu_count=1), busy, gpus=[first])
    made(members=["gpu-1", "cpu-1"])
    pool = one()
    assert (pool["hosts"], pool["hosts_ready"]) == (2, 2)
    assert (pool["cpu_cores"], pool["available_cpu_cores"]) == (12.5, 10.5)
    assert (pool["memory_mib"], pool["available_memory_mib"]) == (6144, 5120)
    assert (pool["gpu_memory_mib"], pool["available_gpu_memory_mib"]) == (98304, 57344)
    assert pool["gpus"] == [
        {"name": "NVIDIA A100", "total": 2, "free": 1},
        {"name": "Tesla T4", "total": 1, "free": 1},
    ]


@pytest.mark.parametrize("away", [{"connectivity": "unreachable"}, {"standing": "paused"}, {"accepts_work": False}])
def test_of_a_host_that_gets_no_work_nothing_is_free(away: dict[str, Any]) -> None:
    make_agent("gpu-1", gpus=2, **away)
    made(members=["gpu-1"])
    pool = one()
    assert (pool["hosts"], pool["hosts_ready"], pool["cpu_cores"], pool["available_cpu_cores"]) == (1, 0, 16, 0)
    assert pool["gpus"] == [{"name": "Test GPU", "total": 2, "free": 0}]
    assert (pool["available_memory_mib"], pool["available_gpu_memory_mib"]) == (0, 0)


def test_a_card_without_known_memory_counts_as_a_card() -> None:
    Gpu.objects.create(agent=make_agent("gpu-1", memory_mib=None), uuid="GPU-x", index=0, name="Odd")
    made(members=["gpu-1"])
    assert (one()["gpus"], one()["gpu_memory_mib"], one()["memory_mib"]) == (
        [{"name": "Odd", "total": 1, "free": 1}],
        0,
        0,
    )


def test_a_change_replaces_the_members_and_is_in_their_history() -> None:
    make_agent("one"), make_agent("two")
    made(members=["one"])
    assert patch(staff(), "/api/pools/fast/", {"members": ["two"]}).json()["members"] == ["two"]
    verbs = AgentEvent.objects.values_list("agent__name", "verb", "actor_name")
    assert list(verbs)[1:] == [("two", "pool_joined", "root"), ("one", "pool_left", "root")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": 5}, "name"),
        ({"name": "old"}, "name"),
        ({"name": "x", "policy": "fastest"}, "policy"),
        ({"name": "x", "policy": 1}, "policy"),
        ({"name": "x", "policy": None}, "policy"),
        ({"name": "x", "members": ["nobody"]}, "members"),
        ({"name": "x", "members": "nobody"}, "members"),
        ({"name": "x", "members": [5]}, "members"),
        ({"name": "x", "description": "x" * 301}, "description"),
        ({"name": "x", "hosts": []}, "hosts"),
    ],
)
def test_wrong_bodies_are_named_and_make_nothing(body: Any, field: str) -> None:
    Pool.objects.create(name="old")
    reply = post(staff(), "/api/pools/", body)
    assert (reply.status_code, list(reply.json())) == (400, [field])
    assert Pool.objects.count() == 1


@pytest.mark.parametrize("body", [{"name": "other"}, {"policy": "x"}, {"members": ["nobody"]}, []])
def test_wrong_changes_change_nothing(body: Any) -> None:
    made(policy="random")
    assert patch(staff(), "/api/pools/fast/", body).status_code == 400
    assert one()["policy"] == "random"


@pytest.mark.parametrize("status", ["waiting", "blocked"])
def test_a_pool_that_tasks_wait_for_is_kept(status: str) -> None:
    made()
    make_task(status, pool="fast")
    make_task("completed", pool="fast")
    reply = staff().delete("/api/pools/fast/")
    assert reply.status_code == 409
    assert "1 task waits for the pool fast" in reply.json()["detail"]
    assert Pool.objects.exists()


def test_a_pool_that_nobody_waits_for_is_deleted() -> None:
    made()
    make_task("completed", pool="fast")
    assert staff().delete("/api/pools/fast/").status_code == 204
    assert staff().get("/api/pools/fast/").status_code == 404


def test_only_staff_change_pools_and_everyone_reads_them() -> None:
    made()
    assert post(rest(), "/api/pools/", {"name": "mine"}).status_code == 403
    assert patch(rest(), "/api/pools/fast/", {"policy": "random"}).status_code == 403
    assert rest().delete("/api/pools/fast/").status_code == 403
    assert one()["policy"] == ""


@pytest.mark.parametrize("name", ["nothing", "%00", "a%20b"])
def test_an_unknown_pool_is_not_found(name: str) -> None:
    assert staff().get(f"/api/pools/{name}/").status_code == 404


def test_queries_do_not_grow_with_pools_and_hosts(django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        make_agent(f"host-{number}", gpus=2)
        post(staff(), "/api/pools/", {"name": f"pool-{number}", "members": [f"host-{number}"]})
    client = rest()
    with django_assert_max_num_queries(14):
        assert len(client.get("/api/pools/").json()["results"]) == 5
