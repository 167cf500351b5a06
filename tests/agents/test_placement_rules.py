"""The site's rules: bounds, history, and the signal that asks for a pass."""

from typing import Any

import pytest

from agents import placement_rules
from agents.models import PlacementEvent, PlacementRules
from agents.signals import placement_changed
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import InvalidFields

pytestmark = pytest.mark.django_db
ADA = Actor("user", "ada")


def test_a_change_is_stored_and_written_down() -> None:
    placement_rules.change({"policy": "random", "ageing_hours": 12.0}, actor=ADA, reason="a try")
    assert (PlacementRules.current().policy, PlacementRules.current().ageing_hours) == ("random", 12.0)
    row = PlacementEvent.objects.get()
    assert (row.from_state, row.to_state, row.reason) == ("fragmentation", "random", "a try")
    assert row.detail == {"policy": ["fragmentation", "random"], "ageing_hours": [24.0, 12.0]}


def test_what_stays_is_not_written_down() -> None:
    placement_rules.change({"policy": "fragmentation", "hold_after_seconds": 600}, actor=ADA)
    assert not PlacementEvent.objects.exists()


def test_there_is_only_ever_one_row() -> None:
    placement_rules.change({"policy": "random"}, actor=ADA)
    placement_rules.change({"policy": "nearest"}, actor=ADA)
    assert list(PlacementRules.objects.values_list("pk", "policy")) == [(1, "nearest")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("policy", "fastest"),
        ("policy", ""),
        ("policy", None),
        ("ageing_hours", 0),
        ("ageing_hours", -1),
        ("ageing_hours", float("nan")),
        ("ageing_hours", float("inf")),
        ("ageing_hours", True),
        ("ageing_hours", "24"),
        ("usage_half_life_hours", 1e9),
        ("hold_after_seconds", -1),
        ("hold_after_seconds", 1.5),
        ("hold_after_seconds", 10**12),
        ("start_hold_seconds", 86401),
        ("pk", 2),
    ],
)
def test_wrong_values_are_named_and_change_nothing(field: str, value: Any) -> None:
    with pytest.raises(InvalidFields) as error:
        placement_rules.change({"policy": "random", field: value}, actor=ADA)
    assert list(error.value.fields) == [field]
    assert not PlacementRules.objects.exists()


def test_a_change_is_told_to_who_listens() -> None:
    heard = []

    def listen(**_: Any) -> None:
        heard.append(1)

    placement_changed.connect(listen)
    placement_rules.change({"policy": "random"}, actor=ADA)
    assert heard == [1]
