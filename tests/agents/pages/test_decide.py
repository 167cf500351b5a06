"""Pause and resume from the agents page: the question, the verb, and who may."""

import json

import pytest
from django.test import Client

from agents.models import AgentEvent
from tests.factories import make_agent, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user("ada", is_staff=True))
    return client


def test_the_question_changes_nothing(staff: Client) -> None:
    agent = make_agent("gpu-1")
    reply = staff.get(f"/agents/{agent.pk}/pause/")
    agent.refresh_from_db()
    assert "Pause host gpu-1?" in reply.content.decode()
    assert agent.standing == "active"


def test_in_the_dialog_the_question_comes_without_the_frame(staff: Client) -> None:
    reply = staff.get(f"/agents/{make_agent().pk}/pause/", headers={"HX-Request": "true"})
    assert "<html" not in reply.content.decode()


def test_pause_and_resume_with_the_reason_in_the_history(staff: Client) -> None:
    agent = make_agent("gpu-1")
    assert staff.post(f"/agents/{agent.pk}/pause/", {"reason": "new fans"}).headers["Location"] == "/agents/"
    agent.refresh_from_db()
    assert agent.standing == "paused"
    event = AgentEvent.objects.get(agent=agent, verb="pause")
    assert (event.actor_name, event.reason) == ("ada", "new fans")
    staff.post(f"/agents/{agent.pk}/resume/")
    agent.refresh_from_db()
    assert agent.standing == "active"


def test_a_new_secret_is_asked_for_and_noted(staff: Client) -> None:
    agent = make_agent("gpu-1")
    assert "New secret for gpu-1?" in staff.get(f"/agents/{agent.pk}/rotate-secret/").content.decode()
    staff.post(f"/agents/{agent.pk}/rotate-secret/", {"reason": "yearly"})
    agent.refresh_from_db()
    assert agent.secret_asked_at is not None
    event = AgentEvent.objects.get(agent=agent)
    assert (event.verb, event.actor_name, event.reason) == ("secret_asked", "ada", "yearly")


def test_the_dialog_is_told_to_close_and_the_page_to_refresh(staff: Client) -> None:
    reply = staff.post(f"/agents/{make_agent('gpu-1').pk}/pause/", headers={"HX-Request": "true"})
    news = json.loads(reply.headers["HX-Trigger"])
    assert reply.status_code == 204
    assert news["toast"] == {"text": "gpu-1 is paused.", "error": False}
    assert {"dialog-close", "agents-changed"} <= set(news)


def test_a_refusal_is_said_in_its_own_words(staff: Client) -> None:
    agent = make_agent("gpu-1", standing="paused")
    reply = staff.post(f"/agents/{agent.pk}/pause/", headers={"HX-Request": "true"})
    toast = json.loads(reply.headers["HX-Trigger"])["toast"]
    assert toast["error"] is True
    assert "gpu-1 is paused" in toast["text"]


def test_people_who_are_not_staff_may_not(client: Client) -> None:
    agent = make_agent("gpu-1")
    client.force_login(make_user("bob"))
    assert client.post(f"/agents/{agent.pk}/pause/").status_code == 403
    agent.refresh_from_db()
    assert agent.standing == "active"


def test_an_unknown_host_is_not_found(staff: Client) -> None:
    assert staff.get("/agents/00000000-0000-0000-0000-000000000000/pause/").status_code == 404
