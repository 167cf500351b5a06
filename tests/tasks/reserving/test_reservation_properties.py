"""Whatever is reserved, submitted, ended and passed in whatever order: no host gives more than it has, neither as a
whole nor inside a reservation, and in the end everything is given back."""

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.errors import DomainError
from tasks import lifecycle
from tasks.models import AllocatedGpu, Allocation, Reservation, SubAgent, Task
from tasks.outcome import Outcome
from tasks.reserving import reservations
from tasks.scheduling.run import run_pass
from tasks.states import LIVE_STATES, EndReason, SubAgentState
from tests.examples import examples
from tests.factories import make_agent, make_task, make_user
from tests.tasks.reservation_rows import make_reservation

pytestmark = pytest.mark.django_db

CARDS = st.sampled_from([{}, {"gpu_count": 1}, {"gpu_count": 2}, {"gpu_count": 1, "gpu_share": True, "gpu_memory": 9}])
ASKED = st.tuples(st.integers(1, 3), CARDS, st.sampled_from([{}, {}, {"memory_mib": 8}, {"whole_host": True}]))
VERBS = st.sampled_from(["reserve", "submit", "submit", "submit", "release", "finish"])
STEPS = st.lists(st.tuples(VERBS, ASKED, st.integers(0, 9)), min_size=6, max_size=12)


def fields_of(asked: Any) -> dict[str, Any]:
    cores, cards, more = asked
    return {"cpu_cores": cores, **cards, **more}


def do(verb: str, fields: dict[str, Any], number: int) -> None:
    opened = list(Reservation.objects.filter(state__in=("pending", "active")).order_by("pk"))
    chosen = opened[number % len(opened)] if opened else None
    if verb == "reserve":
        make_reservation(**fields)
    elif verb == "submit" and number % 4 and chosen is not None:
        make_task(reservation=chosen, submitted_by=make_user(), **(fields if number % 2 else {"cpu_cores": 1}))
    elif verb == "submit":
        make_task(submitted_by=make_user(), **fields)
    elif verb == "release" and chosen is not None:
        reservations.release(chosen.pk, actor=SYSTEM)
    elif verb == "finish":
        finish_one(number)


def finish_one(number: int) -> None:
    live = list(SubAgent.objects.filter(state__in=LIVE_STATES).order_by("pk"))
    if live:
        sub_agent = live[number % len(live)]
        lifecycle.claim(sub_agent, "n")
        sub_agent.refresh_from_db()
        lifecycle.finish(sub_agent, Outcome(SubAgentState.SUCCEEDED, EndReason.EXIT, exit_code=0), actor=SYSTEM)


def passed() -> None:
    while not run_pass():
        pass


def check_nothing_is_given_twice() -> None:
    held = Allocation.objects.filter(released_at__isnull=True)
    outer = list(held.filter(inside=None))
    assert sum(row.cpu_cores for row in outer) <= 4
    assert sum(row.memory_mib for row in outer) <= 16
    if any(row.whole_host for row in outer):
        assert len(outer) == 1
    for card in range(2):
        check_card(AllocatedGpu.objects.filter(gpu__index=card, released_at__isnull=True, is_inside=False), 20)
    for booked in held.filter(reservation__isnull=False):
        check_inside(booked, list(held.filter(inside=booked.reservation)))


def check_inside(booked: Allocation, inner: list[Allocation]) -> None:
    assert sum(row.cpu_cores for row in inner) <= booked.cpu_cores
    assert sum(row.memory_mib for row in inner) <= booked.memory_mib
    parts = {card.gpu_id: card.memory_mib for card in booked.gpus.all()}
    taken = AllocatedGpu.objects.filter(allocation__in=inner)
    assert set(taken.values_list("gpu", flat=True)) <= set(parts)
    for gpu_id, size in parts.items():
        check_card(taken.filter(gpu=gpu_id), size)


def check_card(held: Any, size: int) -> None:
    parts = list(held)
    if any(not part.is_shared for part in parts):
        assert len(parts) == 1
    assert sum(part.memory_mib for part in parts) <= size


@settings(deadline=None, max_examples=examples(8), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_nothing_is_given_twice_and_everything_comes_back(steps: list[Any]) -> None:
    with transaction.atomic():
        make_agent("box", cpu_cores=4, memory_mib=16, gpus=2, gpu_memory_mib=20)
        for verb, asked, number in [("reserve", (1, steps[0][1][1], {}), 0), *steps]:
            try:
                do(verb, fields_of(asked), number)
            except reservations.InvalidReservation:
                continue
            passed()
            check_nothing_is_given_twice()
        end_all()
        assert not Allocation.objects.filter(released_at__isnull=True).exists()
        assert not Task.objects.filter(reservation__isnull=False, status__in=("waiting", "running")).exists()
        transaction.set_rollback(True)


def end_all() -> None:
    for row in Reservation.objects.filter(state__in=("pending", "active")):
        try:
            reservations.release(row.pk, actor=SYSTEM)
        except DomainError:
            continue
    while SubAgent.objects.filter(state__in=LIVE_STATES).exists():
        finish_one(0)
        check_nothing_is_given_twice()
