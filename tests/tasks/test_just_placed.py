"""What this process has placed a moment ago: from the commit of its placement until it is claimed, or too old."""

import time
import uuid
from typing import Any

import pytest
from django.db import transaction

from scheduler_site.shared.actors import SYSTEM
from tasks import just_placed, lifecycle
from tasks.models import SubAgent
from tasks.scheduling.run import run_pass
from tasks.states import SubAgentState
from tests.factories import make_agent, make_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def host() -> uuid.UUID:
    return uuid.uuid4()


def one() -> uuid.UUID:
    return uuid.uuid4()


def test_the_oldest_first_and_each_host_for_itself(host: uuid.UUID) -> None:
    first, second, other = one(), one(), one()
    just_placed.note(host, first)
    just_placed.note(other, one())
    just_placed.note(host, second)
    assert just_placed.on(host) == [first, second]
    assert just_placed.on(one()) == []


def test_not_before_the_commit(host: uuid.UUID) -> None:
    with transaction.atomic():
        just_placed.note(host, one())
        assert just_placed.on(host) == []
    assert len(just_placed.on(host)) == 1


def test_not_without_the_commit(host: uuid.UUID) -> None:
    with transaction.atomic():
        just_placed.note(host, one())
        transaction.set_rollback(True)
    assert just_placed.on(host) == []


def test_dropped_with_the_commit_of_the_claim(host: uuid.UUID) -> None:
    placed, other = one(), one()
    just_placed.note(host, placed)
    just_placed.note(host, other)
    with transaction.atomic():
        just_placed.drop(host, placed)
        transaction.set_rollback(True)
    assert just_placed.on(host) == [placed, other]
    just_placed.drop(host, placed)
    just_placed.drop(host, placed)
    assert just_placed.on(host) == [other]


def test_only_for_a_while_and_nothing_is_kept_of_it(host: uuid.UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [time.monotonic()]
    monkeypatch.setattr(just_placed.time, "monotonic", lambda: now[0])
    old, young = one(), one()
    just_placed.note(host, old)
    now[0] += just_placed.KEPT_SECONDS
    just_placed.note(host, young)
    assert just_placed.on(host) == [old, young]
    now[0] += 0.5
    assert just_placed.on(host) == [young]
    now[0] += just_placed.KEPT_SECONDS
    assert just_placed.on(host) == []
    assert host not in just_placed._placed


def placed_sub_agents(**fields: Any) -> list[SubAgent]:
    make_task(**fields)
    run_pass()
    return list(SubAgent.objects.all())


def test_a_placement_is_noted_and_a_gang_is_not() -> None:
    for name in ("a", "b"):
        make_agent(name)
    (single,) = placed_sub_agents()
    assert just_placed.on(single.agent_id) == [single.pk]
    for member in placed_sub_agents(node_count=2):
        assert just_placed.on(member.agent_id) == ([single.pk] if member.agent_id == single.agent_id else [])


@pytest.mark.parametrize("how", ["claimed", "canceled", "given back"])
def test_what_is_over_is_no_longer_just_placed(how: str) -> None:
    make_agent()
    (sub_agent,) = placed_sub_agents()
    if how == "claimed":
        lifecycle.claim(sub_agent, "n" * 32)
    elif how == "canceled":
        lifecycle.cancel(sub_agent.task_id, actor=SYSTEM)
    else:
        lifecycle.give_back(sub_agent, SubAgentState.REJECTED, "", actor=SYSTEM)
    assert just_placed.on(sub_agent.agent_id) == []
