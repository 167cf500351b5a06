"""One task: page, drawer piece, summary."""

import re
import zlib
from pathlib import Path
from typing import Any

from django.test import Client

from tasks.output import logs
from tests.factories import make_agent, make_output_log, make_sub_agent, make_task, make_template


def text_of(ada: Client, url: str, **headers: str) -> str:
    reply = ada.get(url, headers=headers or None)
    assert reply.status_code == 200
    return reply.content.decode()


def test_facts(ada: Client, user: Any) -> None:
    agent = make_agent("gpu-1", gpus=2)
    before = make_task("completed", name="tokenize")
    task = make_task(
        "failed",
        name="train",
        agent=agent,
        exit_code=137,
        depends_on=[before],
        submitted_by=user,
        environment={"WANDB_MODE": "offline"},
        result={"loss": 0.5},
        gpu_count=2,
        gpu_memory=40960,
        cpu_cores="1.50",
    )
    make_task("blocked", name="after it", depends_on=[make_task(name="x")])
    html = text_of(ada, f"/tasks/{task.pk}/")
    for words in (
        "train",
        "gpu-1",
        "Task failed.",
        "Exit code 137",
        "tokenize",
        "WANDB_MODE=offline",
        "0.5",
        "40 GiB",
        "1.5 CPU",
    ):
        assert words in html
    assert f'href="/tasks/new/?from={task.pk}"' in html


def test_tasks_that_wait_for_it_are_linked(ada: Client) -> None:
    first = make_task(name="first")
    second = make_task("blocked", name="second", depends_on=[first])
    html = text_of(ada, f"/tasks/{first.pk}/")
    assert "Waited for by" in html
    assert f'href="/tasks/{second.pk}/"' in html


def test_unknown_is_404(ada: Client) -> None:
    assert ada.get("/tasks/999/").status_code == 404
    assert ada.get("/tasks/999/summary/").status_code == 404


def test_the_drawer_gets_a_piece(ada: Client) -> None:
    task = make_task()
    html = text_of(ada, f"/tasks/{task.pk}/", **{"HX-Request": "true"})
    assert "<html" not in html
    assert "<log-view" in html


def test_the_summary_has_no_log_in_it(ada: Client) -> None:
    task = make_task("running")
    html = text_of(ada, f"/tasks/{task.pk}/summary/")
    assert 'data-status="running"' in html
    assert "<log-view" not in html


def test_attempts_with_output_latest_first(ada: Client) -> None:
    task = make_task()
    for _ in range(2):
        make_output_log(make_sub_agent(task, state="failed"))
    make_sub_agent(task, state="revoked")
    assert 'data-attempts="2 1 "' in text_of(ada, f"/tasks/{task.pk}/summary/")


def test_a_gang_shows_its_hosts_by_rank_and_offers_their_output(ada: Client) -> None:
    task = make_task(node_count=2)
    for rank in range(2):
        make_output_log(make_sub_agent(task, make_agent(f"gpu-{rank}"), attempt_no=1, rank=rank))
    html = text_of(ada, f"/tasks/{task.pk}/")
    assert 'data-attempts="1 "' in html
    assert 'data-ranks="2"' in html
    assert re.search(r"<dt>Rank 1</dt><dd><a href=[^>]+>gpu-1</a>, running</dd>", html)
    assert "data-ranks" not in text_of(ada, f"/tasks/{make_task().pk}/")


def test_links_to_the_template_it_came_from(ada: Client) -> None:
    template = make_template("train-llm")
    task = make_task(template_version=template.current_version)
    html = text_of(ada, f"/tasks/{task.pk}/")
    assert f'href="/templates/{template.pk}/"' in html
    assert "train-llm v1" in html


def test_without_the_bundle_the_page_has_the_end_of_the_log(ada: Client, settings: Any, tmp_path: Path) -> None:
    settings.DIST_DIR = tmp_path / "dist"
    settings.TASK_LOG_DIR = tmp_path
    sub_agent = make_sub_agent(make_task())
    make_output_log(sub_agent)
    data = b"hello from <the> script\n"
    logs.append(sub_agent, "out", 0, data, zlib.crc32(data))
    html = text_of(ada, f"/tasks/{sub_agent.task_id}/")
    assert "hello from &lt;the&gt; script" in html
    assert "make assets" in html
    assert "<script" not in html


def test_values_are_text_never_markup(ada: Client) -> None:
    evil = "<img src=x onerror=alert(1)>"
    task = make_task(
        name=evil, description=evil, script_content=evil, environment={"A": evil}, metadata={"b": evil}, result=evil
    )
    assert evil not in text_of(ada, f"/tasks/{task.pk}/")


def test_what_is_not_there_is_said_in_our_frame(ada: Client) -> None:
    html = ada.get("/tasks/999/").content.decode()
    assert "There is nothing here" in html
    assert 'class="sidebar"' in html
