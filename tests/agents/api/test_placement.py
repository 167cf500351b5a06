"""The rules of placement over REST: read by everyone, changed by staff, wrong values named."""

from typing import Any

import pytest

from agents.models import PlacementEvent, PlacementRules
from tests.rest import patch, rest

pytestmark = pytest.mark.django_db
DEFAULTS = {
    "policy": "fragmentation",
    "ageing_hours": 24.0,
    "usage_half_life_hours": 24.0,
    "hold_after_seconds": 600,
    "start_hold_seconds": 0,
}


def changed(body: Any, *, is_staff: bool = True) -> Any:
    return patch(rest("root" if is_staff else "ada", is_staff=is_staff), "/api/placement/", body)


def test_everyone_reads_the_defaults_of_a_site_that_nobody_has_changed() -> None:
    assert rest().get("/api/placement/").json() == DEFAULTS
    assert not PlacementRules.objects.exists()


def test_a_change_keeps_the_rest_and_is_written_down() -> None:
    body = {"policy": "random", "ageing_hours": 12, "start_hold_seconds": 0}
    assert changed(body).json() == {**DEFAULTS, **body} == rest().get("/api/placement/").json()
    assert PlacementEvent.objects.get().actor_name == "root"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("policy", "fastest"),
        ("policy", ""),
        ("policy", None),
        ("ageing_hours", -1),
        ("ageing_hours", "24"),
        ("ageing_hours", True),
        ("ageing_hours", None),
        ("usage_half_life_hours", 10**300),
        ("usage_half_life_hours", 10**400),
        ("hold_after_seconds", -1),
        ("hold_after_seconds", 1.5),
        ("hold_after_seconds", 10**15),
        ("start_hold_seconds", False),
        ("turn", 1),
    ],
)
def test_wrong_values_are_named_and_change_nothing(field: str, value: Any) -> None:
    reply = changed({field: value})
    assert (reply.status_code, list(reply.json())) == (400, [field])
    assert not PlacementRules.objects.exists()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_what_is_no_number_is_refused(number: str) -> None:
    client = rest("root", is_staff=True)
    reply = client.patch("/api/placement/", f'{{"ageing_hours": {number}}}', content_type="application/json")
    assert reply.status_code == 400
    assert not PlacementRules.objects.exists()


def test_only_staff_change_them() -> None:
    assert changed({"policy": "random"}, is_staff=False).status_code == 403
    assert not PlacementRules.objects.exists()
