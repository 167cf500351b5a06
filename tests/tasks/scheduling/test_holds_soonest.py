"""Which hosts are kept free: those with room soonest, found without looking into the future of all of them."""

import heapq
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.scheduling import release
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.holds import Holds, opening_on
from tasks.scheduling.values import Card, Ending, Held, Host, Request, Shape
from tests.examples import examples
from tests.tasks.scheduling import worlds

LONG = 1000.0


def kept(shape: Shape, on: list[Host], site: dict[str, int] | None = None) -> dict[int, float]:
    holds = Holds(Fleet(on, site))
    holds.hold_for(Request(1, shape, 60, LONG))
    return {place: hold.in_seconds for place, hold in holds.by_place.items()}


def asked_of_all(shape: Shape, on: list[Host]) -> dict[int, float]:
    """The same by asking every host."""
    openings = ((opening, place) for place, host in enumerate(on) if (opening := opening_on(shape, host)) is not None)
    found = heapq.nsmallest(shape.node_count, openings)
    return {place: found[-1][0].in_seconds for _, place in found} if len(found) == shape.node_count else {}


@st.composite
def busy_host(draw: st.DrawFn, number: int) -> Host:
    """Up to four tasks, with a card each or none, that end one after the other or at once."""
    own = [Card(number * 10 + index, index, 40960, 40960) for index in range(4)]
    host = Host(str(number), f"h{number}", 800, 800, None, None, own)
    for index in range(draw(st.integers(0, 4))):
        cores, has_card = draw(st.sampled_from([100, 200])), draw(st.booleans())
        host.free_centicores -= cores
        host.holders += 1
        if has_card:
            own[index].holders, own[index].free_mib = 1, 0
        held = Held(cores, gpus=((own[index].gpu_id, None),) if has_card else ())
        host.endings.append(Ending(draw(st.sampled_from([60.0, 600.0, 3600.0])), held, f"#{number}{index}"))
    return host


small = st.builds(
    Shape,
    st.sampled_from([100, 500, 800]),
    gpu_count=st.sampled_from([0, 1, 3, 4]),
    node_count=st.integers(1, 3),
    whole_host=st.sampled_from([False, False, True]),
)


@given(small, st.integers(1, 6).flatmap(lambda count: st.tuples(*(busy_host(number) for number in range(count)))))
@settings(deadline=None, max_examples=examples(60))
def test_the_hosts_kept_are_those_with_room_soonest(shape: Shape, on: tuple[Host, ...]) -> None:
    assert kept(shape, list(on)) == asked_of_all(shape, list(on))


@given(worlds.shapes(), worlds.hosts())
@settings(deadline=None, max_examples=examples(40))
def test_the_same_on_hosts_of_all_kinds(shape: Shape, on: list[Host]) -> None:
    assert kept(shape, on, worlds.SITE) == asked_of_all(shape, on)


def test_of_many_busy_hosts_few_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = Mock(wraps=release.copy_of)
    monkeypatch.setattr(release, "copy_of", copied)
    on = [
        Host(str(n), f"h{n}", 800, 0, None, None, holders=1, endings=[Ending(60.0 + n, Held(800))]) for n in range(500)
    ]
    assert kept(Shape(800), on) == {0: 60.0}
    assert copied.call_count < 5
    copied.reset_mock()
    assert kept(Shape(800, hosts=("elsewhere",)), on) == {}
    assert copied.call_count == 0
