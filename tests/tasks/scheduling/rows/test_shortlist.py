"""Which of very many lanes a pass looks at: nobody who fits is forgotten for ever, the first are always there."""

import numpy as np
import pytest
from django.utils import timezone

from tasks.scheduling.fleet import Fleet
from tasks.scheduling.rows import lanes, shortlist
from tasks.scheduling.rows.shortlist import FEW, FIRST, MOST_ABLE, Heads
from tasks.scheduling.values import Card, Host
from tests.factories import make_task


def fleet(cores: int = 4, memory: int | None = 8192, gpus: int = 1) -> Fleet:
    cards = [Card(index, index, 1000, 1000) for index in range(gpus)]
    return Fleet([Host("a", "a", 3200, cores * 100, memory, memory, cards)])


def heads(count: int, *, cores: int = 1, memory: int = 0, gpus: int = 0, priority: int = 3) -> Heads:
    """Ids rise as age falls; all alike."""
    columns = [np.full(count, value) for value in (priority, cores * 100, memory, gpus)]
    return Heads(np.arange(1, count + 1), columns[0], np.arange(count), columns[1], columns[2], columns[3])


FITS_NOWHERE = {"cores": {"cores": 5}, "memory": {"memory": 9000}, "cards": {"gpus": 2}}


@pytest.mark.parametrize("name", FITS_NOWHERE)
def test_of_those_that_fit_nowhere_the_first_stay_because_hosts_may_be_kept_for_them(name: str) -> None:
    found = shortlist.ids(heads(10_000, **FITS_NOWHERE[name]), fleet(), turn=0)
    assert found == list(range(1, FIRST // 2 + 1))


def test_the_oldest_stay_even_behind_everybody_elses_priority() -> None:
    many = heads(10_000, cores=5)
    many.priorities[:100] = 5
    assert set(range(1, 101)) <= set(shortlist.ids(many, fleet(), turn=0))


def test_who_fits_is_looked_at_however_late_it_stands() -> None:
    many = heads(10_000, cores=5)
    many.centicores[9_998] = 400
    assert shortlist.ids(many, fleet(), turn=3)[-1] == 9_999


def test_no_memory_asked_fits_a_host_whose_memory_is_unknown() -> None:
    many = heads(10_000, cores=5)
    many.centicores[9_998] = 400
    assert shortlist.ids(many, fleet(memory=None), turn=0)[-1] == 9_999


def test_when_too_many_might_fit_everybody_gets_a_turn() -> None:
    seen: set[int] = set()
    for turn in range(14):
        found = shortlist.ids(heads(10_000), fleet(), turn)
        assert len(found) <= FIRST + MOST_ABLE
        assert found[: MOST_ABLE // 2] == list(range(1, MOST_ABLE // 2 + 1))
        seen |= set(found)
    assert len(seen) == 10_000


@pytest.mark.django_db
def test_few_lanes_are_all_looked_at_and_of_many_only_some(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [make_task(cpu_cores=8, memory_mib=1000 + number, priority=3) for number in range(6)]
    fits = make_task(cpu_cores=2, priority=5)
    now = timezone.now()
    assert FEW > 7
    assert len(lanes.load(lanes.heads(now), now, frozenset(), fleet())) == 7
    monkeypatch.setattr(shortlist, "FEW", 5)
    monkeypatch.setattr(shortlist, "FIRST", 4)
    found = [next(iter(lane.first))[1].id for lane in lanes.load(lanes.heads(now), now, frozenset(), fleet())]
    assert found == [made[0].pk, made[1].pk, fits.pk]
    assert len(lanes.load(lanes.heads(now), now, frozenset())) == 7
