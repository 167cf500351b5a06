"""Hosts kept free for tasks that waited long: EASY backfill (Lifka 1995; Mu'alem and Feitelson 2001).

The first task that finds no room and has waited long enough gets the host that will have room for it soonest. Others
may run there meanwhile if they end before that, or if they leave it enough room then, on the very cards they get. What
it needs of the site's own resources is kept for it as well. Pure; trusts the expected run times it is given.
"""

from bisect import insort
from collections import defaultdict
from dataclasses import dataclass, replace

from tasks.scheduling import cards, fit, release
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.values import Ending, Host, Member, Request, Shape

MOST_HOLDS = 8
UNBOUNDED = float("inf")


@dataclass(slots=True)
class Hold:
    """From `in_seconds` on, only what fits into `spare` may be on the host besides the task it is kept for."""

    request: Request
    in_seconds: float
    spare: Host
    after: str


class Holds:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.by_place: dict[int, Hold] = {}
        self._count = 0
        self._kept_of_site: dict[str, int] = defaultdict(int)

    def allow(self, place: int, request: Request) -> bool:
        hold = self.by_place.get(place)
        if hold is None or request.seconds <= hold.in_seconds:
            return True
        if fit.refusal(request.shape, hold.spare) is not None:
            return False
        return cards.refusal(request.shape, self.view(place, request)) is None

    def view(self, place: int, request: Request) -> Host:
        """The host with those of its cards that the request may have: where it outlasts a hold's beginning, only the
        cards that have room for it then too."""
        host, hold = self._fleet.hosts[place], self.by_place.get(place)
        if hold is None or request.seconds <= hold.in_seconds or not host.cards:
            return host
        later = {card.gpu_id for card in hold.spare.cards if cards.fits(request.shape, card)}
        return replace(host, cards=[card for card in host.cards if card.gpu_id in later])

    def leave_enough(self, shape: Shape) -> bool:
        """Whether the site has what the shape asks of it beside what is kept for those who waited long."""
        free = self._fleet.site_free
        return all(asked <= free.get(name, 0) - self._kept_of_site[name] for name, asked in shape.site_resources)

    def booked(self, place: int, request: Request, member: Member) -> None:
        """Something was placed on the host: what of it lasts longer than the hold's beginning is gone from the
        spare."""
        hold = self.by_place.get(place)
        if hold is not None and request.seconds > hold.in_seconds:
            fit.book(request, hold.spare, member.gpu_ids)

    def hold_for(self, request: Request) -> None:
        """Keep what it needs of the site and the hosts that will have room soonest; nothing of what it can never
        get."""
        if self._count >= MOST_HOLDS or not self._may_ever_have(request.shape):
            return
        if self._fleet.site_lack(request.shape) or not self.leave_enough(request.shape):
            self._keep_of_site(request.shape)
            return
        found = self._soonest(request.shape)
        if len(found) < request.shape.node_count:
            return
        begins = found[-1][0].in_seconds
        for opening, place in found:
            self.by_place[place] = _hold(request, begins, self._fleet.hosts[place], opening.after)
        self._keep_of_site(request.shape)

    def _may_ever_have(self, shape: Shape) -> bool:
        return all(asked <= self._fleet.site_total.get(name, 0) for name, asked in shape.site_resources)

    def _keep_of_site(self, shape: Shape) -> None:
        self._count += 1
        for name, amount in shape.site_resources:
            self._kept_of_site[name] += amount

    def _soonest(self, shape: Shape) -> list[tuple["Opening", int]]:
        """As many as it needs. Once there are so many, nobody is asked who has nothing to give before the last of
        them."""
        found: list[tuple[Opening, int]] = []
        for earliest, place in self._in_turn(shape):
            latest = found[-1][0].in_seconds if len(found) == shape.node_count else UNBOUNDED
            if earliest > latest:
                break
            if (opening := opening_on(shape, self._fleet.hosts[place], latest)) is not None:
                insort(found, (opening, place))
                del found[shape.node_count :]
        return found

    def _in_turn(self, shape: Shape) -> list[tuple[float, int]]:
        """Hosts that are not kept yet, and the earliest that each may have room: one that has too little now not before
        somebody ends."""
        now = set(self._fleet.candidates(shape))
        places = [place for place in self._fleet.able(shape) if place not in self.by_place]
        found = [(0.0 if place in now else _earliest(shape, self._fleet.hosts[place]), place) for place in places]
        return sorted(item for item in found if item[0] < UNBOUNDED)


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """When a host has room for a shape, and who has to end before."""

    in_seconds: float
    after: str = ""


def opening_on(shape: Shape, host: Host, latest: float = UNBOUNDED) -> Opening | None:
    """None: not until `latest`, as far as is known."""
    refused = fit.refusal(shape, host)
    if refused is None:
        return Opening(0.0)
    if refused.is_final:
        return None
    future = release.copy_of(host)
    if fit.refusal(shape, future) is None:  # only somebody's start is waited for
        return Opening(0.0)
    for ending in release.in_order(host):
        if ending.in_seconds > latest:
            return None
        release.give_back(future, ending.held)
        if fit.refusal(shape, future) is None:
            return Opening(max(0.0, ending.in_seconds), ending.holder)
    return None


def _earliest(shape: Shape, host: Host) -> float:
    """Of a host that has too little now: not before somebody ends, nor before there are cores and whole cards enough.
    Cheaper than to look when it has room."""
    cores = host.free_centicores
    cards_wanted = 0 if shape.gpu_share else shape.gpu_count - sum(card.is_idle for card in host.cards)
    for ending in release.in_order(host):
        cores += ending.held.cpu_centicores
        cards_wanted -= len(ending.held.gpus)
        if cores >= shape.cpu_centicores and cards_wanted <= 0:
            return ending.in_seconds
    return UNBOUNDED


def _hold(request: Request, begins: float, host: Host, after: str) -> Hold:
    """The host as it will be when the task has begun there."""
    spare = release.copy_of(host)
    for ending in _until(host, begins):
        release.give_back(spare, ending.held)
    fit.book(request, spare, cards.choose(request.shape, spare))
    return Hold(request, begins, spare, after)


def _until(host: Host, seconds: float) -> list[Ending]:
    return [ending for ending in host.endings if ending.in_seconds <= seconds]
