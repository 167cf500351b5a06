"""What holds whichever policy is chosen: only hosts that fit, GPU hosts are spared, preferences only order."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.states import PolicyName
from tasks.scheduling import fit
from tasks.scheduling.fleet import Fleet
from tasks.scheduling.planner import ListedQueue, plan
from tasks.scheduling.values import Host, Request, Shape
from tests.tasks.scheduling.policies.fleets import CARD_MIB, choices, host, policy_of

EVERY = pytest.mark.parametrize("policy", PolicyName.values)


@st.composite
def used_hosts(draw: st.DrawFn) -> list[Host]:
    """Hosts of which something is taken already, some with odd facts."""
    found = []
    for name in "abcd"[: draw(st.integers(1, 4))]:
        made = host(name, draw(st.integers(0, 16)), draw(st.integers(0, 32)), draw(st.integers(0, 3)))
        made.free_centicores = draw(st.integers(0, max(0, made.total_centicores)))
        made.weight = draw(st.sampled_from([0.0, 0.01, 1.0, 9999.99]))
        made.load = draw(st.floats(0, 1))
        made.zone = draw(st.sampled_from(["", "eu", "eu/berlin", "//", "us/x/y"]))
        if draw(st.booleans()):
            made.total_memory_mib = made.free_memory_mib = None
        for card in made.cards:
            card.holders = draw(st.integers(0, 1))
            card.free_mib = draw(st.integers(0, CARD_MIB)) if card.holders else card.free_mib
        found.append(made)
    return found


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    gpus = draw(st.integers(0, 2))
    share = gpus > 0 and draw(st.booleans())
    return Shape(
        draw(st.integers(0, 800)),
        draw(st.sampled_from([0, 4096])),
        gpu_count=gpus,
        gpu_share=share,
        gpu_memory_mib=draw(st.integers(1, CARD_MIB)) if share else 0,
        zone=draw(st.sampled_from(["", "eu/berlin"])),
    )


@EVERY
@given(used_hosts(), st.lists(shapes(), min_size=1, max_size=4))
@settings(deadline=None, max_examples=40)
def test_only_hosts_that_fit_are_chosen_and_one_is_if_there_is_one(
    policy: str, hosts: list[Host], asked: list[Shape]
) -> None:
    fleet, rule = Fleet(hosts), policy_of(policy, asked)
    for number, shape in enumerate(asked):
        before = copy.deepcopy(fleet.hosts)
        able = {one.agent_id for one in before if fit.refusal(shape, one) is None}
        placed = plan(ListedQueue([Request(number, shape)]), fleet, lambda shape: rule).placements
        assert {item.members[0].agent_id for item in placed} <= able
        assert bool(placed) == bool(able)
        for item in placed:
            chosen = next(one for one in before if one.agent_id == item.members[0].agent_id)
            chosen.cards = [card for card in chosen.cards if card.gpu_id in item.members[0].gpu_ids]
            assert fit.refusal(shape, chosen) is None


@EVERY
def test_a_task_without_gpus_keeps_off_gpu_hosts_while_another_fits(policy: str) -> None:
    """The GPU hosts are the better ones by every policy's own measure; only the last two tasks get there."""
    better: dict[str, Any] = {"weight": 100.0, "zone": "here", "turn": 0}
    hosts = [host("a", 64, 256, gpus=1, **better), host("b", 4, 16, gpus=1, **better)]
    hosts += [host("y", 4, zone="far", load=0.9, turn=8), host("z", 4, zone="far", load=0.9, turn=9)]
    found = choices(policy, [Shape(200, zone="here")] * 6, hosts)
    assert set(found[:4]) == {"y", "z"}
    assert set(found[4:]) <= {"a", "b"}
    assert "" not in found


@EVERY
def test_a_preference_is_met_where_it_can_be(policy: str) -> None:
    hosts = [host(name, 4, labels=frozenset({"fast"} if name == "c" else set())) for name in "abcd"]
    assert choices(policy, [Shape(200, prefers=("fast",))] * 2, hosts) == ["c", "c"]


@EVERY
def test_a_preference_that_cannot_be_met_keeps_nobody_waiting(policy: str) -> None:
    full = host("c", 4, labels=frozenset({"fast"}))
    full.free_centicores = 0
    hosts = [host("a", 4), host("b", 4), full]
    assert "" not in choices(policy, [Shape(200, prefers=("fast", "faster"))] * 4, hosts)


@EVERY
def test_more_preferences_met_come_before_fewer(policy: str) -> None:
    labels = {"a": set(), "b": {"fast"}, "c": {"fast", "near"}}
    hosts = [host(name, 2, labels=frozenset(words)) for name, words in labels.items()]
    assert choices(policy, [Shape(200, prefers=("fast", "near"))] * 3, hosts) == ["c", "b", "a"]


@EVERY
def test_a_preference_does_not_lead_a_cpu_task_onto_a_gpu_host(policy: str) -> None:
    hosts = [host("a", 4, gpus=1, labels=frozenset({"fast"})), host("b", 4)]
    assert choices(policy, [Shape(200, prefers=("fast",))], hosts) == ["b"]


@EVERY
def test_the_same_seed_gives_the_same_choices(policy: str) -> None:
    def made() -> list[str]:
        return choices(policy, [Shape(100), Shape(200, gpu_count=1)] * 4, [host(name, 8, gpus=2) for name in "abcd"])

    assert made() == made()
