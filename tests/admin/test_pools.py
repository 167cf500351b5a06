"""Pools in the admin: their sums, their members, and what is refused."""

import pytest
from django.test import Client

from agents.models import AgentEvent, PlacementEvent, Pool
from tests.admin.forms import sent
from tests.admin.people import administrator, said
from tests.factories import make_agent, make_task

pytestmark = pytest.mark.django_db
LIST = "/admin/agents/pool/"


@pytest.fixture
def admin() -> Client:
    return administrator()


def address(pool: Pool, verb: str = "change") -> str:
    return f"{LIST}{pool.pk}/{verb}/"


def test_a_pool_is_made_with_its_members_and_shows_their_sum(admin: Client) -> None:
    hosts = [make_agent("gpu-1", gpus=2), make_agent("gpu-2", gpus=1, connectivity="unreachable")]
    body = {"name": "fast", "description": "new", "policy": "best_fit", "agents": [str(host.pk) for host in hosts]}
    assert admin.post(f"{LIST}add/", body).status_code == 302
    pool = Pool.objects.get()
    assert (pool.policy, pool.agents.count()) == ("best_fit", 2)
    assert PlacementEvent.objects.get().actor_name == "root"
    for html in (said(admin.get(LIST)), said(admin.get(address(pool)))):
        for text in ("2, 1", "16 of 32", "64 GiB of 128 GiB", "2 of 3 Test GPU", "48 GiB of 72 GiB"):
            assert text in html


def test_members_and_policy_are_changed_and_the_name_stays(admin: Client) -> None:
    first, second = make_agent("one"), make_agent("two")
    pool = Pool.objects.create(name="fast")
    pool.agents.add(first)
    body = sent(said(admin.get(address(pool))), name="other", policy="random", agents=[str(second.pk)])
    assert admin.post(address(pool), body).status_code == 302
    pool.refresh_from_db()
    assert (pool.name, pool.policy, pool.agents.get().name) == ("fast", "random", "two")
    assert set(AgentEvent.objects.values_list("agent__name", "verb")) == {("one", "pool_left"), ("two", "pool_joined")}


@pytest.mark.parametrize(
    "wrong", [{"name": "a b"}, {"name": ""}, {"name": "old"}, {"policy": "fastest"}, {"agents": ["nobody"]}]
)
def test_wrong_values_are_named(admin: Client, wrong: dict[str, str]) -> None:
    Pool.objects.create(name="old")
    html = said(admin.post(f"{LIST}add/", {"name": "new", **wrong}))
    assert 'class="errorlist"' in html
    assert Pool.objects.count() == 1


def test_a_pool_that_a_task_waits_for_is_kept(admin: Client) -> None:
    pool = Pool.objects.create(name="fast")
    make_task(pool="fast")
    html = said(admin.post(address(pool, "delete"), {"post": "yes"}, follow=True))
    assert "1 task waits for the pool fast" in html
    assert Pool.objects.exists()


def test_a_pool_that_nobody_waits_for_is_deleted(admin: Client) -> None:
    pool = Pool.objects.create(name="fast")
    admin.post(address(pool, "delete"), {"post": "yes"})
    assert not Pool.objects.exists()
    assert PlacementEvent.objects.get().verb == "pool_deleted"
