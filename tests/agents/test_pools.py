"""Pools: made, changed, deleted; what is wrong is named, and everything is in the history."""

from typing import Any

import pytest

from agents import pools
from agents.models import AgentEvent, PlacementEvent, Pool
from scheduler_site.shared.actors import Actor
from scheduler_site.shared.errors import InvalidFields
from tests.factories import make_agent

pytestmark = pytest.mark.django_db
ADA = Actor("user", "ada")


def members(pool: Pool) -> set[str]:
    return set(pool.agents.values_list("name", flat=True))


def test_a_pool_is_made_with_its_members() -> None:
    make_agent("gpu-1"), make_agent("gpu-2"), make_agent("cpu-1")
    pool = pools.create({"name": "fast", "policy": "best_fit", "members": ["gpu-2", "gpu-1"]}, actor=ADA)
    assert (pool.policy, members(pool)) == ("best_fit", {"gpu-1", "gpu-2"})
    row = PlacementEvent.objects.get()
    assert (row.subject, row.verb, row.actor_name) == ("pool fast", "pool_created", "ada")
    assert row.detail == {"members": ["gpu-1", "gpu-2"]}
    assert list(AgentEvent.objects.values_list("agent__name", "verb")) == [
        ("gpu-1", "pool_joined"),
        ("gpu-2", "pool_joined"),
    ]


def test_a_change_replaces_the_members_and_says_what_changed() -> None:
    make_agent("one"), make_agent("two")
    pool = pools.create({"name": "fast", "members": ["one"]}, actor=ADA)
    pools.change(pool, {"policy": "random", "members": ["two"]}, actor=ADA)
    pool.refresh_from_db()
    assert (pool.policy, members(pool)) == ("random", {"two"})
    row = PlacementEvent.objects.latest("id")
    assert (row.verb, row.from_state, row.to_state) == ("pool_changed", "", "random")
    assert row.detail == {"policy": ["", "random"], "joined": ["two"], "left": ["one"]}
    assert AgentEvent.objects.filter(verb="pool_left", agent__name="one").exists()


def test_a_change_that_changes_nothing_is_not_written_down() -> None:
    make_agent("one")
    pool = pools.create({"name": "fast", "members": ["one"]}, actor=ADA)
    pools.change(pool, {"policy": "", "description": "", "members": ["one"]}, actor=ADA)
    assert [row.verb for row in PlacementEvent.objects.all()] == ["pool_created"]


def test_members_stay_when_only_the_policy_is_given() -> None:
    make_agent("one")
    pool = pools.create({"name": "fast", "members": ["one"]}, actor=ADA)
    assert members(pools.change(pool, {"policy": "random"}, actor=ADA)) == {"one"}


def test_a_deleted_pool_leaves_its_hosts_and_its_history() -> None:
    agent = make_agent("one")
    pools.delete(pools.create({"name": "fast", "members": ["one"]}, actor=ADA), actor=ADA, reason="sold")
    agent.refresh_from_db()
    assert not Pool.objects.exists()
    assert PlacementEvent.objects.latest("id").reason == "sold"
    assert agent.events.latest("id").verb == "pool_left"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "-a"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "taken"}, "name"),
        ({"name": "ok", "policy": "fastest"}, "policy"),
        ({"name": "ok", "description": "x" * 301}, "description"),
        ({"name": "ok", "members": ["nobody"]}, "members"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(fields: dict[str, Any], field: str) -> None:
    Pool.objects.create(name="taken")
    with pytest.raises(InvalidFields) as error:
        pools.create(fields, actor=ADA)
    assert list(error.value.fields) == [field]
    assert Pool.objects.count() == 1
    assert not PlacementEvent.objects.exists()


def test_a_wrong_change_changes_nothing() -> None:
    pool = pools.create({"name": "fast", "description": "old"}, actor=ADA)
    with pytest.raises(InvalidFields):
        pools.change(pool, {"description": "new", "policy": "fastest"}, actor=ADA)
    pool.refresh_from_db()
    assert pool.description == "old"


def test_the_history_is_said_in_sentences() -> None:
    make_agent("one"), make_agent("two")
    pool = pools.create({"name": "fast", "members": ["one"]}, actor=ADA)
    pools.change(pool, {"policy": "random", "members": ["two"]}, actor=ADA)
    pools.delete(pool, actor=ADA)
    assert [row.sentence for row in PlacementEvent.objects.all()] == [
        "pool fast: made with one, by ada",
        "pool fast: policy changed from nothing to random; joined by two; left by one, by ada",
        "pool fast: pool deleted, by ada",
    ]
