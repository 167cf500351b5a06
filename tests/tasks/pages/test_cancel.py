"""Canceling asks first."""

import json
from typing import Any

from django.test import Client

from scheduler_site.access.role_setting import set_role
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.roles import Role
from tasks.models import Task
from tests.factories import make_agent, make_task, make_user

HTMX = {"HX-Request": "true"}


def test_the_question_names_task_host_and_what_follows(ada: Client) -> None:
    task = make_task("running", name="train", agent=make_agent("gpu-3"))
    make_task("blocked", name="evaluate", depends_on=[task])
    html = ada.get(f"/tasks/{task.pk}/cancel/").content.decode()
    for words in (f"#{task.pk} train", "gpu-3", "SIGTERM", "evaluate", "Keep running"):
        assert words in html
    assert Task.objects.get(pk=task.pk).cancel_requested_at is None


def test_a_task_that_waits_is_canceled_at_once(ada: Client) -> None:
    task = make_task(name="train")
    reply = ada.post(f"/tasks/{task.pk}/cancel/", {"reason": "wrong data"})
    assert reply.status_code == 302
    task.refresh_from_db()
    assert task.status == "canceled"
    assert task.events.get(to_state="canceled").actor_name == "ada"
    assert "wrong data" in ada.get(reply.headers["Location"]).content.decode()


def test_a_running_task_is_asked_to_stop(ada: Client) -> None:
    task = make_task("running")
    ada.post(f"/tasks/{task.pk}/cancel/")
    task.refresh_from_db()
    assert task.status == "running"
    assert task.cancel_requested_at is not None


def test_in_the_dialog_success_closes_it_and_tells(ada: Client) -> None:
    task = make_task(name="train")
    reply = ada.post(f"/tasks/{task.pk}/cancel/", headers=HTMX)
    assert reply.status_code == 204
    news = json.loads(reply.headers["HX-Trigger"])
    assert news["task-changed"] == {"id": task.pk}
    assert "was canceled" in news["toast"]["text"]


def test_a_task_that_ended_meanwhile_is_a_conflict_said_in_words(ada: Client) -> None:
    task = make_task("completed")
    reply = ada.post(f"/tasks/{task.pk}/cancel/", headers=HTMX)
    assert reply.status_code == 409
    assert "has ended already: completed" in reply.content.decode()


def test_a_task_that_ended_offers_nothing_to_cancel(ada: Client) -> None:
    task = make_task("failed")
    html = ada.get(f"/tasks/{task.pk}/cancel/").content.decode()
    assert "ended already: failed" in html
    assert "has not started" not in html
    assert 'name="reason"' not in html


def test_asking_again_offers_to_kill_and_says_so(ada: Client) -> None:
    task = make_task("running", agent=make_agent("gpu-3"))
    ada.post(f"/tasks/{task.pk}/cancel/")
    ada.post(f"/tasks/{task.pk}/cancel/")
    assert not task.sub_agents.get().stop_now
    html = ada.get(f"/tasks/{task.pk}/cancel/").content.decode()
    assert "being canceled already" in html
    assert "SIGKILL at once" in html
    ada.post(f"/tasks/{task.pk}/cancel/", {"kill_now": "on"})
    assert task.sub_agents.get().stop_now


def test_others_may_not(ada: Client, user: Any) -> None:
    set_role(user, Role.SUBMITTER, SYSTEM)
    task = make_task(submitted_by=make_user("grace"))
    refused = ada.get(f"/tasks/{task.pk}/cancel/")
    assert refused.status_code == 403
    assert "Only whoever submitted task" in refused.content.decode()
    assert ada.post(f"/tasks/{task.pk}/cancel/").status_code == 403
    task.refresh_from_db()
    assert task.status == "waiting"


def test_looking_does_not_cancel(ada: Client) -> None:
    task = make_task()
    ada.get(f"/tasks/{task.pk}/cancel/")
    task.refresh_from_db()
    assert task.status == "waiting"
