"""When and where will a waiting task start: the same planner, run ahead from one expected end to the next. Pure.

Rests on the expected run times and on nothing new being submitted. What a user has used only grows here. It gives up
honestly when it would cost too much. Books on the fleet that it is given.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tasks.scheduling import release
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.holds import Holds
from tasks.scheduling.lane_queue import Lane, LaneQueue, Waiting
from tasks.scheduling.order import AGEING_HOURS
from tasks.scheduling.planner import HOLD_AFTER_SECONDS, Planner, PolicyOf
from tasks.scheduling.values import KEEP_OFF_SECONDS, Ending, Placement, Request, Shape

HORIZON_SECONDS = 30 * 24 * 3600.0
MOST_LOOKS = 200_000
LOOKS_PER_PLACEMENT = 20
LOOKS_PER_HOLD = 10  # asking a host when it has room costs as much as so many looks at hosts
CHUNK = 64


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides beside requests and hosts. `used`: the share of each user now."""

    policy_of: PolicyOf
    used: dict[int | None, float] = field(default_factory=dict)
    ageing_hours: float = AGEING_HOURS
    hold_after_seconds: float = HOLD_AFTER_SECONDS


@dataclass(slots=True)
class Forecast:
    """`in_seconds` None: not within the horizon. `rests_on`: those whose expected ends on its hosts it waited for.

    `holds` and `placed_before` are of the pass at this moment: hosts kept free, and who gets room before the task.
    """

    in_seconds: float | None = None
    places: list[int] = field(default_factory=list)
    rests_on: frozenset[str] = frozenset()
    holds: Holds | None = None
    placed_before: list[Request] = field(default_factory=list)


class Future(Fleet):
    """A fleet whose hosts' endings, and the run times booked on it, are moments counted from now."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__([release.copy_of(host) for host in fleet.hosts], fleet.site_total, fleet.site_free)
        self.ended: list[tuple[int, str]] = []
        self.looks = 0
        self._due: list[tuple[float, int, int, Ending]] = []
        self._site_due: list[tuple[float, int, Shape]] = []
        self._count = 0
        for place, host in enumerate(self.hosts):
            for ending in host.endings:
                self._expect(place, ending)

    def book(self, place: int, request: Request, gpu_ids: tuple[int, ...]) -> None:
        super().book(place, request, gpu_ids)
        self._expect(place, self.hosts[place].endings[-1])

    def candidates(self, shape: Shape) -> list[int]:
        found = super().candidates(shape)
        self.looks += 1 + len(found) + len(self.hosts) // 50
        return found

    def note_site(self, request: Request) -> None:
        """What was placed has booked of the site's own resources, until it is expected to end."""
        if request.shape.site_resources:
            self._count += 1
            heapq.heappush(self._site_due, (request.seconds, self._count, request.shape))

    def next_end(self) -> float | None:
        return self._due[0][0] if self._due else None

    def end_until(self, moment: float) -> None:
        """Give back what everybody held who is to end by then."""
        while self._due and self._due[0][0] <= moment:
            _, _, place, ending = heapq.heappop(self._due)
            host = self.hosts[place]
            host.endings = [kept for kept in host.endings if kept is not ending]
            release.give_back(host, ending.held)
            self._give_back_site(ending.held.resources)
            self._note(place, host)
            self.changes.append(place)
            self.ended.append((place, ending.holder))
        while self._site_due and self._site_due[0][0] <= moment:
            self._give_back_site(heapq.heappop(self._site_due)[2].site_resources)

    def _expect(self, place: int, ending: Ending) -> None:
        self._count += 1
        heapq.heappush(self._due, (ending.in_seconds, self._count, place, ending))

    def _give_back_site(self, resources: tuple[tuple[str, int], ...]) -> None:
        for name, amount in resources:
            if name in self.site_free:
                self.site_free[name] += amount


class Line:
    """A lane that is read again and again: who was placed is gone, the others have waited longer each time."""

    def __init__(self, lane: Lane) -> None:
        self.owner, self._more = lane.owner, lane.more
        self._waiting = list(lane.first)
        self._gone = 0

    @property
    def head(self) -> Request | None:
        return next((request for _, request in self._from(self._gone, 1)), None)

    def pop(self) -> None:
        self._gone += 1

    def at(self, moment: float) -> Lane:
        position = self._gone + 1

        def more() -> list[Waiting]:
            nonlocal position
            found = self._from(position, CHUNK)
            position += len(found)
            return [_later(waiting, moment) for waiting in found]

        return Lane(self.owner, [_later(waiting, moment) for waiting in self._from(self._gone, 1)], more)

    def _from(self, position: int, count: int) -> list[Waiting]:
        while position >= len(self._waiting) and (read := list(self._more())):
            self._waiting += read
        return self._waiting[position : position + count]


