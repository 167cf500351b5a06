"""What is kept on a host after the end of an attempt, until it is sure that nothing is left; cancel by force."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.history import record
from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.errors import Conflict
from tasks import describe, lifecycle
from tasks.agent_tree import agent_tree
from tasks.host_ends import giving_up, kept
from tasks.host_ends.host_gone import declare_gone
from tasks.models import Allocation, SubAgent, Task
from tasks.outcome import lost
from tasks.reconcile import reconcile
from tasks.scheduling.rows import hosts
from tasks.states import EndReason, Kept
from tests.factories import make_agent, make_sub_agent, make_task, make_user
from tests.rest import post, rest
from tests.tasks.host_ends.test_failover import claimed
from tests.tasks.protocol import PaperHost, finish

pytestmark = pytest.mark.django_db
ADA = Actor("user", "ada")


def silent(**fields: Any) -> SubAgent:
    """Running on a host that is not heard."""
    agent = make_agent("gpu-1", connectivity="unreachable")
    return make_sub_agent(make_task(cpu_cores=4, **fields), agent, unreachable_since=timezone.now(), boot_id="boot-1")


def given_up(sub_agent: SubAgent) -> SubAgent:
    outcome = lost(EndReason.HOST_LOST, "not heard", is_proven=False, keeps=Kept.HOST_LOST)
    giving_up.give_up(SubAgent.objects.get(pk=sub_agent.pk), outcome)
    sub_agent.refresh_from_db()
    assert sub_agent.state == "lost"
    return sub_agent


def is_kept(sub_agent: SubAgent) -> bool:
    allocation = Allocation.objects.get(sub_agent=sub_agent)
    return allocation.released_at is None and bool(allocation.kept)


def free_cores(agent: Agent) -> float:
    (host,) = hosts.load(Agent.objects.filter(pk=agent.pk))
    return host.free_centicores / 100


def test_what_a_lost_host_holds_counts_as_used_and_is_shown() -> None:
    sub_agent = given_up(silent())
    assert is_kept(sub_agent)
    assert free_cores(sub_agent.agent) == 12
    (shown,) = agent_tree()
    assert (shown["cpu_cores_in_use"], shown["available_cpu_cores"], shown["sub_agents"]) == (4, 12, [])
    assert [(row["task_id"], row["why"]) for row in shown["kept"]] == [(sub_agent.task_id, "host_lost")]


def session(sub_agent: SubAgent, *listed: Any, is_complete: bool = True, boot_id: str = "boot-1") -> None:
    Agent.objects.update(boot_id=boot_id)
    agent = Agent.objects.get(pk=sub_agent.agent_id)
    reconcile(agent, list(listed), is_complete=is_complete, received_at=timezone.now())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The hosts that a turn of the reaper asks what they have."""
    found: list[Any] = []
    monkeypatch.setattr(kept.inventory_requests, "ask", found.append)
    return found


def test_a_host_that_comes_back_in_its_old_session_is_asked_what_it_has(asked: list[Any]) -> None:
    sub_agent = given_up(silent())
    kept.ask_who_came_back()
    assert asked == []
    Agent.objects.update(connectivity="online")
    kept.ask_who_came_back()
    assert asked == [sub_agent.agent_id]


def test_a_host_that_was_compared_since_is_not_asked_again(asked: list[Any]) -> None:
    sub_agent = given_up(silent())
    Agent.objects.update(connectivity="online")
    record(sub_agent.agent, "session_opened", actor=SYSTEM)
    kept.ask_who_came_back()
    assert asked == []


def row_of(sub_agent: SubAgent, local_state: str) -> Any:
    from tasks.agent_messages import InventoryItem

    return InventoryItem(sub_agent.pk, sub_agent.fence, local_state)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("listed", "is_complete", "boot_id", "stays"),
    [
        ("running", True, "boot-1", True),
        ("finished", True, "boot-1", True),
        ("", False, "boot-1", True),
        ("", True, "boot-1", False),
        ("running", True, "boot-2", False),
        ("", False, "boot-2", False),
    ],
)
def test_the_host_says_whether_something_is_left(listed: str, is_complete: bool, boot_id: str, stays: bool) -> None:
    sub_agent = given_up(silent())
    rows = [row_of(sub_agent, listed)] if listed else []
    session(sub_agent, *rows, is_complete=is_complete, boot_id=boot_id)
    assert is_kept(sub_agent) is stays
    assert free_cores(sub_agent.agent) == (12 if stays else 16)
    if not stays:
        assert sub_agent.agent.events.get().verb == "allocation_released"
        assert Task.objects.get().events.latest("pk").verb == "allocation_released"


