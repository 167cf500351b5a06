"""One fleet, one sequence of requests: every policy makes other choices than all the others."""

from itertools import combinations

import pytest

from agents.states import PolicyName
from tasks.scheduling.values import Host, Shape
from tests.tasks.scheduling.policies.fleets import CARD_MIB, choices, host

PART = Shape(200, 8192, gpu_count=1, gpu_memory_mib=CARD_MIB // 3, gpu_share=True, zone="eu/paris")
HALF = Shape(200, 8192, gpu_count=1, gpu_memory_mib=CARD_MIB // 2, gpu_share=True, zone="eu/paris")
WHOLE = Shape(400, 8192, gpu_count=1, zone="eu/berlin/rack-3")
PAIR = Shape(400, 8192, gpu_count=2, zone="us")
SEQUENCE = [WHOLE, PART, HALF, PAIR, PART, WHOLE, HALF, PART]

# One letter for each choice. Random and fragmentation-aware are not spelled out: the one draws lots, the other has
# figures of its own to reach (test_fragmentation.py); below they only have to differ.
EXPECTED = {
    PolicyName.FIRST_FIT: "aaabbbbc",  # a until it is full, then b, then c
    PolicyName.BEST_FIT: "daababab",  # the smallest that does; the pair breaks a second host only when it must
    PolicyName.ROUND_ROBIN: "bcabdcab",  # b has waited longest; d is passed over by the pair, not by the next
    PolicyName.LEAST_LOADED: "bcdcbcbb",  # never a: its processor is busy with something else
    PolicyName.WEIGHTED: "cdbcdcab",  # by cores times weight: d counts for 48 cores
    PolicyName.NEAREST: "dbbcbabb",  # rack-3, Paris, Paris, America; when d is full, a is in Berlin too
}


def fleet() -> list[Host]:
    return [
        host("a", 16, 64, gpus=2, zone="eu/berlin", load=0.9, turn=3),
        host("b", 32, 128, gpus=4, zone="eu/paris", turn=1),
        host("c", 64, 256, gpus=8, zone="us", turn=2),
        host("d", 8, 32, gpus=1, zone="eu/berlin/rack-3", weight=6.0, turn=4),
    ]


@pytest.mark.parametrize("policy", EXPECTED)
def test_the_choices_of_each_policy(policy: str) -> None:
    assert "".join(choices(policy, SEQUENCE, fleet())) == EXPECTED[PolicyName(policy)]


def test_no_two_policies_choose_alike() -> None:
    made = {policy: choices(policy, SEQUENCE, fleet()) for policy in PolicyName.values}
    assert [pair for pair in combinations(made, 2) if made[pair[0]] == made[pair[1]]] == []
    assert all(all(chosen) for chosen in made.values())
