"""The agents page: what its cards say, for whom, and with how many queries."""

from typing import Any

import pytest
from django.test import Client

from tasks.agent_tree import agent_tree
from tasks.pages.agents import shape
from tasks.templatetags.agent_gauges import bar, mib_of, share
from tests.factories import make_agent, make_sub_agent, make_task, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user("ada", is_staff=True))
    return client


@pytest.fixture
def user() -> Client:
    client = Client()
    client.force_login(make_user("bob"))
    return client


def page(client: Client, **headers: str) -> str:
    reply = client.get("/agents/", headers=headers)
    assert reply.status_code == 200
    return reply.content.decode()


def test_visitors_are_sent_to_sign_in(client: Client) -> None:
    assert client.get("/agents/").headers["Location"] == "/login/?next=/agents/"


def test_without_hosts_the_page_shows_the_command(user: Client, staff: Client) -> None:
    assert "nightshift agent --server http://testserver --token-file FILE" in page(user)
    assert "Add a host" not in page(user)
    assert "Add a host" in page(staff)


def test_a_host_shows_what_it_has_and_uses(user: Client) -> None:
    make_agent("gpu-1", gpus=2, cpu_usage=41.6, memory_usage=55.2, memory_used_mib=36000, zone="rack-2")
    html = page(user)
    for text in (
        "gpu-1",
        "main agent",
        "42 %",
        "55 %",
        "35.2 / 64 GiB",
        "rack-2",
        "GPU 0",
        "GPU 1",
        "</span> available",
    ):
        assert text in html
    assert 'class="pill st-online"' in html


def test_a_sub_agent_stands_under_its_main_agent(user: Client) -> None:
    agent = make_agent("gpu-1", gpus=1)
    make_agent("other")
    task = make_task(name="train")
    sub_agent = make_sub_agent(task, agent, gpus=list(agent.gpus.all()))  # type: ignore[attr-defined]
    html = page(user)
    first, second = html.index(f'data-agent="{agent.pk}"'), html.index(f'data-sub-agent="{sub_agent.pk}"')
    assert first < second < html.index(">other<")
    assert f'<a href="/tasks/{task.pk}/">Task #{task.pk} train</a>' in html


def test_only_a_lost_host_with_tasks_is_marked_at_risk(user: Client) -> None:
    make_agent("idle", connectivity="unreachable")
    assert "at risk" not in page(user)
    make_sub_agent(agent=make_agent("busy", connectivity="unreachable"))
    assert "1 task at risk" in page(user)


def test_standing_and_a_short_silence_are_shown(user: Client) -> None:
    make_agent("a", standing="paused", connectivity="suspect")
    html = page(user)
    assert ">paused<" in html
    assert "not heard for a moment" in html


def test_names_are_escaped(user: Client) -> None:
    make_sub_agent(make_task(name="<b>x</b>"), make_agent("h<i>"))
    assert "<b>x</b>" not in page(user)
    assert "h<i>" not in page(user)


def test_only_staff_get_the_buttons(user: Client, staff: Client) -> None:
    agent = make_agent("gpu-1")
    assert f"/agents/{agent.pk}/pause/" in page(staff)
    assert f"/agents/{agent.pk}/pause/" not in page(user)


def test_the_open_page_gets_the_tree_alone(user: Client) -> None:
    make_agent("gpu-1")
    html = page(user, **{"HX-Request": "true"})
    assert "<html" not in html
    assert "data-shape=" in html


def test_the_shape_changes_with_what_the_server_draws_only() -> None:
    agent = make_agent("gpu-1", gpus=1)
    before = shape(agent_tree()[0])
    agent.cpu_usage = 99
    agent.save()
    assert shape(agent_tree()[0]) == before
    make_sub_agent(agent=agent)
    assert shape(agent_tree()[0]) != before


def test_queries_do_not_grow_with_hosts(user: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        agent = make_agent(f"gpu-{number}", gpus=2)
        make_sub_agent(agent=agent, gpus=list(agent.gpus.all()))  # type: ignore[attr-defined]
    with django_assert_max_num_queries(14):
        page(user)


@pytest.mark.parametrize(
    ("value", "most", "part"), [(5, 10, 50), (0, 10, 0), (20, 10, 100), (None, 10, None), (1, None, None), (1, 0, None)]
)
def test_shares(value: float | None, most: float | None, part: int | None) -> None:
    assert share(value, most) == part


def test_unknown_figures_are_shown_as_unknown() -> None:
    assert mib_of(None, None) == "—"
    assert mib_of(None, 2048) == "— / 2 GiB"
    assert "is-unknown" in bar(None, 100, "CPU", "cpu")


def test_a_full_memory_is_marked_and_a_busy_processor_is_not() -> None:
    assert "is-full" in bar(99, 100, "Memory", "memory")
    assert "is-full" not in bar(99, 100, "CPU", "cpu")


def test_a_card_that_others_use_is_marked_and_changes_the_shape(user: Client) -> None:
    agent = make_agent("gpu-1", gpus=1)
    before = shape(agent_tree()[0])
    assert "used outside" not in page(user)
    agent.gpu_info = [{"uuid": agent.gpus.get().uuid, "memory_mib": 49152, "memory_used_mib": 30720}]  # type: ignore[attr-defined]
    agent.save()
    assert "used outside" in page(user)
    assert shape(agent_tree()[0]) != before


def test_a_host_leads_to_a_reservation_and_staff_to_its_settings(user: Client, staff: Client) -> None:
    agent = make_agent("gpu-1")
    settings = f"/admin/agents/agent/{agent.pk}/change/"
    for client in (user, staff):
        assert "/reservations/new/?host=gpu-1" in page(client)
    assert settings not in page(user)
    assert settings in page(staff)
