"""One pass over the queue: which waiting task goes to which hosts. Pure: values in, placements out; same input, same
output.

Knows no rows, no clock and no randomness but what a policy was given. A shape that fitted nowhere is not tried again
in the same pass, because a pass only ever takes room away: however many tasks of it wait, they cost one look.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tasks.scheduling import fit
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.holds import Holds
from tasks.scheduling.policies.base import Policy
from tasks.scheduling.ranking import Ranking
from tasks.scheduling.values import Member, Placement, Refusal, Request, Shape

PolicyOf = Callable[[Shape], Policy]
HOLD_AFTER_SECONDS = 600


_Kind = tuple[Shape, float, bool]


def _kind(request: Request) -> _Kind:
    """Requests of one kind find room on the same hosts."""
    return request.shape, request.seconds, request.keeps_off


class Queue(Protocol):
    """Requests in the order in which they should start."""

    def next(self) -> Request | None:
        """None: nobody is left."""
        ...

    def refused(self, request: Request) -> None:
        """There was no room; requests that are alike need not be offered again."""
        ...

    def placed(self, request: Request, share: float) -> None:
        """It got `share` of the site."""
        ...


@dataclass(slots=True)
class Plan:
    """The result of a pass. `refused`: the first request of each kind that found no room."""

    fleet: Fleet
    holds: Holds
    placements: list[Placement] = field(default_factory=list)
    refused: list[Request] = field(default_factory=list)

    def refusals(self, request: Request) -> list[Refusal]:
        """Of a request that was not placed: the reason of each host, as the hosts are after the pass."""
        return [found for host in self.fleet.hosts if (found := fit.refusal(request.shape, host)) is not None]


class Planner:
    """One pass. `placements()` books on the fleet what it yields; whoever stops early loses nothing."""

    def __init__(self, queue: Queue, fleet: Fleet, policy_of: PolicyOf, hold_after: float = HOLD_AFTER_SECONDS) -> None:
        self._queue, self._policy_of, self._hold_after = queue, policy_of, hold_after
        self.plan = Plan(fleet, Holds(fleet))
        self._fleet = fleet
        self._rankings: dict[Shape, Ranking] = {}
        self._full: set[_Kind] = set()
        self._tried_to_hold: set[_Kind] = set()

    def placements(self) -> Iterator[Placement]:
        while (request := self._queue.next()) is not None:
            members = None if self._is_full(request) else self._members(request)
            if members is None:
                self._refuse(request)
                continue
            yield self._book(request, members)

    def _is_full(self, request: Request) -> bool:
        return _kind(request) in self._full

    def _members(self, request: Request) -> list[int] | None:
        """Places of the hosts for it: one, or as many as the gang needs; None when there are too few."""
        if self._fleet.site_lack(request.shape) or not self.plan.holds.leave_enough(request.shape):
            return None
        ranking = self._rankings.get(request.shape)
        if ranking is None:
            ranking = Ranking(request.shape, self._fleet, self._policy_of(request.shape))
            self._rankings[request.shape] = ranking
        found: list[int] = []
        for place in ranking.best_first():
            if self.plan.holds.allow(place, request):
                found.append(place)
                if len(found) == request.shape.node_count:
                    return None if self._keeps_off(request, found) else found
        return None

    def _keeps_off(self, request: Request, found: Sequence[int]) -> bool:
        """Whether it would run on a host where it just failed although there are others that could have it one day."""
        avoided = request.shape.avoid_hosts
        if not request.keeps_off or all(self._fleet.hosts[place].name not in avoided for place in found):
            return False
        others = [place for place in self._fleet.able(request.shape) if self._fleet.hosts[place].name not in avoided]
        return len(others) >= request.shape.node_count

    def _book(self, request: Request, places: Sequence[int]) -> Placement:
        policy = self._policy_of(request.shape)
        members = []
        for place in places:
            host = self.plan.holds.view(place, request)
            member = Member(host.agent_id, policy.cards(request.shape, host))
            self.plan.holds.booked(place, request, member)
            self._fleet.book(place, request, member.gpu_ids)
            members.append(member)
        self._fleet.book_site(request.shape)
        placement = Placement(request, tuple(members))
        self._queue.placed(request, self._fleet.share_of(placement))
        self.plan.placements.append(placement)
        return placement

    def _refuse(self, request: Request) -> None:
        self._queue.refused(request)
        kind = _kind(request)
        if kind not in self._full:
            self._full.add(kind)
            self.plan.refused.append(request)
        if request.waited_seconds >= self._hold_after and kind not in self._tried_to_hold:
            self._tried_to_hold.add(kind)
            self.plan.holds.hold_for(request)


def plan(queue: Queue, fleet: Fleet, policy_of: PolicyOf, hold_after: float = HOLD_AFTER_SECONDS) -> Plan:
    """The whole pass at once."""
    planner = Planner(queue, fleet, policy_of, hold_after)
    for _ in planner.placements():
        pass
    return planner.plan


class ListedQueue:
    """A queue that is known as a whole, in order."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._requests = iter(requests)

    def next(self) -> Request | None:
        return next(self._requests, None)

    def refused(self, request: Request) -> None:
        """The others are asked about all the same: the planner knows by itself what is full."""

    def placed(self, request: Request, share: float) -> None:
        """The order is given and stays."""
