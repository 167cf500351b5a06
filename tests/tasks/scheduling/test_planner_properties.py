"""Whatever hosts, requests and policy: nothing is booked twice, no wish is broken, who is left over fits nowhere."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.states import PolicyName
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.planner import Plan
from tasks.scheduling.policies.base import Policy
from tasks.scheduling.policies.choice import make
from tasks.scheduling.policies.fragmentation import Fragmentation
from tasks.scheduling.ranking import Ranking, tier
from tasks.scheduling.values import Host, Request, Shape
from tests.examples import examples
from tests.tasks.scheduling import worlds

NEVER = float("inf")
often = settings(deadline=None, max_examples=examples(50))


def made(queue: list[Request], given_hosts: list[Host], policy: str, hold_after: float) -> tuple[Plan, list[Host]]:
    used = copy.deepcopy(given_hosts)
    return worlds.planned(queue, used, policy, hold_after), used


@given(worlds.queues(), worlds.hosts(), worlds.policy_names, st.sampled_from([600.0, NEVER]))
@often
def test_nothing_is_booked_twice(queue: list[Request], on: list[Host], policy: str, hold_after: float) -> None:
    book = worlds.Book(on)
    for placement in made(queue, on, policy, hold_after)[0].placements:
        book.take(placement)
    assert book.overdrawn() == []


@given(worlds.queues(), worlds.hosts(), worlds.policy_names, st.sampled_from([600.0, NEVER]))
@often
def test_no_wish_is_broken_and_gangs_are_whole(
    queue: list[Request], on: list[Host], policy: str, hold_after: float
) -> None:
    placements = made(queue, on, policy, hold_after)[0].placements
    assert [item for item in placements if worlds.breaks_a_wish(item, on)] == []
    ids = [item.request.id for item in placements]
    assert len(set(ids)) == len(ids)


@given(worlds.queues(), worlds.hosts(), worlds.policy_names)
@often
def test_who_is_left_over_fits_nowhere(queue: list[Request], on: list[Host], policy: str) -> None:
    """Without holds; with them, who is left over fits nowhere or only where a hold forbids it."""
    for hold_after in (NEVER, 600.0):
        result, used = made(queue, on, policy, hold_after)
        placed = {item.request.id for item in result.placements}
        for request in queue:
            if request.id not in placed and not result.fleet.site_lack(request.shape):
                holds = result.holds
                open_to_it = [p for p in worlds.rooms(request.shape, used) if holds.allow(p, request)]
                assert len(
                    {used[place].agent_id for place in open_to_it}
                ) < request.shape.node_count or not holds.leave_enough(request.shape)


@given(worlds.queues(), worlds.hosts(), worlds.policy_names)
@often
def test_the_same_input_gives_the_same_plan(queue: list[Request], on: list[Host], policy: str) -> None:
    assert made(queue, on, policy, 600.0)[0].placements == made(queue, on, policy, 600.0)[0].placements


@given(worlds.shapes(), worlds.queues(), worlds.hosts(), worlds.policy_names)
@often
def test_a_ranking_that_was_kept_is_the_ranking_made_anew(
    shape: Shape, queue: list[Request], on: list[Host], policy: str
) -> None:
    """After whatever was booked meanwhile."""
    fleet, chosen_by = Fleet(on), learned(policy, queue)
    kept = Ranking(shape, fleet, chosen_by)
    for request in queue:
        found = list(kept.best_first())
        if policy == PolicyName.RANDOM:  # any order, but the tiers'
            assert sorted(found, key=lambda place: (tier(shape, fleet.hosts[place]), place)) == in_tiers(shape, fleet)
            assert [tier(shape, fleet.hosts[place]) for place in found] == sorted(
                tier(shape, fleet.hosts[place]) for place in found
            )
        else:
            assert found == in_order(shape, fleet, chosen_by)
        for place in in_order(request.shape, fleet, chosen_by)[:1]:
            fleet.book(place, request, chosen_by.cards(request.shape, fleet.hosts[place]))


def learned(policy: str, queue: list[Request]) -> Policy:
    made_now = make(policy)
    if isinstance(made_now, Fragmentation):
        for request in queue:
            made_now.learn(request.shape)
    return made_now


def in_tiers(shape: Shape, fleet: Fleet) -> list[int]:
    rooms = worlds.rooms(shape, fleet.hosts)
    return sorted(rooms, key=lambda place: (tier(shape, fleet.hosts[place]), place))


def in_order(shape: Shape, fleet: Fleet, policy: Policy) -> list[int]:
    rooms = worlds.rooms(shape, fleet.hosts)
    keys = policy.keys(shape, [fleet.hosts[place] for place in rooms])
    ranked = sorted((tier(shape, fleet.hosts[place]), key, place) for place, key in zip(rooms, keys, strict=True))
    return [place for _, _, place in ranked]


@given(worlds.shapes(), worlds.hosts())
@often
def test_the_columns_never_sort_out_a_host_that_has_room(shape: Shape, on: list[Host]) -> None:
    assert set(worlds.rooms(shape, on)) <= set(Fleet(on).candidates(shape))
