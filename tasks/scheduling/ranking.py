"""The hosts where one shape fits, best first, kept up to date as a pass goes on. Pure.

A host that changed is looked at again when the shape comes up next, all others keep their keys: a pass over many tasks
asks about each pair of shape and host once, not once a task. Of a volatile policy only the keys are asked for anew.
"""

import heapq
from collections.abc import Iterator

from tasks.scheduling import capabilities, fit
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.policies.base import Policy
from tasks.scheduling.values import Host, Shape

Entry = tuple[int, float, int, int]  # tier, key, place, mark


class Ranking:
    """`_fitting`: the hosts with room and their tiers; `_marks` tells an entry of the heap from one that is void."""

    def __init__(self, shape: Shape, fleet: Fleet, policy: Policy) -> None:
        self._shape, self._fleet, self._policy = shape, fleet, policy
        self._fitting: dict[int, int] = {}
        self._heap: list[Entry] = []
        self._marks: dict[int, int] = {}
        self._version = policy.version
        self._seen = 0
        self._rebuild()

    def best_first(self) -> Iterator[int]:
        """Places of hosts that have room now. Consume it before anything is booked."""
        self._refresh()
        return self._drawn() if self._policy.is_volatile else self._kept()

    def _drawn(self) -> Iterator[int]:
        places = sorted(self._fitting)
        keys = self._policy.keys(self._shape, [self._fleet.hosts[place] for place in places])
        heap = [(self._fitting[place], key, place) for place, key in zip(places, keys, strict=True)]
        heapq.heapify(heap)
        while heap:
            yield heapq.heappop(heap)[2]

    def _kept(self) -> Iterator[int]:
        taken: list[Entry] = []
        try:
            while self._heap:
                entry = heapq.heappop(self._heap)
                if self._marks.get(entry[2]) == entry[3]:
                    taken.append(entry)
                    yield entry[2]
        finally:
            for entry in taken:
                heapq.heappush(self._heap, entry)

    def _refresh(self) -> None:
        changed = self._fleet.changes[self._seen :]
        if self._version != self._policy.version or len(changed) > len(self._fitting):
            self._rebuild()
            return
        self._seen = len(self._fleet.changes)
        self._admit(sorted(set(changed)))

    def _rebuild(self) -> None:
        self._heap.clear()
        self._marks.clear()
        self._fitting.clear()
        self._version = self._policy.version
        self._seen = len(self._fleet.changes)
        self._admit(self._fleet.candidates(self._shape))

    def _admit(self, places: list[int]) -> None:
        for place in places:
            self._marks.pop(place, None)
            self._fitting.pop(place, None)
        fitting = [place for place in places if fit.refusal(self._shape, self._fleet.hosts[place]) is None]
        for place in fitting:
            self._fitting[place] = tier(self._shape, self._fleet.hosts[place])
        if not self._policy.is_volatile:
            self._push(fitting)

    def _push(self, places: list[int]) -> None:
        hosts = [self._fleet.hosts[place] for place in places]
        for place, key in zip(places, self._policy.keys(self._shape, hosts), strict=True):
            self._marks[place] = mark = self._seen
            heapq.heappush(self._heap, (self._fitting[place], key, place, mark))


def tier(shape: Shape, host: Host) -> int:
    """Before any policy: hosts where it failed lately come last; a task without GPUs keeps off hosts with GPUs while
    another one fits; then what the task prefers."""
    unwanted = sum(not capabilities.holds(wish, host.labels) for wish in shape.prefers)
    wastes_cards = shape.gpu_count == 0 and bool(host.cards) and not shape.whole_host
    failed_there = host.name in shape.avoid_hosts
    return unwanted + (len(shape.prefers) + 1) * (wastes_cards + 2 * failed_there)