def forecast(
    target: Request, lanes: Sequence[Lane], fleet: Fleet, rules: Rules, most_looks: int = MOST_LOOKS
) -> Forecast:
    """`target` stands in one of the lanes. A look is one host that is asked about one shape."""
    run = _Run(target, [Line(lane) for lane in lanes], Future(fleet), rules, most_looks)
    moment: float | None = 0.0
    while moment is not None and moment <= HORIZON_SECONDS and run.may_go_on():
        run.fleet.end_until(moment)
        if (placement := run.plan_at(moment)) is not None:
            return run.found(placement, moment)
        moment = run.next_moment(moment)
    return run.answer


class _Run:
    """One forecast on its way."""

    def __init__(self, target: Request, lines: list[Line], fleet: Future, rules: Rules, most_looks: int) -> None:
        self.fleet, self.answer, self._most_looks = fleet, Forecast(), most_looks
        self._target, self._lines, self._rules = target, lines, rules
        self._used = dict(rules.used)

    def may_go_on(self) -> bool:
        return self.fleet.looks < self._most_looks

    def next_moment(self, moment: float) -> float | None:
        """When somebody ends, or the target no longer keeps off the hosts where it failed."""
        end = self.fleet.next_end()
        until = KEEP_OFF_SECONDS - self._target.waited_seconds
        if self._target.keeps_off and moment < until and (end is None or until < end):
            return until
        return end

    def plan_at(self, moment: float) -> Placement | None:
        """The pass at that moment; ends early with the placement of the target."""
        lines = [line for line in self._lines if line.head is not None]
        by_id = {_key(request): line for line in lines if (request := line.head) is not None}
        queue = _Metered(self, [line.at(moment) for line in lines], self._used, self._rules.ageing_hours)
        planner = Planner(queue, self.fleet, self._rules.policy_of, self._rules.hold_after_seconds)
        self.answer.holds = self.answer.holds or planner.plan.holds
        for placement in planner.placements():
            if _key(placement.request) == _key(self._target):
                return placement
            self._note(placement, by_id.pop(_key(placement.request)), by_id, moment)
        self.fleet.looks += len(lines) + LOOKS_PER_HOLD * len(planner.plan.holds.by_place) * len(self.fleet.hosts)
        return None

    def found(self, placement: Placement, moment: float) -> Forecast:
        wanted = {member.agent_id for member in placement.members}
        reservation_id = placement.request.shape.reservation_id
        hosts = [(host.agent_id, host.reservation_id) for host in self.fleet.hosts]
        places = [place for place, host in enumerate(hosts) if host[0] in wanted and host[1] == reservation_id]
        self.answer.in_seconds, self.answer.places = moment, places
        ended = [(place, holder) for place, holder in self.fleet.ended if holder]
        here = [holder for place, holder in ended if place in places]
        self.answer.rests_on = frozenset(here or [holder for _, holder in ended])
        return self.answer

    def _note(self, placement: Placement, line: Line, by_id: dict[tuple[bool, int], Line], moment: float) -> None:
        """Only the first of a lane is ever placed; the next one is the first then."""
        self.fleet.looks += LOOKS_PER_PLACEMENT + len(by_id)  # each lane looks again at the hosts that changed
        if moment == 0.0:
            self.answer.placed_before.append(placement.request)
        self.fleet.note_site(placement.request)
        owner = placement.request.owner
        self._used[owner] = self._used.get(owner, 0.0) + self.fleet.share_of(placement)
        line.pop()
        if (head := line.head) is not None:
            by_id[_key(head)] = line


class _Metered(LaneQueue):
    """Ends early when enough was looked at."""

    def __init__(self, run: _Run, lanes: Iterable[Lane], used: dict[int | None, float], ageing_hours: float) -> None:
        super().__init__(lanes, used, ageing_hours)
        self._run = run

    def next(self) -> Request | None:
        return super().next() if self._run.may_go_on() else None


def _key(request: Request) -> tuple[bool, int]:
    return request.is_reservation, request.id


def _later(waiting: Waiting, moment: float) -> Waiting:
    """The same some time from now: it has waited longer, and ends at a later moment."""
    claim, request = waiting
    start_in = None if claim.start_in_seconds is None else claim.start_in_seconds - moment
    return (
        replace(claim, waited_seconds=claim.waited_seconds + moment, start_in_seconds=start_in),
        replace(request, waited_seconds=request.waited_seconds + moment, seconds=request.seconds + moment),
    )
