"""A ranking under a policy that draws lots: new keys for every choice, but nobody asks all hosts again for that."""

from unittest.mock import Mock

import pytest

from tasks.scheduling import fit
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.policies.random_choice import RandomChoice
from tasks.scheduling.ranking import Ranking
from tasks.scheduling.values import Host, Request, Shape


def fleet_of(count: int) -> Fleet:
    return Fleet(Host(str(number), f"h{number}", 200, 200, None, None) for number in range(count))


def test_a_host_that_filled_up_is_not_drawn_any_more() -> None:
    fleet = fleet_of(3)
    ranking = Ranking(Shape(200), fleet, RandomChoice(seed=1))
    for left in (3, 2, 1, 0):
        places = list(ranking.best_first())
        assert len(places) == left
        if places:
            fleet.book(places[0], Request(left, Shape(100)), ())


def test_lots_are_drawn_anew_for_each_choice() -> None:
    ranking = Ranking(Shape(100), fleet_of(5), RandomChoice(seed=1))
    assert {next(ranking.best_first()) for _ in range(100)} == {0, 1, 2, 3, 4}


def test_only_hosts_that_changed_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Mock(wraps=fit.refusal)
    monkeypatch.setattr(fit, "refusal", asked)
    fleet = fleet_of(50)
    ranking = Ranking(Shape(100), fleet, RandomChoice(seed=1))
    asked.reset_mock()
    for number in range(10):
        fleet.book(next(ranking.best_first()), Request(number, Shape(1)), ())
    assert asked.call_count == 9
