"""What may be asked to be reserved: every wrong field is named, and what can never be is refused with what is near."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.models import Reservation
from tasks.reserving import reservation_outlook, reservations
from tasks.reserving.reservation_fields import InvalidReservation, clean
from tests.factories import make_agent
from tests.tasks.reservation_rows import make_reservation

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an end that is past": ({"until": NOW - HOUR, "duration_seconds": None}, "until"),
    "an end in ten years": ({"until": NOW + 87600 * HOUR, "duration_seconds": None}, "until"),
    "no end": ({"duration_seconds": None}, "until"),
    "two ends": ({"until": NOW + HOUR}, "duration_seconds"),
    "no time at all": ({"duration_seconds": 0}, "duration_seconds"),
    "a negative time": ({"duration_seconds": -5}, "duration_seconds"),
    "true for a number": ({"duration_seconds": True}, "duration_seconds"),
    "a wait that is over": ({"wait_until": NOW - HOUR}, "wait_until"),
    "a wait beyond the end": (
        {"until": NOW + HOUR, "duration_seconds": None, "wait_until": NOW + 2 * HOUR},
        "wait_until",
    ),
    "two waits": ({"wait_until": NOW + HOUR, "wait_seconds": 5}, "wait_seconds"),
    "nothing": ({"cpu_cores": 0}, "cpu_cores"),
    "cores that are no number": ({"cpu_cores": float("nan")}, "cpu_cores"),
    "endless cores": ({"cpu_cores": float("inf")}, "cpu_cores"),
    "negative memory": ({"memory_mib": -1}, "memory_mib"),
    "card numbers without a host": ({"gpu_indices": [1]}, "gpu_indices"),
    "card numbers on two hosts": ({"gpu_indices": [1], "hosts": ["a", "b"]}, "gpu_indices"),
    "a card number below 0": ({"gpu_indices": [-1], "hosts": ["a"]}, "gpu_indices"),
    "card numbers that are none": ({"gpu_indices": ["1"], "hosts": ["a"]}, "gpu_indices"),
    "another count than the cards": ({"gpu_indices": [1], "hosts": ["a"], "gpu_count": 2}, "gpu_count"),
    "a share of nothing": ({"gpu_share": True}, "gpu_share"),
    "a share without a size": ({"gpu_share": True, "gpu_count": 1}, "gpu_memory"),
    "a type without a card": ({"gpu_types": ["a100"]}, "gpu_types"),
    "a broken expression": ({"requires": "a100 &"}, "requires"),
    "a host wanted and excluded": ({"hosts": ["a"], "exclude_hosts": ["a"]}, "exclude_hosts"),
    "a priority of 6": ({"priority": 6}, "priority"),
    "a resource less than none": ({"resources": {"matlab": -1}}, "resources"),
    "a field that tasks have only": ({"script_content": "true"}, "script_content"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_field_is_named(name: str) -> None:
    change, field = WRONG[name]
    with pytest.raises(InvalidReservation) as refusal:
        clean({"cpu_cores": 1, "duration_seconds": 60, **change}, NOW)
    assert list(refusal.value.fields) == [field]


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(InvalidReservation) as refusal:
        clean({"cpu_cores": -1, "priority": 0}, NOW)
    assert set(refusal.value.fields) == {"cpu_cores", "priority"}


@pytest.mark.parametrize(
    ("times", "hours"),
    [
        ({"duration_seconds": 60}, 24),
        ({"until": NOW + 48 * HOUR}, 24),
        ({"until": NOW + 2 * HOUR}, 2),
        ({"duration_seconds": 60, "wait_seconds": 7200}, 2),
        ({"until": NOW + 3 * HOUR, "wait_seconds": 86400}, 3),
        ({"until": NOW + 3 * HOUR, "wait_until": NOW + HOUR}, 1),
    ],
)
def test_how_long_it_waits(times: dict[str, Any], hours: int) -> None:
    assert clean({"cpu_cores": 1, **times}, NOW)["wait_until"] == NOW + hours * HOUR


def test_wrong_cards_by_number_are_all_that_is_wrong() -> None:
    with pytest.raises(InvalidReservation) as refusal:
        clean({"gpu_indices": [0], "hosts": ["a", "b"], "duration_seconds": 60}, NOW)
    assert list(refusal.value.fields) == ["gpu_indices"]


def test_cards_by_number_stand_for_their_count() -> None:
    values = clean({"gpu_indices": [3, 1], "hosts": ["a"], "duration_seconds": 60}, NOW)
    assert (values["gpu_indices"], values["gpu_count"]) == ([3, 1], 2)


IMPOSSIBLE: dict[str, tuple[dict[str, Any], str, str]] = {
    "a card that is not there": ({"gpu_indices": [3], "hosts": ["gpu-1"]}, "gpu_indices", "gpu-1"),
    "a host nobody knows": ({"hosts": ["nowhere"]}, "hosts", "There is no host nowhere."),
    "a host that is out of service": ({"hosts": ["old"]}, "hosts", "old is deactivated."),
    "a pool nobody knows": ({"pool": "night"}, "pool", "There is no pool night."),
    "more than any host has": ({"cpu_cores": 64}, "cpu_cores", "the nearest is gpu-1 with 16 CPU cores"),
    "larger cards than there are": ({"gpu_count": 1, "gpu_memory": 99999}, "gpu_memory", "of 24 GiB"),
    "a resource that nobody has": ({"resources": {"matlab": 1}}, "resources", "matlab"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_can_never_be_is_refused_with_what_is_near(name: str) -> None:
    make_agent("gpu-1", gpus=2)
    make_agent("old", standing="deactivated")
    change, field, words = IMPOSSIBLE[name]
    with pytest.raises(reservations.InvalidReservation) as refusal:
        make_reservation(**change)
    assert words in refusal.value.fields[field][0]
    assert not Reservation.objects.exists()


@pytest.mark.django_db
def test_a_host_that_is_away_may_be_reserved() -> None:
    make_agent("gpu-1", gpus=2, connectivity="unreachable")
    row = make_reservation(hosts=["gpu-1"], gpu_count=1)
    assert "gpu-1 is not connected or takes no work" in reservation_outlook.missing(row)
