"""What the tree of hosts says of pools, labels and counted resources."""

from typing import Any

import pytest

from agents.models import Agent, Capability, CountedResource, Pool
from tasks.agent_tree import agent_tree
from tasks.models import Allocation
from tests.factories import make_agent, make_gpu, make_sub_agent
from tests.rest import rest

pytestmark = pytest.mark.django_db


def tree() -> dict[str, dict[str, Any]]:
    return {agent["name"]: agent for agent in agent_tree()}


def hold(agent: Agent, resources: dict[str, int]) -> None:
    sub_agent = make_sub_agent(agent=agent)
    Allocation.objects.filter(sub_agent=sub_agent).update(resources=resources)


def test_pools_labels_and_capabilities() -> None:
    agent = make_agent("gpu-1", host_facts={"os": "Linux 6.1.0 x86_64"}, address="10.0.0.7", weight=2.5)
    make_agent("cpu-1")
    make_gpu(agent, name="NVIDIA A100-SXM4")
    Capability.objects.create(agent=agent, name="cuda", version="12.4", origin="host")
    for name in ("slow", "fast"):
        Pool.objects.create(name=name).agents.add(agent)
    found = tree()
    assert found["cpu-1"]["pools"] == []
    assert found["cpu-1"]["labels"] == ["cpu"]
    host = found["gpu-1"]
    assert (host["pools"], host["address"], host["weight"]) == (["fast", "slow"], "10.0.0.7", 2.5)
    assert {"cpu", "linux", "x86_64", "gpu", "a100", "cuda", "cuda-12.4"} <= set(host["labels"])
    assert host["capabilities"] == [{"name": "cuda", "version": "12.4", "origin": "host"}]


def test_counted_resources_with_what_is_left() -> None:
    agent, other = make_agent("gpu-1"), make_agent("gpu-2")
    for host in (agent, other):
        CountedResource.objects.create(agent=host, name="slots", total=4)
    hold(agent, {"slots": 3})
    hold(agent, {"slots": 2, "matlab": 1})
    found = tree()
    assert found["gpu-1"]["resources"] == [{"name": "slots", "total": 4, "available": 0, "origin": "operator"}]
    assert found["gpu-2"]["resources"][0]["available"] == 4


def test_what_is_released_is_available() -> None:
    agent = make_agent("gpu-1")
    CountedResource.objects.create(agent=agent, name="slots", total=4)
    hold(agent, {"slots": 3})
    Allocation.objects.update(released_at="2026-01-01T00:00:00Z")
    assert tree()["gpu-1"]["resources"][0]["available"] == 4


def test_the_reply_has_it_all() -> None:
    agent = make_agent("gpu-1", zone="eu/berlin")
    Pool.objects.create(name="fast").agents.add(agent)
    body = rest().get(f"/api/agents/{agent.pk}/").json()
    assert (body["zone"], body["pools"], body["labels"]) == ("eu/berlin", ["fast"], ["cpu"])
    assert (body["weight"], body["resources"], body["capabilities"], body["address"]) == (1, [], [], "")
