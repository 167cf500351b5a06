"""Why a task waits, in one sentence for each situation."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.models import Agent
from tasks.scheduling.explain import waiting_sentence, waiting_sentences
from tasks.scheduling.values import Shape
from tasks.scheduling.wording import needs
from tests.factories import make_agent, make_sub_agent, make_task

pytestmark = pytest.mark.django_db


def test_who_does_not_wait_has_nothing_to_explain() -> None:
    for status in ("running", "completed", "failed", "canceled"):
        assert waiting_sentence(make_task(status)) == ""


def test_blocked_names_what_it_waits_for() -> None:
    others = [make_task() for _ in range(4)]
    first, second, third, _ = (f"#{other.pk} (waiting)" for other in others)
    task = make_task("blocked", depends_on=others)
    assert waiting_sentence(task) == f"Waits for {first}, {second}, {third} and 1 more."


def test_blocked_does_not_name_what_is_met() -> None:
    done, other = make_task("completed"), make_task("running")
    assert waiting_sentence(make_task("blocked", depends_on=[done, other])) == f"Waits for #{other.pk} (running)."


def test_placed() -> None:
    task = make_sub_agent(agent=make_agent("box"), state="assigned").task
    assert waiting_sentence(task) == "Placed on box; it has not started yet."


def test_between_two_tries() -> None:
    at = timezone.now() + timedelta(minutes=3)
    assert waiting_sentence(make_task(not_before=at)) == f"Tries again at {at:%H:%M:%S} UTC."


def test_no_host_at_all() -> None:
    assert waiting_sentence(make_task()) == "No host has connected yet."


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"connectivity": "unreachable"}, "1 offline"),
        ({"standing": "paused"}, "1 paused"),
        ({"accepts_work": False}, "1 not accepting work"),
    ],
)
def test_no_host_takes_work(fields: dict[str, Any], words: str) -> None:
    make_agent(**fields)
    assert waiting_sentence(make_task()) == f"No host takes work now: {words}."


def test_next_in_line() -> None:
    make_agent()
    assert waiting_sentence(make_task()) == "Next in line; it starts within a moment."


def test_what_is_missing_where() -> None:
    for name in ("a", "b", "c", "d", "e"):
        make_sub_agent(make_task(cpu_cores=16), make_agent(name))
    make_agent("tiny", cpu_cores=1)
    sentence = waiting_sentence(make_task(cpu_cores=2))
    assert sentence == (
        "Needs 2 CPU cores; a has 0 of 16 CPU cores free, b has 0 of 16 CPU cores free, c has 0 of 16 CPU cores free, "
        "and 2 more hosts likewise."
    )


def test_never_on_any_host_that_is_online() -> None:
    make_agent("box")
    sentence = waiting_sentence(make_task(gpu_count=1))
    assert sentence == "No host that is online can ever run this: needs 1 CPU core and 1 GPU; box has no GPU."


def test_many_tasks_look_at_the_hosts_once(django_assert_num_queries: Any) -> None:
    make_agent()
    tasks = [make_task() for _ in range(10)]
    with django_assert_num_queries(9):
        assert len(waiting_sentences(tasks)) == 10
    assert Agent.objects.count() == 1


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (Shape(150), "1.5 CPU cores"),
        (Shape(100, 512), "1 CPU core and 0.5 GiB of memory"),
        (Shape(100, 16384, gpu_count=2, gpu_memory_mib=40960), "1 CPU core, 16 GiB of memory and 2 GPUs of 40 GiB"),
        (Shape(100, gpu_count=1, gpu_memory_mib=10240, gpu_share=True), "1 CPU core and a share of 1 GPU of 10 GiB"),
    ],
)
def test_needs(shape: Shape, words: str) -> None:
    assert needs(shape) == words
