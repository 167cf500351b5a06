"""What operators say of a host: labels, counted resources, its weight; and the site's own resources."""

from decimal import Decimal

import pytest

from agents.administration import weigh
from agents.models import Agent, AgentEvent, Capability, CountedResource, PlacementEvent
from agents.operator_labels import set_labels
from agents.operator_resources import drop_site_resource, set_resources, set_site_resource
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import Invalid
from tests.factories import make_agent

pytestmark = pytest.mark.django_db
ADA = Actor("user", "ada")


def labels(agent: Agent) -> dict[str, tuple[str, str]]:
    rows = Capability.objects.filter(agent=agent)
    return {row.name: (row.version, row.origin) for row in rows}


def resources(agent: Agent | None) -> dict[str, int]:
    return dict(CountedResource.objects.filter(agent=agent).values_list("name", "total"))


def test_labels_are_set_as_a_whole() -> None:
    agent = make_agent()
    set_labels(agent, {"cuda": "12.4", "nvlink": ""}, actor=ADA)
    set_labels(agent, {"cuda": "12.6"}, actor=ADA)
    assert labels(agent) == {"cuda": ("12.6", "operator")}
    row = AgentEvent.objects.latest("id")
    assert (row.verb, row.detail) == ("labels_changed", {"said": {"cuda": "12.6"}, "taken_back": ["nvlink"]})


def test_the_operators_word_wins_and_the_hosts_others_stay() -> None:
    agent = make_agent()
    Capability.objects.create(agent=agent, name="cuda", version="11", origin="host")
    Capability.objects.create(agent=agent, name="ib", origin="host")
    set_labels(agent, {"cuda": "12"}, actor=ADA)
    assert labels(agent) == {"cuda": ("12", "operator"), "ib": ("", "host")}


def test_the_same_again_is_not_written_down() -> None:
    agent = make_agent()
    for _ in range(2):
        set_labels(agent, {"cuda": ""}, actor=ADA)
        set_resources(agent, {"slots": 3}, actor=ADA)
        weigh(agent, Decimal(2), actor=ADA)
    assert AgentEvent.objects.count() == 3


@pytest.mark.parametrize(("name", "version"), [("CUDA", ""), ("a b", ""), ("", ""), ("x" * 81, ""), ("ok", "1 2")])
def test_a_bad_label_is_refused(name: str, version: str) -> None:
    agent = make_agent()
    with pytest.raises(Invalid):
        set_labels(agent, {"fine": "", name: version}, actor=ADA)
    assert labels(agent) == {}


def test_resources_of_a_host() -> None:
    agent = make_agent()
    CountedResource.objects.create(agent=agent, name="ports", total=1, origin="host")
    set_resources(agent, {"slots": 3, "ports": 4}, actor=ADA)
    set_resources(agent, {"ports": 4}, actor=ADA)
    assert resources(agent) == {"ports": 4}
    assert AgentEvent.objects.latest("id").detail == {"totals": {}, "taken_away": ["slots"]}


def test_resources_of_the_site() -> None:
    set_site_resource("matlab", 2, actor=ADA)
    row = set_site_resource("matlab", 3, actor=ADA)
    assert resources(None) == {"matlab": 3}
    drop_site_resource(row, actor=ADA)
    assert resources(None) == {}
    assert [row.detail["total"] for row in PlacementEvent.objects.all()] == [[None, 2], [2, 3], [3, None]]


@pytest.mark.parametrize(("name", "total"), [("A", 1), ("a", -1), ("a", 2**31)])
def test_a_bad_resource_is_refused(name: str, total: int) -> None:
    agent = make_agent()
    with pytest.raises(Invalid):
        set_resources(agent, {name: total}, actor=ADA)
    with pytest.raises(Invalid):
        set_site_resource(name, total, actor=ADA)
    assert not CountedResource.objects.exists()


@pytest.mark.parametrize("weight", ["0", "-1", "NaN", "10000", "Infinity"])
def test_a_bad_weight_is_refused(weight: str) -> None:
    agent = make_agent()
    with pytest.raises(Invalid):
        weigh(agent, Decimal(weight), actor=ADA)
    assert Agent.objects.get().weight == 1
