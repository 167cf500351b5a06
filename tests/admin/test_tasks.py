"""Tasks in the admin: read, found, canceled through the lifecycle; never added, changed or deleted."""

from typing import Any

import pytest
from django.test import Client

from tasks.models import Task
from tests.admin.people import administrator, said
from tests.factories import make_agent, make_sub_agent, make_task

pytestmark = pytest.mark.django_db
LIST = "/admin/tasks/task/"


@pytest.fixture
def admin() -> Client:
    return administrator()


def test_the_list_shows_status_host_and_name(admin: Client) -> None:
    make_task("running", name="train", agent=make_agent("gpu-1"))
    html = said(admin.get(LIST))
    assert 'class="pill st-running"' in html
    assert "train" in html
    assert "gpu-1" in html


@pytest.mark.parametrize("query", ["?q=train", "?status__exact=failed", "?priority__exact=3", "?q=echo"])
def test_tasks_can_be_found(admin: Client, query: str) -> None:
    make_task("failed", name="train")
    make_task("completed", name="other", priority=1, script_content="true")
    html = said(admin.get(LIST + query))
    assert ">train<" in html
    assert ">other<" not in html


def test_a_task_shows_history_and_sub_agents(admin: Client) -> None:
    task = make_task("failed", name="train", exit_code=137, agent=make_agent("gpu-1"))
    task.events.create(verb="ended", actor_kind="agent", actor_name="gpu-1", from_state="running", to_state="failed")  # type: ignore[attr-defined]
    html = said(admin.get(f"{LIST}{task.pk}/change/"))
    for text in ("Exit code 137", "running → failed", "gpu-1 (agent)", "pill st-failed"):
        assert text in html


def test_nothing_can_be_added_changed_or_deleted(admin: Client) -> None:
    task = make_task(name="train")
    assert admin.get(f"{LIST}add/").status_code == 403
    assert admin.post(f"{LIST}{task.pk}/change/", {"name": "other"}).status_code == 403
    assert admin.post(f"{LIST}{task.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Task.objects.get().name == "train"


def test_cancel_is_asked_first(admin: Client) -> None:
    task = make_task(name="train")
    html = said(admin.post(LIST, {"action": "cancel", "_selected_action": [task.pk]}))
    assert "has not started and never will" in html
    assert Task.objects.get().status == "waiting"


def test_cancel_of_several_says_each_refusal_and_does_the_others(admin: Client) -> None:
    waiting, done = make_task(name="train"), make_task("completed", name="done")
    form = {"action": "cancel", "_selected_action": [waiting.pk, done.pk], "confirmed": "yes", "reason": "not needed"}
    html = said(admin.post(LIST, form, follow=True))
    assert f"Task {done.pk} has ended already: completed." in html
    assert "1 task canceled or asked to stop." in html
    waiting.refresh_from_db()
    assert waiting.status == "canceled"
    assert waiting.events.get(verb="ended").actor_name == "root"  # type: ignore[attr-defined]


def test_the_button_on_a_task_asks_and_cancels(admin: Client) -> None:
    task = make_task(name="train")
    page = f"{LIST}{task.pk}/change/"
    assert f'href="{LIST}{task.pk}/cancel/"' in said(admin.get(page))
    assert "not started" in said(admin.get(f"{LIST}{task.pk}/cancel/"))
    assert Task.objects.get().status == "waiting"
    assert admin.post(f"{LIST}{task.pk}/cancel/", {"confirmed": "yes"}).headers["Location"] == page
    assert Task.objects.get().status == "canceled"
    assert f"{task.pk}/cancel/" not in said(admin.get(page))


def test_a_running_task_is_asked_to_stop(admin: Client) -> None:
    task = make_task(name="train")
    sub_agent = make_sub_agent(task, make_agent("gpu-1"))
    assert "on gpu-1 get TERM" in said(admin.get(f"{LIST}{task.pk}/cancel/"))
    admin.post(f"{LIST}{task.pk}/cancel/", {"confirmed": "yes"})
    sub_agent.refresh_from_db()
    task.refresh_from_db()
    assert task.status == "running"
    assert task.cancel_requested_at is not None
    assert sub_agent.stop_requested_at is not None


def test_too_many_at_once_are_refused(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler_site.shared.admin_operations.MOST_ROWS", 1)
    form = {"action": "cancel", "_selected_action": [make_task().pk, make_task().pk], "confirmed": "yes"}
    assert "Select at most 1 at once." in said(admin.post(LIST, form, follow=True))
    assert not Task.objects.filter(status="canceled").exists()


def test_an_unknown_task_is_not_found(admin: Client) -> None:
    assert admin.get(f"{LIST}77/cancel/").status_code == 404


def test_queries_of_the_list_do_not_grow(admin: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(10):
        make_task("completed")
    with django_assert_max_num_queries(12):
        admin.get(LIST)
