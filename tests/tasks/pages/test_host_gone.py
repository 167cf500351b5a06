"""The page that gives a host up: staff only, a question first, offline hosts only."""

import pytest
from django.test import Client

from tests.factories import make_agent, make_sub_agent, make_user

pytestmark = pytest.mark.django_db


def signed_in(*, is_staff: bool) -> Client:
    client = Client()
    client.force_login(make_user("grace" if is_staff else "ada", is_staff=is_staff))
    return client


def test_the_question_and_then_the_end() -> None:
    agent = make_agent("gpu-1", connectivity="unreachable")
    task = make_sub_agent(agent=agent).task
    client = signed_in(is_staff=True)
    assert f"/agents/{agent.pk}/gone/" in client.get("/agents/").content.decode()
    assert "Give up host gpu-1?" in client.get(f"/agents/{agent.pk}/gone/").content.decode()
    assert client.post(f"/agents/{agent.pk}/gone/", {"reason": "burnt"}).headers["Location"] == "/agents/"
    task.refresh_from_db()
    assert (task.status, task.end_reason) == ("failed", "host_lost")


def test_no_button_while_nothing_is_at_risk() -> None:
    agent = make_agent(connectivity="unreachable")
    assert f"/agents/{agent.pk}/gone/" not in signed_in(is_staff=True).get("/agents/").content.decode()


def test_others_are_refused() -> None:
    agent = make_agent(connectivity="unreachable")
    task = make_sub_agent(agent=agent).task
    assert signed_in(is_staff=False).post(f"/agents/{agent.pk}/gone/").status_code == 403
    task.refresh_from_db()
    assert task.status == "running"
