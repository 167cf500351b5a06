"""The list page: columns, filters, paging, rows for a script."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from scheduler_site.access.role_setting import set_role
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.roles import Role
from tests.factories import make_agent, make_gpu, make_sub_agent, make_task, make_user

HTMX = {"HX-Request": "true"}


def names(html: str) -> list[str]:
    """Names of the tasks in the order of the rows."""
    return [part.split("<")[0].strip() for part in html.split("data-open-task")[1::2] for part in [part.split(">")[1]]]


def text_of(ada: Client, url: str, **headers: str) -> str:
    reply = ada.get(url, headers=headers or None)
    assert reply.status_code == 200
    return reply.content.decode()


def test_a_stranger_is_sent_to_the_sign_in(db: Any) -> None:
    assert Client().get("/tasks/").status_code == 302


def test_no_task_at_all_explains_what_to_do(ada: Client) -> None:
    html = text_of(ada, "/tasks/")
    assert "No tasks yet" in html
    assert 'href="/tasks/new/"' in html


def test_a_row_has_every_column_and_both_buttons(ada: Client) -> None:
    agent = make_agent("gpu-1", gpus=1)
    task = make_task("running", name="train", template_type="train-llm", priority=1, agent=agent)
    html = text_of(ada, "/tasks/")
    for words in ("train", "train-llm", "gpu-1", "highest", "running"):
        assert words in html
    assert f'href="/tasks/{task.pk}/"' in html
    assert f'href="/tasks/{task.pk}/cancel/"' in html


def test_a_canceled_row_says_why(ada: Client) -> None:
    make_task("canceled", name="plain")
    assert "Canceled." not in text_of(ada, "/tasks/")
    make_task("canceled", name="chained", end_reason="dependency", end_detail="task #1 failed, so this can never start")
    assert "Canceled. Task #1 failed, so this can never start." in text_of(ada, "/tasks/")


def test_counts_follow_the_filters_but_not_the_chips(ada: Client) -> None:
    make_task("completed", name="train")
    make_task(name="train")
    make_task(name="evaluate")
    counts = ada.get("/tasks/counts/?name=train&status=failed").json()
    assert counts == {"blocked": 0, "waiting": 1, "running": 0, "completed": 1, "failed": 0, "canceled": 0}


def test_newest_first(ada: Client) -> None:
    make_task(name="older")
    make_task(name="newer")
    assert names(text_of(ada, "/tasks/")) == ["newer", "older"]


def test_a_task_that_ended_can_be_run_again_not_canceled(ada: Client) -> None:
    task = make_task("completed", name="done")
    html = text_of(ada, "/tasks/")
    assert f"/tasks/new/?from={task.pk}" in html
    assert "data-cancel" not in html


def test_somebody_else_s_task_has_no_cancel_link(ada: Client, user: Any) -> None:
    set_role(user, Role.SUBMITTER, SYSTEM)
    make_task(name="hers", submitted_by=make_user("grace"))
    html = text_of(ada, "/tasks/")
    assert "data-cancel" not in html
    assert 'aria-disabled="true"' in html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=failed", ["eval"]),
        ("status=failed,completed", ["eval", "clean"]),
        ("status=failed&status=completed", ["eval", "clean"]),
        ("name=LEA", ["clean"]),
        ("name=gpu-9", ["eval", "clean"]),
        ("template_type=eval-type", ["eval"]),
        ("script=train.py", ["train"]),
        ("script=train.py&status=failed", []),
        ("status=nonsense", ["train", "eval", "clean"]),
    ],
)
def test_filters(ada: Client, query: str, found: list[str]) -> None:
    make_agent("gpu-9")
    make_task("completed", name="clean")
    make_task("failed", name="eval", template_type="eval-type")
    make_task(name="train", script_content="python train.py\n")
    assert names(text_of(ada, f"/tasks/?{query}")) == found


@pytest.mark.parametrize("form", ["{}", "%23{}"])
def test_a_number_finds_the_task_of_that_id(ada: Client, form: str) -> None:
    task = make_task(name="wanted")
    make_task(name="other")
    assert names(text_of(ada, f"/tasks/?name={form.format(task.pk)}")) == ["wanted"]


@pytest.mark.parametrize("text", ["99999999999999999999999", "#", "\uff11\uff12"])
def test_a_number_that_is_no_id_finds_nothing(ada: Client, text: str) -> None:
    make_task(name="a")
    assert ada.get("/tasks/", {"name": text}).status_code == 200


def test_nothing_found_names_the_filters_and_how_to_clear_them(ada: Client) -> None:
    make_task()
    html = text_of(ada, "/tasks/?name=zzz&status=failed")
    assert "No task matches" in html
    assert "zzz" in html
    assert 'href="?status=failed"' in html
    assert 'href="?name=zzz"' in html


def test_chips_count_what_the_other_filters_leave(ada: Client) -> None:
    make_task("failed", name="wanted")
    make_task("completed", name="wanted")
    make_task("completed", name="other")
    html = text_of(ada, "/tasks/?name=wanted&status=failed", **HTMX)
    assert 'data-counts="blocked=0 waiting=0 running=0 completed=1 failed=1 canceled=0 "' in html


def test_fifty_on_a_page_and_the_pager_keeps_the_filter(ada: Client) -> None:
    for number in range(51):
        make_task(name=f"task-{number}")
    html = text_of(ada, "/tasks/?status=waiting")
    assert len(names(html)) == 50
    assert 'href="?status=waiting&amp;page=2"' in html
    assert names(text_of(ada, "/tasks/?status=waiting&page=2")) == ["task-0"]


@pytest.mark.parametrize("page", ["0", "99", "x", "-1"])
def test_a_page_that_is_none_still_opens(ada: Client, page: str) -> None:
    make_task()
    assert ada.get(f"/tasks/?page={page}").status_code == 200


def test_a_script_gets_only_the_table(ada: Client) -> None:
    make_task(name="a")
    html = text_of(ada, "/tasks/", **HTMX)
    assert "<html" not in html
    assert names(html) == ["a"]


def test_rows_are_given_whatever_the_filter(ada: Client) -> None:
    one, _other, three = make_task(name="one"), make_task(name="two"), make_task(name="three")
    html = text_of(ada, f"/tasks/rows/?ids={one.pk},{three.pk},x,99999999999999999999999")
    assert sorted(names(html)) == ["one", "three"]


def test_a_waiting_task_says_what_it_waits_for(ada: Client) -> None:
    make_task(name="patient")
    assert "No host has connected yet." in text_of(ada, "/tasks/")


def test_a_failed_task_says_why(ada: Client) -> None:
    make_task("failed", exit_code=137)
    assert "Exit code 137" in text_of(ada, "/tasks/")


def test_names_are_text_never_markup(ada: Client) -> None:
    make_task(name="<script>alert(1)</script>")
    assert "<script>alert(1)" not in text_of(ada, "/tasks/")


def test_queries_do_not_grow_with_the_rows(ada: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    agent = make_agent(gpus=1)
    for number in range(12):
        make_task("running", agent=agent)
        make_task(depends_on=[make_task("completed")])
        task = make_task()
        make_sub_agent(task, agent, state="assigned", gpus=[make_gpu(agent, index=number + 1)])
    with django_assert_max_num_queries(30):
        ada.get("/tasks/")


def test_a_task_that_was_placed_but_never_ran_names_no_host(ada: Client) -> None:
    agent = make_agent("gpu-7")
    task = make_task("canceled")
    make_sub_agent(task, agent, state="revoked")
    task.refresh_from_db()
    assert task.agent_name == "gpu-7"
    assert "gpu-7" not in text_of(ada, "/tasks/")
