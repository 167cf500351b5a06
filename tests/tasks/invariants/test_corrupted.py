"""Every invariant is seen to be broken: a healthy database, one thing spoilt past the verbs, the sentence that names
it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from agents.models import Agent, CountedResource
from scheduler_site.shared import append_only
from tasks.invariants.run import check
from tasks.models import (
    AllocatedGpu,
    Allocation,
    Dependency,
    FenceCounter,
    OutputLog,
    Reservation,
    ReservationEvent,
    SubAgent,
    Task,
    TaskEvent,
)
from tests.factories import make_gpu
from tests.tasks.invariants.flow import rich

pytestmark = pytest.mark.django_db

running = Task.objects.filter(status="running")
live = SubAgent.objects.filter(state="running")
waiting = Task.objects.filter(status="waiting", attempt_no=0)
held = Allocation.objects.filter(released_at=None)


def copied(row: Any, **columns: Any) -> None:
    row.pk = None
    for name, value in columns.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def second_live_attempt() -> None:
    copied(live.get(), attempt_no=2, fence=900, rank=1)


def fence_without_attempt() -> None:
    waiting.update(current_fence=77)


def attempt_without_fence() -> None:
    running.update(current_fence=None, status="waiting")


def fence_of_another_attempt() -> None:
    running.update(current_fence=1)


def started_and_still_waiting() -> None:
    running.update(status="waiting")


def running_and_never_started() -> None:
    live.update(started_at=None)


def more_than_the_host_has() -> None:
    held.update(cpu_cores=100, created_at=timezone.now() + timedelta(hours=1))


def more_than_the_reservation_has() -> None:
    Allocation.objects.update(inside=Reservation.objects.get())
    held.update(cpu_cores=100)


def whole_host_and_another() -> None:
    held.update(whole_host=True)
    spare = Allocation.objects.exclude(released_at=None).filter(agent=held.get().agent).first()
    Allocation.objects.filter(pk=spare.pk).update(released_at=None)


def whole_card_and_a_part() -> None:
    part = AllocatedGpu.objects.get()
    spare = Allocation.objects.exclude(pk=part.allocation_id).first()
    copied(part, allocation=spare, is_shared=True, memory_mib=1)


def card_of_another_host() -> None:
    AllocatedGpu.objects.update(gpu=make_gpu(Agent.objects.get(name="host-2"), index=7))


def licences_that_nobody_has() -> None:
    CountedResource.objects.create(agent=Agent.objects.get(name="host-1"), name="seat", total=1, origin="operator")
    held.update(resources={"seat": 2}, created_at=timezone.now() + timedelta(hours=1))


def licences_the_site_has_not() -> None:
    CountedResource.objects.create(agent=None, name="licence", total=1, origin="operator")
    held.update(resources={"licence": 2})


def held_after_the_end() -> None:
    spare = Allocation.objects.filter(sub_agent__state="succeeded").first()
    Allocation.objects.filter(pk=spare.pk).update(released_at=None)


def released_while_it_runs() -> None:
    held.update(released_at=timezone.now())


def card_released_alone() -> None:
    AllocatedGpu.objects.update(released_at=timezone.now())


def ended_twice() -> None:
    copied(TaskEvent.objects.filter(verb="ended").first())


def completed_by_a_failed_attempt() -> None:
    SubAgent.objects.filter(state="succeeded").update(state="failed")


def exit_code_of_nobody() -> None:
    Task.objects.filter(status="completed").update(exit_code=42)


def an_edge_that_is_none() -> None:
    TaskEvent.objects.filter(to_state="completed").update(to_state="blocked")


def reservation_edge_that_is_none() -> None:
    ReservationEvent.objects.filter(verb="granted").update(to_state="expired")


def claimed_after_the_end() -> None:
    copied(TaskEvent.objects.filter(verb="claimed").first())


def file_shorter_than_the_row() -> None:
    for path in Path(settings.TASK_LOG_DIR).glob("*/*.log"):
        path.write_bytes(b"h")


def other_bytes_in_the_file() -> None:
    for path in Path(settings.TASK_LOG_DIR).glob("*/*.log"):
        path.write_bytes(b"jello\n")


def more_stored_than_produced() -> None:
    OutputLog.objects.filter(state="complete").update(final_bytes=1)


def gaps_that_overlap() -> None:
    OutputLog.objects.filter(state="complete").update(gaps=[[0, 3, "cap"], [2, 4, "cap"]])


def a_gap_without_a_reason() -> None:
    OutputLog.objects.filter(state="complete").update(gaps=[[0, 3, ""]])


def a_hole_in_the_numbers() -> None:
    SubAgent.objects.filter(attempt_no=2).update(attempt_no=3)


def attempts_that_are_not_there() -> None:
    waiting.update(attempt_no=1)


def a_hole_in_the_ranks() -> None:
    SubAgent.objects.filter(rank=1).update(rank=2)


def a_fence_that_falls() -> None:
    SubAgent.objects.filter(attempt_no=1, task__attempt_no=2).update(fence=F("fence") + 500)
    FenceCounter.objects.update(value=9999)


def a_counter_that_fell_back() -> None:
    FenceCounter.objects.update(value=0)


def a_second_run_that_nobody_asked_for() -> None:
    Task.objects.update(retries_used=0)


def placed_too_early() -> None:
    done = Task.objects.filter(status="completed").first()
    Dependency.objects.create(task=done, depends_on=running.get(), is_satisfied=True)


def an_open_dependency_taken_for_met() -> None:
    Dependency.objects.filter(task__status="blocked").update(is_satisfied=True)


def a_dependency_counted_twice() -> None:
    Task.objects.filter(status="blocked").update(unmet=2)


def claimed_while_paused() -> None:
    paused = Agent.objects.get(name="host-1").events.get(verb="pause")
    SubAgent.objects.filter(state="succeeded").update(claimed_at=paused.at)


def status_without_its_row() -> None:
    TaskEvent.objects.filter(task__in=running, verb="started").delete()


def a_hole_in_the_history() -> None:
    TaskEvent.objects.filter(verb="retried").delete()


def standing_that_nobody_decided() -> None:
    Agent.objects.update(standing="paused")


def claim_without_its_row() -> None:
    TaskEvent.objects.filter(verb="claimed").delete()


def placed_without_its_row() -> None:
    TaskEvent.objects.filter(verb="placed").delete()


SPOILT: list[tuple[int, Callable[[], None], str]] = [
    (1, second_live_attempt, "has 2 live sub agents"),
    (2, fence_without_attempt, "has a fence, but none of its sub agents is live"),
    (2, attempt_without_fence, "has no fence, but a sub agent of it is live"),
    (2, fence_of_another_attempt, "is not that of its live attempt"),
    (2, started_and_still_waiting, "but the task is not running"),
    (2, running_and_never_started, "none of its sub agents has started"),
    (3, more_than_the_host_has, "are held on host-1, which has"),
    (3, more_than_the_reservation_has, "hold more than it holds itself"),
    (3, more_than_the_reservation_has, "which has ended"),
    (3, whole_host_and_another, "is held whole, and yet by 2 holders"),
    (3, whole_card_and_a_part, "GPU 0 of host-1 is held by 2 holders"),
    (3, card_of_another_host, "holds a card of another host"),
    (3, licences_that_nobody_has, "2 seat are held on host-1"),
    (3, licences_the_site_has_not, "2 licence of the site are held"),
    (3, held_after_the_end, "is over and still holds its allocation"),
    (3, released_while_it_runs, "holds nothing"),
    (3, card_released_alone, "for different times"),
    (4, ended_twice, "has ended 2 times"),
    (4, completed_by_a_failed_attempt, "its last attempt did not succeed"),
    (4, exit_code_of_nobody, "is not that of its last attempt"),
    (5, an_edge_that_is_none, "which no rule allows"),
    (5, reservation_edge_that_is_none, "went from pending to expired"),
    (6, claimed_after_the_end, "was claimed after it had been canceled or had ended"),
    (7, file_shorter_than_the_row, "6 bytes are stored and 1 in the file"),
    (7, other_bytes_in_the_file, "is not what the host had"),
    (7, more_stored_than_produced, "which cannot be"),
    (7, gaps_that_overlap, "are not in order"),
    (7, a_gap_without_a_reason, "are not in order"),
    (10, a_hole_in_the_numbers, "are not numbered 1 to its latest"),
    (10, attempts_that_are_not_there, "counts attempts, but there are none"),
    (10, a_hole_in_the_ranks, "have ranks with holes"),
    (10, a_fence_that_falls, "is not above the one before"),
    (10, a_counter_that_fell_back, "The counter of fences stands at 0"),
    (10, a_second_run_that_nobody_asked_for, "was executed 2 times after 0 retries"),
    (12, placed_too_early, "had ended as required"),
    (12, an_open_dependency_taken_for_met, "for met, which it is not"),
    (12, a_dependency_counted_twice, "counts 2 open dependencies and has 1"),
    (15, claimed_while_paused, "host-1 claimed a task while it was paused"),
    (16, status_without_its_row, "is running, but its history says waiting"),
    (16, a_hole_in_the_history, "its next row (placed) begins at waiting"),
    (16, standing_that_nobody_decided, "is paused, but its history says"),
    (16, claim_without_its_row, "with 0 claims in the history"),
    (16, placed_without_its_row, "was placed 0 times"),
]


def test_each_is_found_and_named() -> None:
    """All on one database, which is made whole again each time: making it takes seconds."""
    rich()
    assert check() == []
    missed = [name for name in map(_missed, SPOILT) if name]
    assert missed == []
    assert check(with_digests=True) == []


def _missed(case: tuple[int, Callable[[], None], str]) -> str:
    """What was found instead of what should have been; empty when all is well."""
    number, spoil, sentence = case
    kept = {path: path.read_bytes() for path in Path(settings.TASK_LOG_DIR).glob("*/*.log")}
    with transaction.atomic():
        for guard in (statement for rule in append_only.rules() for statement in append_only.without(rule)):
            with connection.cursor() as cursor:
                cursor.execute(guard)
        spoil()
        found = [str(violation) for violation in check(with_digests=True)]
        transaction.set_rollback(True)
    for path, data in kept.items():
        path.write_bytes(data)
    is_named = any(words.startswith(f"I{number}: ") and sentence in words for words in found)
    return "" if is_named else f"{spoil.__name__}: {found}"
