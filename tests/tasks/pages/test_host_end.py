"""Stop, drain and remove as buttons of a host's card and in the administration."""

import pytest
from django.test import Client

from tests.admin.people import administrator, said
from tests.factories import make_agent, make_sub_agent, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user("ada", is_staff=True))
    return client


def test_the_card_of_a_draining_host_says_how_many_are_left(staff: Client) -> None:
    agent = make_agent("gpu-1", standing="draining")
    make_sub_agent(agent=agent)
    page = staff.get("/agents/").content.decode()
    assert "draining: 1 left" in page
    assert f'id="resume-{agent.pk}"' in page


def test_the_card_says_how_processes_are_found(staff: Client) -> None:
    make_agent("gpu-1", host_facts={"tracking": "control groups (version 2)"})
    assert "control groups (version 2)" in staff.get("/agents/").content.decode()


def test_the_question_offers_the_three_choices_and_leaving_comes_first(staff: Client) -> None:
    agent = make_agent("gpu-1")
    page = staff.get(f"/agents/{agent.pk}/stop/").content.decode()
    assert [page.count(f'value="{value}"') for value in ("leave", "drain", "kill")] == [1, 1, 1]
    assert 'value="leave" checked' in page
    staff.post(f"/agents/{agent.pk}/stop/", {"reason": "moving"})
    agent.refresh_from_db()
    assert (agent.standing, agent.wish) == ("active", "end")


def test_a_choice_is_taken(staff: Client) -> None:
    agent = make_agent("gpu-1")
    staff.post(f"/agents/{agent.pk}/stop/", {"choice": "drain"})
    agent.refresh_from_db()
    assert (agent.standing, agent.wish) == ("draining", "end_when_empty")


def test_remove_is_offered_where_nothing_is_and_hides_the_host(staff: Client) -> None:
    agent = make_agent("old-box", connectivity="unreachable")
    assert f'id="remove-{agent.pk}"' in staff.get("/agents/").content.decode()
    staff.post(f"/agents/{agent.pk}/remove/", {"reason": "sold"})
    agent.refresh_from_db()
    assert agent.standing == "removed"
    assert f"agent-{agent.pk}" not in staff.get("/agents/").content.decode()


@pytest.mark.parametrize("verb", ["drain", "stop", "remove"])
def test_people_who_are_not_staff_may_not(client: Client, verb: str) -> None:
    client.force_login(make_user("bob"))
    agent = make_agent()
    assert client.post(f"/agents/{agent.pk}/{verb}/").status_code in (302, 403)
    agent.refresh_from_db()
    assert (agent.standing, agent.wish) == ("active", "")


@pytest.mark.parametrize(
    ("verb", "standing"), [("stop_drain", "draining"), ("drain", "draining"), ("remove", "removed")]
)
def test_in_the_administration(verb: str, standing: str) -> None:
    admin, agent = administrator(), make_agent("gpu-1")
    address = f"/admin/agents/agent/{agent.pk}"
    assert f"{agent.pk}/{verb}/" in said(admin.get(f"{address}/change/"))
    admin.post(f"{address}/{verb}/", {"confirmed": "yes", "reason": "because"})
    agent.refresh_from_db()
    assert agent.standing == standing
