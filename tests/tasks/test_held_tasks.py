"""Held tasks: by a person, or by the guard against tasks that never start. REST, page and words."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import Conflict
from tasks import lifecycle
from tasks.models import SubAgent, Task
from tasks.scheduling import run
from tasks.scheduling.explaining.explain import waiting_sentence
from tasks.scheduling.explaining.why import why
from tasks.states import SubAgentState
from tests.factories import make_agent, make_sub_agent, make_task, make_user
from tests.rest import post, rest

pytestmark = pytest.mark.django_db


def placed() -> set[int]:
    while not run.run_pass():
        pass
    return set(SubAgent.objects.filter(state=SubAgentState.ASSIGNED).values_list("task_id", flat=True))


def void_once(task: Task, agent: Agent) -> None:
    Task.objects.filter(pk=task.pk).update(not_before=None)
    (sub_agent,) = lifecycle.place(task.pk, [agent])
    lifecycle.give_back(sub_agent, SubAgentState.REJECTED, "no room for its folder", actor=SYSTEM)
    task.refresh_from_db()


def test_a_held_task_is_not_placed_until_it_is_released() -> None:
    make_agent()
    held, other = make_task(), make_task()
    lifecycle.hold(held.pk, actor=SYSTEM, reason="wrong data")
    assert placed() == {other.pk}
    released = lifecycle.release(held.pk, actor=SYSTEM)
    assert (released.held_at, released.held_reason) == (None, "")
    assert placed() == {held.pk, other.pk}
    assert list(held.events.values_list("verb", flat=True)) == ["held", "released", "placed"]


def test_a_pass_that_planned_before_the_hold_comes_too_late() -> None:
    task = lifecycle.hold(make_task().pk, actor=SYSTEM)
    with pytest.raises(Conflict):
        lifecycle.place(task.pk, [make_agent()])


def test_why_says_who_holds_it_and_lists_show_a_badge() -> None:
    task = lifecycle.hold(make_task().pk, actor=SYSTEM, reason="wrong data.")
    words = "Held: wrong data. It is not placed until it is released."
    assert waiting_sentence(task) == why(task).sentence == words
    blocked = make_task("blocked", depends_on=[task])
    lifecycle.hold(blocked.pk, actor=SYSTEM, reason="not yet")
    blocked.refresh_from_db()
    assert waiting_sentence(blocked) == (
        f"Held: not yet. It is not placed until it is released. Waits for #{task.pk} (waiting)."
    )


def test_a_blocked_task_stays_held_when_it_is_freed() -> None:
    make_agent()
    first = make_task()
    task = make_task("blocked", depends_on=[first])
    lifecycle.hold(task.pk, actor=SYSTEM)
    lifecycle.depend_on(task.pk, [], actor=SYSTEM)
    assert placed() == {first.pk}
    lifecycle.release(task.pk, actor=SYSTEM)
    assert placed() == {first.pk, task.pk}


def test_who_was_held_has_not_grown_old_meanwhile() -> None:
    task = make_task(waiting_since=timezone.now() - timedelta(days=3))
    lifecycle.hold(task.pk, actor=SYSTEM)
    since = lifecycle.release(task.pk, actor=SYSTEM).waiting_since
    assert since is not None
    assert (timezone.now() - since).total_seconds() < 60


@pytest.mark.parametrize("state", [SubAgentState.ASSIGNED, SubAgentState.RUNNING])
def test_a_task_on_a_host_cannot_be_held(state: SubAgentState) -> None:
    task = make_sub_agent(state=state).task
    with pytest.raises(Conflict):
        lifecycle.hold(task.pk, actor=SYSTEM)


def test_canceling_a_held_task_ends_it() -> None:
    task = lifecycle.hold(make_task().pk, actor=SYSTEM)
    ended = lifecycle.cancel(task.pk, actor=SYSTEM)
    assert (ended.status, ended.held_at) == ("canceled", None)


def test_said_twice_each_verb_changes_nothing_more() -> None:
    task = lifecycle.hold(make_task().pk, actor=SYSTEM, reason="first")
    assert lifecycle.hold(task.pk, actor=SYSTEM, reason="second").held_reason == "first"
    lifecycle.release(task.pk, actor=SYSTEM)
    lifecycle.release(task.pk, actor=SYSTEM)
    assert task.events.count() == 2


def test_a_task_that_never_starts_is_held_with_the_reason(settings: LazySettings) -> None:
    settings.TASK_VOIDS = 3
    agent, task = make_agent("gpu-1"), make_task()
    for _ in range(2):
        void_once(task, agent)
    assert task.held_at is None
    void_once(task, agent)
    assert task.held_reason == "3 attempts never started; the latest on gpu-1: no room for its folder"
    event = task.events.get(verb="held")
    assert (event.actor_kind, event.reason) == ("system", task.held_reason)
    assert placed() == set()
    released = lifecycle.release(task.pk, actor=SYSTEM)
    assert (released.voids, released.not_before) == (0, None)
    assert placed() == {task.pk}


def test_the_guard_can_be_switched_off(settings: LazySettings) -> None:
    settings.TASK_VOIDS = 0
    agent, task = make_agent(), make_task()
    for _ in range(12):
        void_once(task, agent)
    assert (task.voids, task.held_at) == (12, None)


def test_over_rest_by_whoever_submitted_it() -> None:
    task = make_task(submitted_by=make_user())
    body = post(rest(), f"/api/tasks/{task.pk}/hold/", {"reason": "wrong data"}).json()
    assert (body["held_reason"], body["badges"], body["status"]) == ("wrong data", ["held"], "waiting")
    body = post(rest(), f"/api/tasks/{task.pk}/release/", {}).json()
    assert (body["held_at"], body["badges"]) == (None, [])


@pytest.mark.parametrize("verb", ["hold", "release"])
def test_over_rest_refusals(verb: str) -> None:
    strange = make_task(submitted_by=make_user("grace"))
    assert post(rest(), f"/api/tasks/{strange.pk}/{verb}/", {}).status_code == 403
    ended = make_task("completed", submitted_by=make_user())
    assert post(rest(), f"/api/tasks/{ended.pk}/{verb}/", {}).status_code == 409
    assert post(rest(), f"/api/tasks/{ended.pk}/{verb}/", {"why": "x"}).status_code == 400


def test_on_its_page(client: Client) -> None:
    user: Any = make_user()
    client.force_login(user)
    task = make_task(submitted_by=user, name="train")
    page = f"/tasks/{task.pk}/"
    assert f"{page}hold/" in client.get(page).content.decode()
    assert "train?" in client.get(f"{page}hold/").content.decode()
    assert client.post(f"{page}hold/", {"reason": "wrong data"}).status_code == 302
    html = client.get(page).content.decode()
    assert "Held: wrong data. It is not placed until it is released." in html
    assert f"{page}hold/" not in html
    assert "It was held: wrong data" in client.get(f"{page}release/").content.decode()
    reply = client.post(f"{page}release/", headers={"HX-Request": "true"})
    assert (reply.status_code, "was released" in reply.headers["HX-Trigger"]) == (204, True)
    assert client.post(f"/tasks/{make_task('failed', submitted_by=user).pk}/hold/").status_code == 409