def test_a_late_end_confirms_that_nothing_is_left() -> None:
    host = PaperHost()
    grant = claimed(host)
    sub_agent = SubAgent.objects.get()
    given_up(sub_agent)
    assert host.report(grant)["stop"]["reason"] == "lost"
    assert is_kept(sub_agent)
    assert host.report(grant, finish=finish(reason="cancel", exit_code=None))["code"] == "already_final"
    assert not is_kept(sub_agent)


@pytest.mark.parametrize("reason", ["unkillable", "sub_lost"])
def test_survivors_keep_the_allocation_and_pause_the_host(reason: str) -> None:
    host = PaperHost()
    grant = claimed(host, retries=3)
    host.report(grant, finish=finish(reason=reason, exit_code=None, survivors=[4711, 4712]))
    sub_agent = SubAgent.objects.get()
    agent = Agent.objects.get()
    assert is_kept(sub_agent)
    assert Task.objects.get().status == "failed"
    assert agent.standing == "paused"
    assert "4711, 4712" in agent.events.get(verb="pause").reason
    host.beat(cleared=[{"sub_agent_id": str(sub_agent.pk), "fence": sub_agent.fence + 1}])
    assert is_kept(sub_agent)
    host.beat(cleared=[{"sub_agent_id": str(sub_agent.pk), "fence": sub_agent.fence}])
    assert not is_kept(sub_agent)


def test_an_operator_releases_it_once() -> None:
    sub_agent = given_up(silent())
    kept.release(sub_agent.agent, sub_agent.task_id, actor=ADA, reason="looked")
    assert not is_kept(sub_agent)
    event = sub_agent.agent.events.get()
    assert (event.verb, event.actor_name, event.reason) == ("allocation_released", "ada", "looked")
    with pytest.raises(Conflict, match="Nothing of task"):
        kept.release(sub_agent.agent, sub_agent.task_id, actor=ADA)


def test_what_runs_cannot_be_released_so() -> None:
    sub_agent = silent()
    with pytest.raises(Conflict):
        kept.release(sub_agent.agent, sub_agent.task_id, actor=ADA)
    assert Allocation.objects.get().released_at is None


def test_a_host_that_is_gone_for_good_keeps_nothing() -> None:
    sub_agent = silent()
    declare_gone(sub_agent.agent, actor=ADA)
    assert Allocation.objects.get().released_at is not None


def test_release_over_rest_and_on_the_page(client: Client) -> None:
    first = given_up(silent())
    path = f"/api/agents/{first.agent_id}/release/"
    assert post(rest("bob"), path, {"task": first.task_id}).status_code == 403
    assert post(rest("op", is_staff=True), path, {}).status_code == 400
    assert post(rest("op", is_staff=True), path, {"task": first.task_id}).status_code == 200
    assert post(rest("op", is_staff=True), path, {"task": first.task_id}).status_code == 409
    Allocation.objects.update(released_at=None)
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    assert "has ended and still holds 4 cores" in client.get("/agents/").content.decode()
    page = f"/agents/{first.agent_id}/release/{first.task_id}/"
    assert "Look at the host first" in client.get(page).content.decode()
    assert client.post(page, {"reason": "ps says so"}).status_code == 302
    assert not is_kept(first)


# --- Cancel by force


def test_force_ends_a_task_whose_host_is_not_heard() -> None:
    sub_agent = silent()
    lifecycle.cancel(sub_agent.task_id, actor=ADA, reason="no time", force=True)
    sub_agent.refresh_from_db()
    task = Task.objects.get()
    assert (task.status, task.end_reason, sub_agent.state) == ("canceled", "cancel", "lost")
    assert is_kept(sub_agent)
    assert describe.badges(task, task.latest_sub_agent) == ["end not confirmed"]
    assert describe.end_sentence(task) == (
        "Canceled. No time. Gpu-1 is not heard, so it is not known whether the script has ended there."
    )
    session(sub_agent)
    assert describe.badges(task, Task.objects.get().latest_sub_agent) == []


@pytest.mark.parametrize(("connectivity", "is_flagged"), [("online", False), ("unreachable", False), ("suspect", True)])
def test_force_is_refused_while_anybody_there_is_heard(connectivity: str, is_flagged: bool) -> None:
    """Also when only the main agent is away, and the sub agent reports."""
    sub_agent = silent()
    Agent.objects.update(connectivity=connectivity)
    SubAgent.objects.update(unreachable_since=timezone.now() if is_flagged else None)
    with pytest.raises(Conflict, match="is heard"):
        lifecycle.cancel(sub_agent.task_id, actor=ADA, force=True)
    assert Task.objects.get().status == "running"


