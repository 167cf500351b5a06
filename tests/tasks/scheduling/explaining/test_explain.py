"""Why a task waits, in one sentence for each situation."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.models import Agent, CountedResource
from tasks.models import Allocation, Reservation, Task
from tasks.scheduling.explaining import scene
from tasks.scheduling.explaining.explain import waiting_sentence, waiting_sentences
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


def test_the_host_that_has_room_first() -> None:
    for name, seconds in (("a", 7200), ("b", 1200), ("c", None)):
        make_sub_agent(make_task(cpu_cores=15, estimated_seconds=seconds), make_agent(name))
    ends_first = Task.objects.get(agent_name="b")
    make_agent("tiny", cpu_cores=1)
    sentence = waiting_sentence(make_task(cpu_cores=2))
    assert sentence == (
        f"Needs 2 CPU cores; b has 1 of 16 CPU cores free, room expected in about 20 min when #{ends_first.pk} ends; "
        "2 more hosts are full."
    )


def test_the_issues_example() -> None:
    host = make_agent("gpu-2", gpus=2, gpu_memory_mib=40960)
    holder = make_sub_agent(make_task(gpu_count=1, time_limit_seconds=1200), host, gpus=[host.gpus.get(index=0)]).task
    sentence = waiting_sentence(make_task(gpu_count=2, gpu_memory=40960))
    assert sentence == (
        f"Needs 2 GPUs of 40 GiB; gpu-2 has 1 such GPU free, room expected in about 20 min when #{holder.pk} ends."
    )


def test_a_run_time_that_nobody_gave_is_not_made_up() -> None:
    holder = make_sub_agent(make_task(cpu_cores=16), make_agent("box")).task
    sentence = waiting_sentence(make_task())
    assert sentence.endswith(f"room when #{holder.pk} ends (nobody said how long it runs).")


def test_a_share_that_outsiders_take() -> None:
    host = make_agent("box", gpus=1)
    card = {"index": 0, "uuid": host.gpus.get().uuid, "memory_used_mib": 20000, "own_mib": 0}
    Agent.objects.update(gpu_info=[card])
    assert waiting_sentence(make_task(gpu_count=1)) == (
        "Needs 1 GPU; box has 0 such GPUs free (GPU 0 used by processes outside Nightshift)."
    )


def test_never_on_any_known_host() -> None:
    make_agent("box")
    sentence = waiting_sentence(make_task(gpu_count=1))
    assert sentence == "No known host can ever run this: needs 1 CPU core and 1 GPU: box has no GPU."


def test_the_hosts_asked_for_are_told_before_those_that_were_not() -> None:
    for name in ("a", "b", "c", "named"):
        make_agent(name)
    sentence = waiting_sentence(make_task(gpu_count=1, hosts=["named"]))
    assert sentence == "No known host can ever run this: needs 1 CPU core and 1 GPU on named: named has no GPU."


def test_the_hosts_asked_for_are_out_of_service() -> None:
    make_agent("a")
    make_agent("gone", standing="deactivated")
    assert waiting_sentence(make_task(hosts=["gone", "new"])) == (
        "None of the hosts asked for is in service: gone (deactivated) and new (not known)."
    )


def test_the_only_host_that_could_is_offline() -> None:
    make_agent("box")
    make_agent("gpu-1", gpus=1, connectivity="unreachable")
    sentence = waiting_sentence(make_task(gpu_count=1))
    assert sentence == ("No host that is online can run this: needs 1 CPU core and 1 GPU; gpu-1 could but is offline.")


def test_a_gang_says_how_many_hosts_would_do() -> None:
    make_agent("a")
    holder = make_sub_agent(make_task(cpu_cores=16, estimated_seconds=600), make_agent("b")).task
    assert waiting_sentence(make_task(cpu_cores=8, node_count=2)) == (
        "Needs 2 hosts at once with 8 CPU cores each; 1 has room now; b has 0 of 16 CPU cores free, room expected in "
        f"about 10 min when #{holder.pk} ends."
    )


def test_a_gang_larger_than_the_site() -> None:
    make_agent("a")
    make_agent("b", cpu_cores=1)
    assert waiting_sentence(make_task(cpu_cores=8, node_count=2)) == (
        "Needs 2 hosts at once, but only 1 can ever run it: needs 8 CPU cores on each of 2 hosts: "
        "b has 1 CPU core in all."
    )


def test_a_pool_without_hosts() -> None:
    make_agent("a")
    assert waiting_sentence(make_task(pool="night")) == (
        "The pool night has no host, or there is no such pool any more."
    )


def test_a_resource_of_the_site_names_who_has_it() -> None:
    CountedResource.objects.create(name="matlab", total=2)
    host = make_agent("a")
    holders = []
    for _ in range(2):
        sub_agent = make_sub_agent(make_task(resources={"matlab": 1}), host)
        Allocation.objects.filter(sub_agent=sub_agent).update(resources={"matlab": 1})
        holders.append(f"#{sub_agent.task_id}")
    assert waiting_sentence(make_task(resources={"matlab": 1})) == (
        f"Needs 1 matlab; 2 of 2 matlab in use on the site by {holders[0]} and {holders[1]}."
    )
    assert waiting_sentence(make_task(resources={"matlab": 3})) == "Needs 3 matlab; the site has 2 in all."


def test_its_reservation_has_no_room_yet_or_is_over() -> None:
    make_agent("a")
    hour = timezone.now() + timedelta(hours=1)
    pending = Reservation.objects.create(name="mine", wait_until=hour, until=hour)
    over = Reservation.objects.create(name="mine", wait_until=hour, until=hour, state="expired")
    assert waiting_sentence(make_task(reservation=pending)) == (
        f"Waits for reservation {pending.pk}, which has not found room itself yet."
    )
    assert waiting_sentence(make_task(reservation=over)) == f"Its reservation {over.pk} is over (expired)."


def test_a_deadline_that_presses() -> None:
    make_agent("a")
    at = timezone.now() + timedelta(hours=3)
    words = f"it has to start by {at - timedelta(hours=1):%H:%M} UTC to keep its deadline."
    assert waiting_sentence(make_task(deadline_at=at, estimated_seconds=3600)).endswith(words)
    assert "deadline" not in waiting_sentence(make_task(deadline_at=at + timedelta(days=2), estimated_seconds=3600))
    assert "it had to start by" in waiting_sentence(make_task(deadline_at=at, estimated_seconds=4 * 3600))


def test_a_long_list_of_different_tasks_stops_asking_every_host(monkeypatch: Any) -> None:
    monkeypatch.setattr(scene, "MOST_PAIRS", 1)
    make_sub_agent(make_task(cpu_cores=16), make_agent("a"))
    tasks = [make_task(cpu_cores=number) for number in (1, 2, 3)]
    found = waiting_sentences(tasks)
    assert [found[task.pk].startswith("Needs") for task in tasks] == [True] * 3
    assert found[tasks[2].pk] == "Needs 3 CPU cores; open it to see what the hosts say."


def test_many_tasks_look_at_the_hosts_once(django_assert_num_queries: Any) -> None:
    make_agent()
    tasks = [make_task() for _ in range(10)]
    with django_assert_num_queries(10):
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
