"""What a host says that it offers: replaced by its next session; what an operator said stays and wins."""

from typing import Any

import pytest

from agents import offers
from agents.models import Agent, Capability, CountedResource
from agents.models.capability import Origin
from tests.factories import make_agent
from tests.tasks.protocol import PaperHost

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> Agent:
    return make_agent()


def rows(agent: Agent) -> tuple[list[Any], list[Any]]:
    capabilities = Capability.objects.filter(agent=agent).values_list("name", "version", "origin")
    counted = CountedResource.objects.filter(agent=agent).values_list("name", "total", "origin")
    return list(capabilities), list(counted)


def test_a_session_replaces_what_the_one_before_said(agent: Agent) -> None:
    offers.store(agent, {"nvlink": "", "cuda": "11"}, {"matlab": 2})
    assert rows(agent) == ([("cuda", "11", "host"), ("nvlink", "", "host")], [("matlab", 2, "host")])
    offers.store(agent, {"cuda": "12.4"}, {"matlab": 3, "slots": 0})
    assert rows(agent) == ([("cuda", "12.4", "host")], [("matlab", 3, "host"), ("slots", 0, "host")])
    offers.store(agent, {}, {})
    assert rows(agent) == ([], [])


def test_what_an_operator_said_stays_and_wins(agent: Agent) -> None:
    Capability.objects.create(agent=agent, name="cuda", version="9", origin=Origin.OPERATOR)
    CountedResource.objects.create(agent=agent, name="matlab", total=1, origin=Origin.OPERATOR)
    CountedResource.objects.create(name="slots", total=7)
    offers.store(agent, {"cuda": "12"}, {"matlab": 5, "slots": 2})
    assert rows(agent) == (
        [("cuda", "9", "operator")],
        [("matlab", 1, "operator"), ("slots", 2, "host")],
    )
    offers.store(agent, {}, {})
    assert rows(agent) == ([("cuda", "9", "operator")], [("matlab", 1, "operator")])
    assert CountedResource.objects.get(agent=None).total == 7


def test_other_hosts_keep_theirs(agent: Agent) -> None:
    offers.store(agent, {"nvlink": ""}, {})
    offers.store(make_agent(name="other"), {"cuda": ""}, {})
    assert rows(agent)[0] == [("nvlink", "", "host")]


def test_the_same_again_writes_nothing(agent: Agent, django_assert_num_queries: Any) -> None:
    Capability.objects.create(agent=agent, name="nvlink", origin=Origin.OPERATOR)
    offers.store(agent, {"cuda": "12", "nvlink": "4"}, {"matlab": 2})
    before = list(Capability.objects.values_list("pk", flat=True))
    with django_assert_num_queries(2):
        offers.store(agent, {"cuda": "12", "nvlink": "4"}, {"matlab": 2})
    assert list(Capability.objects.values_list("pk", flat=True)) == before


def test_it_comes_with_a_session_and_an_old_agent_says_nothing() -> None:
    host = PaperHost()
    agent = Agent.objects.get()
    assert (agent.address, rows(agent)) == ("", ([], []))
    said = {"address": "10.0.0.7", "zone": "rack-3", "capabilities": {"cuda": "12.4"}, "resources": {"matlab": 2}}
    host.open_session(host={"hostname": "host-1", "os": "Linux", "shoe_size": 46, **said})
    agent = Agent.objects.get()
    assert (host.status, agent.address, agent.zone, agent.host_facts["os"]) == (200, "10.0.0.7", "rack-3", "Linux")
    assert rows(agent) == ([("cuda", "12.4", "host")], [("matlab", 2, "host")])
    host.open_session()
    assert rows(Agent.objects.get()) == ([], [])


@pytest.mark.parametrize(
    ("rubbish", "field"),
    [
        ({"capabilities": {"NVLINK": ""}}, "$.host.capabilities"),
        ({"capabilities": {"nvlink\n": ""}}, "$.host.capabilities"),
        ({"capabilities": {"a": "1 2"}}, "$.host.capabilities"),
        ({"capabilities": ["a"]}, "$.host.capabilities"),
        ({"resources": {"matlab": -1}}, "$.host.resources"),
        ({"resources": {"matlab": 1.5}}, "$.host.resources"),
        ({"resources": {"matlab": 2**31}}, "$.host.resources"),
        ({"resources": {"matlab": float("nan")}}, "JSON is malformed"),
        ({"address": "a b"}, "$.host.address"),
        ({"address": "a\n"}, "$.host.address"),
        ({"address": 7}, "$.host.address"),
    ],
)
def test_rubbish_is_refused_by_name_and_changes_nothing(rubbish: dict[str, Any], field: str) -> None:
    host = PaperHost()
    host.open_session(host={"capabilities": {"cuda": ""}})
    reply = host.open_session(host={"hostname": "x", **rubbish})
    assert (host.status, reply["code"]) == (400, "bad_message")
    assert field in reply["detail"]
    assert rows(Agent.objects.get())[0] == [("cuda", "", "host")]
