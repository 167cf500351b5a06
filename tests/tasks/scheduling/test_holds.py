"""Hosts kept free for tasks that waited long: nobody starves, and who runs meanwhile delays nobody.

Run times are exact here, as in a small simulation: tasks end when they said they would.
"""

import heapq
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.scheduling import release
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.planner import ListedQueue, Plan, Planner, plan
from tasks.scheduling.policies.best_fit import BestFit
from tasks.scheduling.values import Card, Ending, Held, Host, Placement, Request, Shape
from tests.examples import examples

NEVER = float("inf")
HOLD_AFTER = 600


@dataclass
class Site:
    """Hosts, a clock and a queue in the order of arrival."""

    hosts: list[Host]
    hold_after: float = HOLD_AFTER
    now: float = 0.0
    queue: list[tuple[Request, float]] = field(default_factory=list)
    started: dict[int, float] = field(default_factory=dict)
    promised: dict[int, float] = field(default_factory=dict)
    ends: list[tuple[float, int, int, Held]] = field(default_factory=list)

    def submit(self, task_id: int, shape: Shape, seconds: int) -> None:
        self.queue.append((Request(task_id, shape, seconds), self.now))

    def advance(self, seconds: float) -> None:
        """To the next moment, with everything that ends until then; then a pass."""
        self.now += seconds
        while self.ends and self.ends[0][0] <= self.now:
            _, _, place, held = heapq.heappop(self.ends)
            release.give_back(self.hosts[place], held)
        self._look_ahead()
        self._pass()

    def _look_ahead(self) -> None:
        for place, host in enumerate(self.hosts):
            host.endings = [Ending(at - self.now, held) for at, _, where, held in self.ends if where == place]

    def _pass(self) -> None:
        waiting = [Request(r.id, r.shape, r.seconds, self.now - since) for r, since in self.queue]
        policy = BestFit()
        planner = Planner(ListedQueue(waiting), Fleet(self.hosts), lambda shape: policy, self.hold_after)
        for placement in planner.placements():
            self._start(placement)
        for hold in planner.plan.holds.by_place.values():
            self.promised.setdefault(hold.request.id, self.now + hold.in_seconds)
        self.queue = [(r, since) for r, since in self.queue if r.id not in self.started]

    def _start(self, placement: Placement) -> None:
        request = placement.request
        self.started[request.id] = self.now
        for member in placement.members:
            (place,) = (number for number, host in enumerate(self.hosts) if host.agent_id == member.agent_id)
            held = self.hosts[place].endings[-1].held
            heapq.heappush(self.ends, (self.now + request.seconds, request.id, place, held))


def host(name: str, cores: int = 8, gpus: int = 0) -> Host:
    own = [Card(ord(name[0]) * 10 + index, index, 40960, 40960) for index in range(gpus)]
    return Host(name, name, cores * 100, cores * 100, None, None, own)


def stream(hold_after: float, big: Shape, hours: float = 6) -> Site:
    """Two cores' worth of small tasks come every half minute and run for ten minutes: always more than fits. The big
    one comes after an hour."""
    site, task_id = Site([host("a"), host("b")], hold_after), 1
    while site.now < hours * 3600:
        site.advance(30)
        if site.now == 3600:
            site.queue.insert(0, (Request(0, big, 1800), site.now))  # it is the first in the order all the time
        for _ in range(2):
            task_id += 1
            site.submit(task_id, Shape(100), 600)
    return site


BIG = {
    "a whole host's cores": Shape(800),
    "a gang over both": Shape(500, node_count=2),
    "alone": Shape(100, whole_host=True),
}


@pytest.mark.parametrize("name", BIG)
def test_a_big_task_starts_within_a_bound(name: str) -> None:
    """What it waits at most: the time until hosts are kept free, and the longest run time of what is there then."""
    site = stream(HOLD_AFTER, BIG[name])
    assert site.started[0] <= 3600 + HOLD_AFTER + 600 + 60


@pytest.mark.parametrize("name", BIG)
def test_without_holds_it_would_wait_for_ever(name: str) -> None:
    assert 0 not in stream(NEVER, BIG[name]).started


small = st.tuples(st.sampled_from([100, 200, 300]), st.sampled_from([0, 0, 1, 2]), st.sampled_from([60, 600, 3000]))


