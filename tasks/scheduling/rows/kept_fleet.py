"""The hosts of the pass before, so that the next one reads only those on which something changed. For one thread.

What it holds may be a second or two old: placing looks at the rows again, so a plan made on it can only be turned down.
Facts are an exception where no other process can have changed them: they are as the rows are.
"""

import time
from collections.abc import Callable, Collection
from uuid import UUID

from django.conf import settings

from agents.models import Agent
from scheduler_site.shared import nudges, statements
from tasks.scheduling import changes
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.rows import hosts
from tasks.scheduling.rows.facts import Facts
from tasks.scheduling.values import Host

FRESH_SECONDS = 2.0
SHARE = 20.0  # reading everything takes no more than one part in so many of the time


class KeptFleet:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._fleet: Fleet | None = None
        self._facts: Facts | None = None
        self._changes = 0
        self._read_at = 0.0
        self._read_seconds = 0.0

    def fleet(self) -> Fleet:
        """As fresh as the changes that were told, and never older than FRESH_SECONDS, or what a large site needs."""
        changed, is_everything = changes.take()
        fleet = self._fleet
        if fleet is None or self._facts is None or is_everything or self.age() > self._longest():
            return self._read()
        changed |= {UUID(fleet.hosts[place].agent_id) for place in fleet.changes}  # what the last pass only planned
        fleet.changes.clear()
        if changed and not _replace(fleet, changed, self._facts):
            return self._read()
        if fleet.site_total:
            fleet.site_total, fleet.site_free = hosts.site_resources()
        return fleet

    def facts(self) -> Facts:
        """Those of the latest `fleet`: for a plan."""
        assert self._facts is not None  # noqa: S101 - for the type checker
        return self._facts

    def sure_facts(self) -> Facts | None:
        """For placing: None where they have changed since, or another process may have changed them."""
        is_sure = settings.IS_SQLITE and nudges.are_alone() and self._changes == changes.count()
        return self._facts if is_sure else None

    def forget(self) -> None:
        """It was wrong."""
        self._fleet = None

    def keep_fresh(self) -> None:
        """While there is nothing to do: so that the next task finds it ready. Not where that is much work."""
        if self._fleet is None or self._read_seconds * SHARE * 2 < FRESH_SECONDS:
            self._read()

    def age(self) -> float:
        return self._clock() - self._read_at

    def _longest(self) -> float:
        return max(FRESH_SECONDS, self._read_seconds * SHARE)

    def _read(self) -> Fleet:
        began, self._changes = self._clock(), changes.count()
        self._fleet, self._facts = hosts.load_fleet_and_facts(hosts.schedulable())
        self._read_at = self._clock()
        self._read_seconds = self._read_at - began
        return self._fleet


def _replace(fleet: Fleet, changed: Collection[UUID], known: Facts) -> bool:
    """False when a host has come, gone, or been divided otherwise: then the places are no longer right."""
    ids = {str(agent_id) for agent_id in changed}
    places = {_part(host): place for place, host in enumerate(fleet.hosts) if host.agent_id in ids}
    agents = statements.instances(Agent, {"pk": list(changed), **hosts.SCHEDULABLE})
    found = {_part(host): host for host in hosts.of_rows(agents, known)}
    if found.keys() != places.keys():
        return False
    for part, host in found.items():
        fleet.replace(places[part], host)
    return True


def _part(host: Host) -> tuple[str, int | None]:
    return host.agent_id, host.reservation_id
