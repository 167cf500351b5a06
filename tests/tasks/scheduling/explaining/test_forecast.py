"""The forecast of a start against a plain replay, and where it gives up."""

import copy
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.scheduling import order, release
from tasks.scheduling.explaining.forecast import Forecast, Rules, forecast
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.lane_queue import Lane
from tasks.scheduling.order import Claim
from tasks.scheduling.planner import ListedQueue, plan
from tasks.scheduling.policies.best_fit import BestFit
from tasks.scheduling.values import Ending, Held, Host, Request, Shape
from tests.examples import examples

POLICY = BestFit()
RULES = Rules(lambda shape: POLICY, hold_after_seconds=100)
Queued = tuple[Claim, Request]


def box(name: str, free: int, *endings: Ending, total: int = 400) -> Host:
    return Host(name, name, total, free, 65536, 65536, holders=len(endings), endings=list(endings))


def ends(seconds: float, centicores: int, holder: str) -> Ending:
    return Ending(seconds, Held(cpu_centicores=centicores), holder)


def waits(
    task_id: int, centicores: int, seconds: int, *, waited: float = 0.0, priority: int = 3, **more: Any
) -> Queued:
    request = Request(task_id, Shape(centicores, **more), seconds, waited)
    return Claim(task_id, priority, waited), request


def lanes(queue: list[Queued]) -> list[Lane]:
    """Alike ones stand behind each other, as tasks.scheduling.rows.lanes makes them; only the first is read at once."""
    by_kind: dict[object, list[Queued]] = {}
    for claim, request in sorted(queue, key=lambda item: (-item[0].waited_seconds, item[0].id)):
        by_kind.setdefault((request.shape, request.seconds, claim.priority), []).append((claim, request))
    return [Lane(None, found[:1], _once(found[1:])) for found in by_kind.values()]


def _once(rest: list[Queued]):  # type: ignore[no-untyped-def]
    left = list(rest)

    def more() -> list[Queued]:
        given, left[:] = left[:1], left[1:]
        return given

    return more


def asked(queue: list[Queued], target: Request, hosts: list[Host], rules: Rules = RULES) -> Forecast:
    return forecast(target, lanes(queue), Fleet(hosts), rules)


def test_starts_at_once_where_there_is_room() -> None:
    own = waits(1, 100, 60)
    found = asked([own], own[1], [box("a", 0, total=50), box("b", 400)])
    assert (found.in_seconds, found.places, found.rests_on) == (0.0, [1], frozenset())


def test_starts_when_enough_has_ended() -> None:
    own = waits(1, 300, 60)
    found = asked([own], own[1], [box("a", 0, ends(30, 200, "#7"), ends(50, 200, "#8"))])
    assert (found.in_seconds, found.rests_on) == (50.0, frozenset({"#7", "#8"}))


def test_those_before_it_run_first() -> None:
    """Each takes the whole host: the third starts when two others have run."""
    queue = [waits(number, 400, 100, waited=50 - number) for number in (1, 2, 3)]
    found = asked(queue, queue[2][1], [box("a", 0, ends(10, 400, "#9"))])
    assert found.in_seconds == 210.0
    assert found.rests_on == frozenset({"#9", "#1", "#2"})


def test_who_gets_room_before_it_is_told() -> None:
    first, own = waits(1, 400, 100, waited=9), waits(2, 400, 100)
    found = asked([first, own], own[1], [box("a", 400)])
    assert [request.id for request in found.placed_before] == [1]
    assert found.in_seconds == 100.0


def test_a_host_kept_for_one_that_waited_longer_is_told() -> None:
    """The big one waits for the host to be empty; a small one that would run longer than that does not get in."""
    big, own = waits(1, 400, 100, waited=5000), waits(2, 100, 100)
    found = asked([big, own], own[1], [box("a", 200, ends(30, 200, "#7"))])
    assert found.in_seconds == 130.0
    assert found.holds is not None
    assert found.holds.by_place[0].request.id == 1


def test_never_on_hosts_that_are_too_small() -> None:
    own = waits(1, 900, 60)
    assert asked([own], own[1], [box("a", 0, ends(30, 400, "#7"))]).in_seconds is None


def test_not_beyond_the_horizon() -> None:
    own = waits(1, 400, 60)
    assert asked([own], own[1], [box("a", 0, ends(40 * 86400, 400, "#7"))]).in_seconds is None