@given(st.lists(small, min_size=10, max_size=40), st.sampled_from([(800, 0), (200, 3), (500, 1)]), st.integers(1, 2))
@settings(deadline=None, max_examples=examples(30))
def test_who_runs_meanwhile_never_delays_the_promised_start(
    others: list[tuple[int, int, int]], wanted: tuple[int, int], nodes: int
) -> None:
    site = Site([host("a", gpus=3), host("b", gpus=3)])
    queued = iter(enumerate(others, start=1))
    big = Request(0, Shape(wanted[0], gpu_count=wanted[1], node_count=nodes), 1800)
    for turn in range(400):
        if turn == 5:
            site.queue.insert(0, (big, site.now))
        if (following := next(queued, None)) is not None:
            task_id, (cores, gpus, seconds) = following
            site.submit(task_id, Shape(cores, gpu_count=gpus), seconds)
        site.advance(60)
    if 0 in site.promised:
        assert site.started[0] <= site.promised[0] + 60


def planned(queue: list[Request], on: list[Host], site: dict[str, int] | None = None, **more: int) -> Plan:
    policy = BestFit()
    fleet = Fleet(on, site, more or None)
    return plan(ListedQueue(queue), fleet, lambda shape: policy, HOLD_AFTER)


def busy(name: str, seconds: float, cores: int = 8, gpus: int = 0, taken: int = 8) -> Host:
    found = host(name, cores, gpus)
    found.free_centicores -= taken * 100
    found.holders = 1
    found.endings = [Ending(seconds, Held(taken * 100), "#9")]
    return found


OLD = float(HOLD_AFTER)


def placed(result: Plan) -> list[int]:
    return [item.request.id for item in result.placements]


def test_the_host_that_is_free_soonest_is_kept() -> None:
    result = planned([Request(1, Shape(800), 60, OLD)], [busy("a", 900), busy("b", 300), busy("c", 600)])
    assert {place: hold.in_seconds for place, hold in result.holds.by_place.items()} == {1: 300.0}


def test_who_waits_a_moment_gets_no_host_kept() -> None:
    assert not planned([Request(1, Shape(800), 60, OLD - 1)], [busy("a", 900)]).holds.by_place


def test_shorter_ones_may_run_there_and_longer_ones_only_beside_it() -> None:
    on = [busy("a", 900, cores=10, taken=7)]
    queue = [Request(1, Shape(800), 60, OLD), Request(2, Shape(100), 901), Request(3, Shape(200), 901)]
    assert placed(planned(queue, on)) == [2]
    assert placed(planned([queue[0], Request(3, Shape(300), 900)], [busy("a", 900, cores=10, taken=7)])) == [3]


def test_a_longer_one_gets_other_cards_than_those_that_are_kept() -> None:
    """The kept card is named by its number; of the two that are idle now only the other one may go."""
    on = [busy("a", 900, cores=8, gpus=2, taken=6)]
    kept = Request(1, Shape(600, gpu_count=1, gpu_indices=(0,)), 60, OLD)
    (item,) = planned([kept, Request(2, Shape(100, gpu_count=1), 9000)], on).placements
    assert item.members[0].gpu_ids == (on[0].cards[1].gpu_id,)
    on = [busy("a", 900, cores=8, gpus=1, taken=6)]
    assert placed(planned([kept, Request(2, Shape(100, gpu_count=1), 9000)], on)) == []


def test_the_first_of_its_kind_that_waited_long_gets_the_host_although_a_younger_one_comes_first() -> None:
    queue = [Request(1, Shape(800), 60, 0.0, owner=1), Request(2, Shape(800), 60, OLD, owner=2)]
    assert len(planned(queue, [busy("a", 900)]).holds.by_place) == 1


def test_what_it_needs_of_the_site_is_kept_from_those_behind_it() -> None:
    all_of_it, one = Shape(100, site_resources=(("matlab", 3),)), Shape(100, site_resources=(("matlab", 1),))
    assert (
        placed(planned([Request(1, all_of_it, 60, OLD), Request(2, one, 60)], [host("a")], {"matlab": 3}, matlab=2))
        == []
    )
    assert placed(
        planned([Request(1, all_of_it, 60, 0.0), Request(2, one, 60)], [host("a")], {"matlab": 3}, matlab=2)
    ) == [2]


def test_what_the_site_can_never_give_is_not_kept() -> None:
    queue = [Request(1, Shape(100, site_resources=(("matlab", 4),)), 60, OLD)]
    queue.append(Request(2, Shape(100, site_resources=(("matlab", 1),)), 60))
    assert placed(planned(queue, [host("a")], {"matlab": 3}, matlab=2)) == [2]
