"""The piece that says why a task waits, and the page of it."""

from django.test import Client

from tests.factories import make_agent, make_sub_agent, make_task

HTMX = {"HX-Request": "true"}


def text_of(ada: Client, url: str, **headers: str) -> str:
    reply = ada.get(url, headers=headers or None)
    assert reply.status_code == 200
    return reply.content.decode()


def test_sentence_start_and_hosts(ada: Client) -> None:
    for name, seconds in (("late", 7200), ("soon", 1200)):
        make_sub_agent(make_task(cpu_cores=16, estimated_seconds=seconds), make_agent(name))
    make_agent("tiny", cpu_cores=1)
    make_agent("gone", connectivity="unreachable")
    html = text_of(ada, f"/tasks/{make_task(cpu_cores=4).pk}/why/", **HTMX)
    assert "<html" not in html
    for words in ("from estimates", "in about 20 min, when #", "is offline", "never"):
        assert words in html
    assert [html.index(f'data-host="{name}"') for name in ("soon", "late", "gone", "tiny")] == sorted(
        html.index(f'data-host="{name}"') for name in ("soon", "late", "gone", "tiny")
    )


def test_the_sentence_is_repeated_only_when_it_says_more(ada: Client) -> None:
    make_sub_agent(make_task(cpu_cores=16, estimated_seconds=60), make_agent("a"))
    first, second = (make_task(cpu_cores=4) for _ in range(2))
    assert "Needs 4" not in text_of(ada, f"/tasks/{first.pk}/why/", **HTMX)
    assert "1 task is before it in the queue." in text_of(ada, f"/tasks/{second.pk}/why/", **HTMX)


def test_hosts_lead_to_the_agents_page(ada: Client) -> None:
    agent = make_agent("tiny", cpu_cores=1)
    html = text_of(ada, f"/tasks/{make_task(cpu_cores=4).pk}/why/", **HTMX)
    assert f'href="/agents/#agent-{agent.pk}"' in html


def test_a_page_for_browsers_without_scripts(ada: Client) -> None:
    make_agent("a")
    html = text_of(ada, f"/tasks/{make_task().pk}/why/")
    assert "<html" in html
    assert "Next in line" in html


def test_nothing_is_left_of_it_once_the_task_runs(ada: Client) -> None:
    task = make_sub_agent(agent=make_agent("a")).task
    assert text_of(ada, f"/tasks/{task.pk}/why/", **HTMX).strip() == ""
    assert "It does not wait." in text_of(ada, f"/tasks/{task.pk}/why/")


def test_the_task_page_asks_for_it_while_the_task_is_open(ada: Client) -> None:
    task, done = make_task(), make_task("completed", agent=make_agent("a"))
    assert f'src="/tasks/{task.pk}/why/"' in text_of(ada, f"/tasks/{task.pk}/")
    assert "/why/" not in text_of(ada, f"/tasks/{done.pk}/")


def test_many_hosts_are_cut_short(ada: Client) -> None:
    for number in range(25):
        make_agent(f"host-{number:02}", cpu_cores=1)
    html = text_of(ada, f"/tasks/{make_task(cpu_cores=2).pk}/why/", **HTMX)
    assert html.count("data-host=") == 20
    assert "and 5 more hosts" in html


def test_unknown_is_404(ada: Client) -> None:
    assert ada.get("/tasks/77/why/").status_code == 404
