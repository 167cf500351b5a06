"""The queue by lanes gives the same order as sorting everything, also while users' shares grow."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.scheduling import order
from tasks.scheduling.lane_queue import Lane, LaneQueue, Waiting
from tasks.scheduling.order import Claim
from tasks.scheduling.values import Request, Shape

HOUR = 3600.0


@dataclass(frozen=True)
class Kind:
    """What makes a lane: in one lane all have the same user, priority, shape and latest start."""

    owner: int
    priority: int
    cores: int
    start_in: float | None


kinds = st.builds(
    Kind,
    st.integers(1, 3),
    st.integers(2, 4),
    st.sampled_from([100, 200]),
    st.sampled_from([None, None, -HOUR, 5 * HOUR, 100 * HOUR]),
)
crowds = st.lists(st.tuples(kinds, st.sampled_from([0.0, 1.0, 23.0, 25.0, 80.0])), max_size=25)


def waiting_of(crowd: list[tuple[Kind, float]]) -> list[tuple[Kind, Waiting]]:
    return [
        (
            kind,
            (
                Claim(number, kind.priority, hours * HOUR, kind.start_in),
                Request(number, Shape(kind.cores), owner=kind.owner),
            ),
        )
        for number, (kind, hours) in enumerate(crowd)
    ]


def lanes_of(crowd: list[tuple[Kind, float]]) -> list[Lane]:
    """As the database gives them: by age within a lane, two at a time."""
    by_kind: dict[Kind, list[Waiting]] = {}
    for kind, waiting in waiting_of(crowd):
        by_kind.setdefault(kind, []).append(waiting)
    return [
        lane_of(kind, sorted(rows, key=lambda row: (-row[0].waited_seconds, row[0].id)))
        for kind, rows in by_kind.items()
    ]


def lane_of(kind: Kind, rows: list[Waiting]) -> Lane:
    rest = rows[1:]

    def more() -> list[Waiting]:
        found = rest[:2]
        del rest[:2]
        return found

    return Lane(kind.owner, rows[:1], more)


@given(crowds, st.dictionaries(st.integers(1, 3), st.floats(0, 1)))
@settings(deadline=None)
def test_it_is_the_order_of_sorting_everything(crowd: list[tuple[Kind, float]], used: dict[int | None, float]) -> None:
    queue = LaneQueue(lanes_of(crowd), used)
    given_order = []
    while (request := queue.next()) is not None:
        given_order.append(request.id)
    whole = sorted(waiting_of(crowd), key=lambda row: order.key(row[1][0], used.get(row[0].owner, 0.0)))
    assert given_order == [waiting[1].id for _, waiting in whole]


@given(crowds, st.lists(st.booleans(), min_size=25, max_size=25))
@settings(deadline=None)
def test_it_is_right_while_shares_grow_and_lanes_rest(crowd: list[tuple[Kind, float]], room: list[bool]) -> None:
    """Against a model that sorts everything again for each task."""
    queue, used = LaneQueue(lanes_of(crowd), {}), dict[int | None, float]()
    left = waiting_of(crowd)
    for found_room in room:
        expected = min(left, key=lambda row: order.key(row[1][0], used.get(row[0].owner, 0.0)), default=None)
        request = queue.next()
        assert (request and request.id) == (expected and expected[1][1].id)
        if expected is None or request is None:
            return
        if found_room:
            queue.placed(request, 0.25)
            used[request.owner] = used.get(request.owner, 0.0) + 0.25
            left.remove(expected)
        else:
            queue.refused(request)
            left = [row for row in left if row[0] != expected[0]]


def test_a_lane_is_not_read_on_while_its_first_finds_no_room() -> None:
    reads = []

    def more() -> list[Waiting]:
        reads.append(1)
        return []

    queue = LaneQueue([Lane(1, [(Claim(1, 3, 0.0), Request(1, Shape(100)))], more)], {})
    request = queue.next()
    assert request is not None
    queue.refused(request)
    assert (queue.next(), reads) == (None, [])
