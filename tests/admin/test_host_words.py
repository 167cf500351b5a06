"""What operators set on a host's page in the admin: weight, labels, counted resources; the host's own are only read."""

from typing import Any

import pytest
from django.test import Client

from agents.models import Agent, AgentEvent, Capability, CountedResource
from tests.admin.forms import sent
from tests.admin.people import administrator, said
from tests.factories import make_agent

pytestmark = pytest.mark.django_db
LIST = "/admin/agents/agent/"
OURS = {"capabilities__TOTAL_FORMS": "1", "counted_resources__TOTAL_FORMS": "1"}


@pytest.fixture
def admin() -> Client:
    return administrator()


def address(agent: Agent) -> str:
    return f"{LIST}{agent.pk}/change/"


def saved(client: Client, agent: Agent, **changes: Any) -> Any:
    return client.post(address(agent), sent(said(client.get(address(agent))), **changes))


def labels(agent: Agent) -> dict[str, str]:
    return dict(Capability.objects.filter(agent=agent).values_list("name", "version"))


def test_a_weight_is_set_and_written_down(admin: Client) -> None:
    agent = make_agent("gpu-1")
    assert saved(admin, agent, weight="2.5").status_code == 302
    row = AgentEvent.objects.get()
    assert (row.verb, row.from_state, row.to_state, row.actor_name) == ("weighed", "1.00", "2.5", "root")
    assert float(Agent.objects.get().weight) == 2.5


@pytest.mark.parametrize("weight", ["0", "-1", "NaN", "99999", ""])
def test_a_wrong_weight_is_named(admin: Client, weight: str) -> None:
    agent = make_agent("gpu-1")
    assert 'class="errorlist"' in said(saved(admin, agent, weight=weight))
    assert Agent.objects.get().weight == 1


def test_labels_are_added_changed_and_taken_back(admin: Client) -> None:
    agent = make_agent("gpu-1")
    new = {"capabilities__0__name": "cuda", "capabilities__0__version": "12.4"}
    assert saved(admin, agent, **OURS, **new).status_code == 302
    assert labels(agent) == {"cuda": "12.4"}
    saved(admin, agent, capabilities__0__version="12.6")
    assert labels(agent) == {"cuda": "12.6"}
    saved(admin, agent, capabilities__0__DELETE="on")
    assert labels(agent) == {}
    assert list(AgentEvent.objects.values_list("verb", flat=True)) == ["labels_changed"] * 3


def test_the_operators_word_replaces_the_hosts(admin: Client) -> None:
    agent = make_agent("gpu-1")
    Capability.objects.create(agent=agent, name="cuda", version="11", origin="host")
    new = {"capabilities__0__name": "cuda", "capabilities__0__version": "12"}
    assert saved(admin, agent, capabilities__TOTAL_FORMS="1", **new).status_code == 302
    row = Capability.objects.get()
    assert (row.version, row.origin) == ("12", "operator")


def test_what_the_host_said_stays_when_the_page_is_saved(admin: Client) -> None:
    agent = make_agent("gpu-1")
    Capability.objects.create(agent=agent, name="ib", origin="host")
    CountedResource.objects.create(agent=agent, name="ports", total=2, origin="host")
    html = said(admin.get(address(agent)))
    assert "capabilities that the host says it has" in html.lower()
    saved(admin, agent, weight="3")
    assert (Capability.objects.get().origin, CountedResource.objects.get().origin) == ("host", "host")


def test_counted_resources_of_a_host(admin: Client) -> None:
    agent = make_agent("gpu-1")
    new = {"counted_resources__0__name": "slots", "counted_resources__0__total": "3"}
    assert saved(admin, agent, counted_resources__TOTAL_FORMS="1", **new).status_code == 302
    assert str(CountedResource.objects.get(agent=agent)) == "3 slots"


@pytest.mark.parametrize(
    "wrong",
    [
        {"capabilities__TOTAL_FORMS": "1", "capabilities__0__name": "No Label"},
        {"counted_resources__TOTAL_FORMS": "1", "counted_resources__0__name": "a", "counted_resources__0__total": "-1"},
        {
            "counted_resources__TOTAL_FORMS": "1",
            "counted_resources__0__name": "a",
            "counted_resources__0__total": "9" * 12,
        },
        {"capabilities__TOTAL_FORMS": "2", "capabilities__0__name": "a", "capabilities__1__name": "a"},
    ],
)
def test_wrong_rows_are_named_and_nothing_is_written(admin: Client, wrong: dict[str, str]) -> None:
    agent = make_agent("gpu-1")
    assert 'class="errorlist' in said(saved(admin, agent, **wrong))
    assert not Capability.objects.exists()
    assert not CountedResource.objects.exists()


def test_a_host_with_a_long_history_can_still_be_saved(admin: Client) -> None:
    agent = make_agent("gpu-1")
    AgentEvent.objects.bulk_create(AgentEvent(agent=agent, verb=f"verb-{number}") for number in range(700))
    html = said(admin.get(address(agent)))
    assert "verb-699" in html
    assert "verb-599" not in html
    assert saved(admin, agent, weight="3").status_code == 302