def test_force_where_nothing_runs_is_a_plain_cancel() -> None:
    task = make_sub_agent(state="assigned").task
    lifecycle.cancel(task.pk, actor=ADA, force=True)
    assert Task.objects.get().status == "canceled"
    assert Allocation.objects.get().released_at is not None


def test_the_script_that_was_canceled_by_force_is_stopped_when_its_host_is_back() -> None:
    host = PaperHost()
    grant = claimed(host)
    Agent.objects.update(connectivity="unreachable")
    SubAgent.objects.update(unreachable_since=timezone.now())
    lifecycle.cancel(Task.objects.get().pk, actor=ADA, force=True)
    inventory = [
        {"sub_agent_id": grant["sub_agent_id"], "fence": grant["fence"], "local_state": "running", "sizes": {}}
    ]
    directives = host.open_session(inventory)["directives"]
    assert [(row["kind"], row["reason"]) for row in directives] == [("stop", "lost")]
    assert is_kept(SubAgent.objects.get())
    host.report(grant, finish=finish(reason="cancel", exit_code=None))
    assert (is_kept(SubAgent.objects.get()), Task.objects.get().status) == (False, "canceled")


def test_a_host_that_is_lost_after_a_cancel_leaves_the_task_canceled() -> None:
    sub_agent = silent(retries=2)
    lifecycle.cancel(sub_agent.task_id, actor=ADA)
    given_up(sub_agent)
    task = Task.objects.get()
    assert (task.status, task.end_reason) == ("canceled", "cancel")
    assert describe.badges(task, task.latest_sub_agent) == ["end not confirmed"]


def test_a_gang_is_canceled_by_force_only_when_no_host_is_heard() -> None:
    task = make_task(node_count=2)
    first = make_sub_agent(task, make_agent("a", connectivity="unreachable"), unreachable_since=timezone.now())
    second = make_sub_agent(task, make_agent("b"), rank=1, attempt_no=first.attempt_no)
    Task.objects.update(current_fence=first.fence, attempt_no=first.attempt_no)
    with pytest.raises(Conflict, match="b is heard"):
        lifecycle.cancel(task.pk, actor=SYSTEM, force=True)
    Agent.objects.update(connectivity="unreachable")
    SubAgent.objects.update(unreachable_since=timezone.now())
    lifecycle.cancel(task.pk, actor=SYSTEM, force=True)
    assert (is_kept(first), is_kept(second), Task.objects.get().status) == (True, True, "canceled")


def test_force_over_rest_and_in_the_dialog(client: Client) -> None:
    task = silent().task
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    assert "Do not wait" in client.get(f"/tasks/{task.pk}/cancel/").content.decode()
    Agent.objects.update(connectivity="online")
    assert post(rest("op", is_staff=True), f"/api/tasks/{task.pk}/cancel/", {"force": True}).status_code == 409
    Agent.objects.update(connectivity="unreachable")
    reply = post(rest("op", is_staff=True), f"/api/tasks/{task.pk}/cancel/", {"force": True})
    assert (reply.status_code, reply.json()["status"], reply.json()["badges"]) == (
        200,
        "canceled",
        ["end not confirmed"],
    )


def test_the_end_and_the_pause_of_its_host_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that dies between them must not leave a host active whose processes cannot be killed."""
    host = PaperHost()
    grant = claimed(host)
    unkillable = finish(reason="unkillable", exit_code=None, survivors=[4711])
    with monkeypatch.context() as broken:
        broken.setattr(kept, "pause_host", _dies)
        with pytest.raises(KeyboardInterrupt):
            host.report(grant, finish=unkillable)
    assert SubAgent.objects.get().state == "starting"
    assert host.report(grant, finish=unkillable)["code"] == "ok"
    assert Agent.objects.get().standing == "paused"


def test_giving_up_locks_the_task_before_its_sub_agent(django_assert_max_num_queries: Any) -> None:
    """Like every verb: two that lock in another order may wait for each other."""
    sub_agent = silent()
    with django_assert_max_num_queries(100) as queries:
        given_up(sub_agent)
    read = [query["sql"] for query in queries.captured_queries if query["sql"].startswith("SELECT")]
    locks = [sql.split(" FROM ")[1].split()[0] for sql in read[1:3]]  # the first is the test's own
    assert locks == ['"tasks_task"', '"tasks_subagent"']


def _dies(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt
