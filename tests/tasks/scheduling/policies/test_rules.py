"""Each policy's own rule: proportions, turns, zones, lots."""

from collections import Counter
from itertools import pairwise

import pytest

from agents import placement_rules
from scheduler_site.shared.actors import SYSTEM
from tasks.models import SubAgent
from tasks.scheduling import run
from tasks.scheduling.policies.choice import Choice, make
from tasks.scheduling.policies.nearest import distance
from tasks.scheduling.values import Shape
from tests.factories import make_agent, make_task
from tests.tasks.scheduling.policies.fleets import choices, host

ONE = Shape(100)


def test_first_fit_fills_one_host_after_the_other() -> None:
    assert choices("first_fit", [ONE] * 5, [host(name, 2) for name in "abc"]) == list("aabbc")


def test_best_fit_leaves_the_large_host_for_large_tasks() -> None:
    assert choices("best_fit", [ONE, ONE, Shape(800)], [host("large", 8), host("small", 2)]) == [
        "small",
        "small",
        "large",
    ]


def test_least_loaded_looks_at_what_is_reported_too() -> None:
    hosts = [host("a", 8, load=0.8), host("b", 8)]
    assert choices("least_loaded", [ONE] * 7, hosts) == ["b"] * 7


def test_least_loaded_goes_by_the_scarcest_resource() -> None:
    hosts = [host("a", 64, 8), host("b", 8, 64)]
    assert choices("least_loaded", [Shape(100, 4096)] * 3, hosts) == ["a", "b", "b"]


def test_round_robin_visits_all_before_it_repeats() -> None:
    found = choices("round_robin", [ONE] * 12, [host(name, 16) for name in "abcd"])
    assert found == list("abcd") * 3


def test_round_robin_passes_over_who_has_no_room_and_comes_back() -> None:
    hosts = [host("a", 16), host("b", 1), host("c", 16)]
    assert choices("round_robin", [ONE] * 6, hosts) == list("abcaca")


@pytest.mark.django_db
def test_round_robin_goes_on_where_the_last_pass_stopped() -> None:
    for name in "abc":
        make_agent(name)
    placement_rules.change({"policy": "round_robin"}, actor=SYSTEM)
    for _ in range(7):
        make_task()
        run.run_pass()
    order = list(SubAgent.objects.order_by("fence").values_list("agent__name", flat=True))
    assert order == list("abcabca")


def test_weighted_gives_in_proportion_to_cores_times_weight() -> None:
    hosts = [host("a", 100, weight=1.0), host("b", 100, weight=2.0), host("c", 50, weight=6.0)]
    found = Counter(choices("weighted", [ONE] * 60, hosts))
    assert found == {"a": 10, "b": 20, "c": 30}


def test_weighted_is_never_far_from_the_proportion() -> None:
    found = choices("weighted", [ONE] * 60, [host("a", 100, weight=1.0), host("b", 100, weight=2.0)])
    for end in range(3, 61, 3):
        assert abs(found[:end].count("a") - end / 3) <= 1


def test_what_shares_more_from_the_left_is_nearer() -> None:
    zones = ["eu/berlin", "eu/berlin/rack-3", "eu", "eu/paris", "eu/paris/rack-1", "", "us", "us/boston"]
    distances = [distance("eu/berlin", zone) for zone in zones]
    assert distances == sorted(set(distances))
    assert distance("EU/Berlin/", "/eu//berlin") == 0


def test_a_task_of_no_zone_is_as_near_to_all() -> None:
    assert {distance("", zone) for zone in ("", "eu", "eu/berlin/rack-3")} == {0}
    assert choices("nearest", [ONE], [host("a", 32), host("b", 4, zone="eu/berlin")]) == ["b"]


def test_nearest_goes_outwards_from_the_zone_of_the_task() -> None:
    zones = {"a": "us", "b": "eu", "c": "eu/berlin/rack-1", "d": "eu/berlin/rack-2", "e": "eu/paris/rack-1"}
    hosts = [host(name, 1, zone=zone) for name, zone in zones.items()]
    assert choices("nearest", [Shape(100, zone="eu/berlin/rack-2")] * 5, hosts) == list("dcbea")


def test_nearest_packs_among_equally_near_hosts() -> None:
    hosts = [host("a", 32, zone="eu"), host("b", 4, zone="eu"), host("c", 1, zone="us")]
    assert choices("nearest", [Shape(100, zone="eu")] * 2, hosts) == ["b", "b"]


def test_random_takes_every_host_about_as_often() -> None:
    found = Counter(choices(make("random", seed), [ONE], [host(name, 4) for name in "abcd"])[0] for seed in range(800))
    assert set(found) == set("abcd")
    assert all(140 < number < 260 for number in found.values())  # 200 expected, sigma 12


def test_random_draws_anew_for_each_task_of_a_pass() -> None:
    found = choices(make("random", 3), [ONE] * 40, [host(name, 40) for name in "ab"])
    assert any(first != second for first, second in pairwise(found))
    assert 8 < found.count("a") < 32


def test_random_repeats_with_its_seed_only() -> None:
    def drawn(seed: int) -> list[str]:
        return choices(make("random", seed), [ONE] * 20, [host(name, 40) for name in "abcd"])

    assert drawn(1) == drawn(1) != drawn(2)


def test_equals_are_taken_by_name() -> None:
    for policy in ("first_fit", "best_fit", "least_loaded", "weighted", "nearest", "round_robin"):
        assert choices(policy, [ONE], [host(name, 4) for name in "abc"]) == ["a"], policy


def test_a_pool_s_policy_applies_to_tasks_that_name_the_pool() -> None:
    choice = Choice("first_fit", {"spread": "least_loaded", "plain": ""})
    assert type(choice(ONE)) is type(make("first_fit"))
    assert type(choice(Shape(100, pool="spread"))) is type(make("least_loaded"))
    assert type(choice(Shape(100, pool="plain"))) is type(make("first_fit"))
    assert type(choice(Shape(100, pool="unknown"))) is type(make("first_fit"))
