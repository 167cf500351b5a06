"""The overview: its figures, the hosts and their tasks, the recent failures."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories import make_agent, make_sub_agent, make_task, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> Client:
    client = Client()
    client.force_login(make_user("bob"))
    return client


def context_of(client: Client) -> Any:
    reply = client.get("/overview/")
    assert reply.status_code == 200
    return reply.context


def tiles(client: Client) -> dict[str, tuple[Any, Any]]:
    return {tile["word"]: (tile["value"], tile["most"]) for tile in context_of(client)["figures"]}


def test_visitors_are_sent_to_sign_in(client: Client) -> None:
    assert client.get("/overview/").status_code == 302


def test_an_empty_site_says_where_to_begin(user: Client) -> None:
    html = user.get("/overview/").content.decode()
    assert "Nothing here yet" in html
    assert 'href="/tasks/new/"' in html


def test_tasks_are_counted_by_status(user: Client) -> None:
    make_task("running")
    make_task("blocked")  # with the waiting one it depends on
    make_task("failed")
    make_task("failed", end_time=timezone.now() - timedelta(hours=25))
    shown = tiles(user)
    words = ("Running", "Waiting", "Blocked", "Failed, 24 h")
    assert [shown[word][0] for word in words] == [1, 1, 1, 1]


def test_each_figure_leads_to_the_tasks_it_counts(user: Client) -> None:
    html = user.get("/overview/").content.decode()
    for status in ("running", "waiting", "blocked", "failed"):
        assert f'href="/tasks/?status={status}"' in html


def test_use_is_counted_over_hosts_that_are_online(user: Client) -> None:
    agent = make_agent("gpu-1", gpus=4)
    make_sub_agent(make_task(cpu_cores=6), agent, gpus=list(agent.gpus.all()[:3]))  # type: ignore[attr-defined]
    make_agent("gone", gpus=8, connectivity="unreachable")
    shown = tiles(user)
    assert shown["GPUs in use"] == (3, 4)
    assert shown["CPU cores in use"] == (6, 16)


def test_each_host_lists_its_tasks(user: Client) -> None:
    agent = make_agent("gpu-1")
    task = make_task(name="train")
    make_sub_agent(task, agent)
    make_agent("idle-host")
    html = user.get("/overview/").content.decode()
    assert f'href="/tasks/{task.pk}/"' in html
    assert "idle-host" in html


def test_recent_failures_say_how_they_ended(user: Client) -> None:
    for number in range(12):
        make_task("failed", name=f"run {number}", exit_code=137)
    html = user.get("/overview/").content.decode()
    assert html.count("Exit code 137") == 10
    assert "run 11" in html
    assert ">#1 run 0<" not in html


def test_the_open_page_gets_its_content_alone(user: Client) -> None:
    html = user.get("/overview/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in html
    assert "live-part" not in html


def test_queries_do_not_grow(user: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        make_sub_agent(agent=make_agent(f"h{number}", gpus=1))
        make_task("failed")
    with django_assert_max_num_queries(25):
        context_of(user)
