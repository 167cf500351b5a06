"""What a main agent has against what the server has: the whole table, and the rows behind it."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.utils import timezone

from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.agent_messages import InventoryItem
from tasks.models import Allocation, SubAgent, Task
from tasks.reconcile import reconcile, verdict
from tests.factories import make_agent, make_output_log, make_sub_agent, make_task

LOCAL_STATES = ("assigned", "claimed", "running", "finished")


@pytest.mark.parametrize(
    ("local_state", "is_live", "is_settled", "has_result"), list(product(LOCAL_STATES, *[(False, True)] * 3))
)
def test_verdict(local_state: str, is_live: bool, is_settled: bool, has_result: bool) -> None:
    kind = verdict(local_state, is_live=is_live, is_settled=is_settled, has_result=has_result)
    if local_state == "finished":
        assert kind == ("forget" if is_settled and has_result else "send_result")
    elif is_live:
        assert kind == "keep"
    else:
        assert kind == ("forget" if local_state == "assigned" else "stop")


@pytest.fixture
def agent(db: None) -> Agent:
    return make_agent("host")


def said(sub_agent: SubAgent, local_state: str, fence: int | None = None) -> InventoryItem:
    return InventoryItem(sub_agent.pk, sub_agent.fence if fence is None else fence, local_state)  # type: ignore[arg-type]


def directives(
    agent: Agent,
    *inventory: InventoryItem,
    is_complete: bool = True,
    late: float = 0,
    names: Sequence[str] = (),
    forgotten_fence: int = 0,
) -> list[Any]:
    received_at = timezone.now() - timedelta(seconds=late)
    return reconcile(
        agent,
        list(inventory),
        is_complete=is_complete,
        received_at=received_at,
        incarnations=names,
        forgotten_fence=forgotten_fence,
    )


@pytest.mark.parametrize(
    ("state", "local_state", "kind"),
    [
        ("assigned", "assigned", "keep"),
        ("starting", "claimed", "keep"),
        ("starting", "assigned", "keep"),
        ("running", "running", "keep"),
        ("running", "finished", "send_result"),
        ("revoked", "assigned", "forget"),
        ("revoked", "claimed", "stop"),
        ("lost", "running", "stop"),
        ("lost", "finished", "send_result"),
    ],
)
def test_each_gets_its_directive(agent: Agent, state: str, local_state: str, kind: str) -> None:
    sub_agent = make_sub_agent(make_task(grace_seconds=3), agent, state=state)
    (directive,) = directives(agent, said(sub_agent, local_state))
    assert (directive["kind"], directive["sub_agent_id"]) == (kind, str(sub_agent.pk))
    if kind == "stop":
        assert (directive["reason"], directive["grace_seconds"]) == ("lost", 3)


def test_under_another_fence_it_is_not_live(agent: Agent) -> None:
    sub_agent = make_sub_agent(agent=agent)
    (directive,) = directives(agent, said(sub_agent, "running", fence=sub_agent.fence + 1))
    assert (directive["kind"], directive["fence"]) == ("stop", sub_agent.fence + 1)


def test_a_stop_that_was_asked_is_asked_again(agent: Agent) -> None:
    sub_agent = make_sub_agent(agent=agent, stop_reason="cancel", stop_now=True)
    (directive,) = directives(agent, said(sub_agent, "running"))
    assert (directive["kind"], directive["reason"], directive["kill_now"]) == ("stop", "cancel", True)


@pytest.mark.parametrize(("log_state", "kind"), [("draining", "send_result"), ("complete", "forget")])
def test_a_known_result_waits_for_its_output(agent: Agent, log_state: str, kind: str) -> None:
    sub_agent = make_sub_agent(agent=agent, state="succeeded", digest="d" * 64)
    make_output_log(sub_agent, state=log_state)
    assert directives(agent, said(sub_agent, "finished"))[0]["kind"] == kind


def test_another_hosts_sub_agent_is_nobodys_business_here(agent: Agent) -> None:
    other = make_sub_agent(agent=make_agent("other"))
    assert directives(agent, said(other, "running")) == []
    other.refresh_from_db()
    assert other.state == "running"


@pytest.mark.parametrize("state", ["starting", "running"])
def test_what_is_not_listed_is_lost(agent: Agent, state: str) -> None:
    sub_agent = make_sub_agent(agent=agent, state=state)
    assert directives(agent) == []
    sub_agent.refresh_from_db()
    assert (sub_agent.state, sub_agent.end_reason) == ("lost", "no_record")


@pytest.mark.matrix(59)
@pytest.mark.parametrize(
    ("boot_id", "status", "reason"), [("boot-2", "waiting", ""), ("boot-1", "failed", "no_record")]
)
def test_what_ran_before_a_restart_of_the_host_is_surely_over(
    agent: Agent, boot_id: str, status: str, reason: str
) -> None:
    """Its disk was lost as well, so that nobody there remembers it; only the server can say what that means."""
    task = make_task(retries=1 if boot_id == "boot-2" else 0)
    sub_agent = make_sub_agent(task, agent, boot_id="boot-1")
    Agent.objects.update(boot_id=boot_id)
    agent.refresh_from_db()
    assert directives(agent) == []
    sub_agent.refresh_from_db()
    task.refresh_from_db()
    assert sub_agent.end_reason == ("host_rebooted" if boot_id == "boot-2" else "no_record")
    assert (task.status, task.end_reason) == (status, reason)


@pytest.mark.matrix(41)
@pytest.mark.parametrize(("state", "is_complete"), [("assigned", True), ("running", False)])
def test_what_proves_nothing_loses_nothing(agent: Agent, state: str, is_complete: bool) -> None:
    sub_agent = make_sub_agent(agent=agent, state=state)
    directives(agent, is_complete=is_complete)
    sub_agent.refresh_from_db()
    assert sub_agent.state == state


def test_an_inventory_that_waited_here_loses_nothing_that_was_claimed_meanwhile(agent: Agent) -> None:
    """The host gave the call up, opened another session, claimed, and only then the first call got the database."""
    sub_agent = make_sub_agent(agent=agent, state="starting")
    directives(agent, late=5)
    sub_agent.refresh_from_db()
    assert sub_agent.state == "starting"


def ahead(agent: Agent, nonce: str = "name-1", state: str = "starting", **task: Any) -> SubAgent:
    return make_sub_agent(make_task(**task), agent, state=state, claim_nonce=nonce)


def ended(sub_agent: SubAgent) -> tuple[str, str]:
    sub_agent.refresh_from_db()
    return sub_agent.state, Task.objects.get(pk=sub_agent.task_id).status


def test_what_was_granted_ahead_and_never_arrived_waits_again(agent: Agent) -> None:
    sub_agent = ahead(agent, "name-17")
    directives(agent, names=["older", "name"])
    assert ended(sub_agent) == ("not_started", "waiting")
    assert not Allocation.objects.filter(sub_agent=sub_agent, released_at=None).exists()
    assert not sub_agent.blames_host


@pytest.mark.parametrize(("above", "state"), [(0, "lost"), (5, "lost"), (-1, "not_started")])
def test_what_the_host_may_have_forgotten_may_have_run(agent: Agent, above: int, state: str) -> None:
    """An older copy of the database came back, and the host no longer keeps all that ended since."""
    sub_agent = ahead(agent)
    directives(agent, names=["name"], forgotten_fence=sub_agent.fence + above)
    assert ended(sub_agent)[0] == state


def test_what_was_canceled_meanwhile_is_canceled_then(agent: Agent) -> None:
    sub_agent = ahead(agent)
    lifecycle.cancel(sub_agent.task_id, actor=SYSTEM)
    directives(agent, names=["name"])
    assert ended(sub_agent) == ("not_started", "canceled")


@pytest.mark.parametrize(
    ("nonce", "names"),
    [
        ("name-1", []),  # a host that says nothing of it
        ("name-1", ["other"]),
        ("name-1", ["name-1"]),
        ("longname-1", ["name"]),
        ("named-1", ["name"]),
        ("name", ["name"]),  # a claim of its own
        ("", ["name"]),
    ],
)
def test_under_any_other_nonce_it_may_have_been_started(agent: Agent, nonce: str, names: list[str]) -> None:
    sub_agent = ahead(agent, nonce)
    directives(agent, names=names)
    assert ended(sub_agent)[0] == "lost"


def test_what_is_said_to_run_was_started(agent: Agent) -> None:
    sub_agent = ahead(agent, state="running")
    directives(agent, names=["name"])
    assert ended(sub_agent)[0] == "lost"


@pytest.mark.parametrize("local_state", LOCAL_STATES)
def test_what_was_granted_ahead_and_is_listed_did_arrive(agent: Agent, local_state: str) -> None:
    sub_agent = ahead(agent)
    directives(agent, said(sub_agent, local_state), names=["name"])
    assert ended(sub_agent)[0] == "starting"


@pytest.mark.parametrize("way", [{"is_complete": False}, {"late": 5}])
def test_what_proves_nothing_takes_back_nothing(agent: Agent, way: Any) -> None:
    sub_agent = ahead(agent)
    directives(agent, names=["name"], **way)
    assert ended(sub_agent)[0] == "starting"


@pytest.mark.parametrize("local_state", ["running", "finished"])
def test_a_large_inventory_is_read_at_once(agent: Agent, local_state: str, django_assert_max_num_queries: Any) -> None:
    inventory = [said(make_sub_agent(agent=agent), local_state) for _ in range(30)]
    with django_assert_max_num_queries(4) as captured:
        assert len(directives(agent, *inventory)) == 30
    assert not any("script_content" in query["sql"] for query in captured.captured_queries)