def test_gives_up_when_it_has_looked_at_enough() -> None:
    queue = [waits(number, 400, 100, waited=50 - number) for number in range(1, 20)]
    hosts = [box("a", 400)]
    assert forecast(queue[-1][1], lanes(queue), Fleet(hosts), RULES, most_looks=100).in_seconds is None
    assert forecast(queue[-1][1], lanes(queue), Fleet(hosts), RULES).in_seconds == 1800.0


def test_a_gang_starts_when_both_hosts_have_room() -> None:
    own = waits(1, 400, 60, node_count=2)
    found = asked([own], own[1], [box("a", 0, ends(30, 400, "#7")), box("b", 0, ends(70, 400, "#8"))])
    assert (found.in_seconds, found.places) == (70.0, [0, 1])


def test_a_licence_of_the_site_comes_back() -> None:
    shape = Shape(100, site_resources=(("matlab", 1),))
    queue = [(Claim(number, 3, 9.0 - number), Request(number, shape, 60, 9.0 - number)) for number in (1, 2)]
    fleet = Fleet([box("a", 400)], {"matlab": 1})
    assert forecast(queue[1][1], lanes(queue), fleet, RULES).in_seconds == 60.0


def test_what_is_given_is_left_as_it_was() -> None:
    own, hosts = waits(1, 300, 60), [box("a", 0, ends(30, 400, "#7"))]
    before = copy.deepcopy(hosts)
    asked([own], own[1], hosts)
    assert hosts == before


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Queued], list[Host]]:
    hosts = []
    for number in range(draw(st.integers(1, 3))):
        parts = draw(st.lists(st.tuples(st.integers(1, 300), st.sampled_from([100, 200])), max_size=2))
        endings = [ends(at, size, f"#{900 + number * 10 + index}") for index, (at, size) in enumerate(parts)]
        hosts.append(box(f"host-{number}", 400 - sum(size for _, size in parts), *endings))
    sizes, seconds = st.sampled_from([100, 200, 300, 400]), st.sampled_from([10, 50, 200])
    queue = [
        waits(
            number,
            draw(sizes),
            draw(seconds),
            waited=draw(st.sampled_from([0.0, 60.0, 3600.0, 90000.0])),
            priority=draw(st.integers(1, 5)),
            node_count=draw(st.integers(1, len(hosts))),
        )
        for number in range(1, draw(st.integers(2, 9)))
    ]
    return queue, hosts


@given(scenes(), st.data())
@settings(deadline=None, max_examples=examples(100))
def test_the_forecast_is_what_a_replay_gives(scene: tuple[list[Queued], list[Host]], data: st.DataObject) -> None:
    queue, hosts = scene
    started = replayed(queue, hosts)
    _, target = data.draw(st.sampled_from(queue))
    found = asked(queue, target, hosts)
    names = None if found.in_seconds is None else [hosts[place].name for place in found.places]
    assert (found.in_seconds, names) == started.get(target.id, (None, None))


def replayed(queue: list[Queued], hosts: list[Host]) -> dict[int, tuple[float, list[str]]]:
    """Start and hosts of each task. Naive: a list in order, hosts made anew, times counted from each moment."""
    now, now_on, waiting = 0.0, copy.deepcopy(hosts), list(queue)
    started: dict[int, tuple[float, list[str]]] = {}
    while True:
        waiting.sort(key=lambda item: order.key(_older(item, now)[0], 0.0))
        result = plan(
            ListedQueue(_older(item, now)[1] for item in waiting),
            Fleet(now_on),
            RULES.policy_of,
            RULES.hold_after_seconds,
        )
        for placement in result.placements:
            started[placement.request.id] = (now, sorted(member.agent_id for member in placement.members))
        waiting = [item for item in waiting if item[0].id not in started]
        times = [ending.in_seconds for host in now_on for ending in host.endings]
        if not times:
            return started
        now += min(times)
        now_on = [_passed(host, min(times)) for host in now_on]


def _older(item: Queued, seconds: float) -> Queued:
    claim, request = item
    return (
        replace(claim, waited_seconds=claim.waited_seconds + seconds),
        replace(request, waited_seconds=request.waited_seconds + seconds),
    )


def _passed(host: Host, seconds: float) -> Host:
    later = release.copy_of(host)
    later.endings = []
    for ending in host.endings:
        if ending.in_seconds <= seconds:
            release.give_back(later, ending.held)
        else:
            later.endings.append(replace(ending, in_seconds=ending.in_seconds - seconds))
    return later
