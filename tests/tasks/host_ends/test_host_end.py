"""How hosts end: draining until nothing runs, the main agent asked to stop, a host removed."""

import pytest
from django.utils import timezone

from agents import administration, endings
from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.errors import Conflict
from tasks.agent_tree import agent_tree
from tasks.host_ends import draining
from tasks.host_ends.host_removal import remove
from tasks.host_ends.host_stop import stop
from tasks.models import Allocation, SubAgent
from tasks.scheduling.rows import hosts
from tests.factories import make_agent, make_sub_agent
from tests.tasks.protocol import PaperHost
from tests.tasks.reservation_rows import granted

pytestmark = pytest.mark.django_db

ADA = Actor("user", "ada")


def verbs(agent: Agent) -> list[str]:
    return list(agent.events.order_by("id").values_list("verb", flat=True))


def ended(sub_agent: SubAgent) -> None:
    SubAgent.objects.filter(pk=sub_agent.pk).update(state="succeeded", ended_at=timezone.now())


def test_a_draining_host_gets_nothing_new_and_is_paused_when_it_is_empty() -> None:
    agent = make_agent()
    sub_agent = make_sub_agent(agent=agent)
    administration.drain(agent, actor=ADA, reason="new disk")
    assert not hosts.schedulable().filter(pk=agent.pk).exists()
    draining.turn()
    agent.refresh_from_db()
    assert agent.standing == "draining"
    ended(sub_agent)
    draining.turn()
    agent.refresh_from_db()
    assert (agent.standing, agent.wish) == ("paused", "")
    assert verbs(agent) == ["drain", "drained"]


def test_resuming_takes_a_drain_back() -> None:
    agent = make_agent()
    stop(agent, actor=ADA, scripts="drain")
    administration.resume(agent, actor=ADA)
    draining.turn()
    agent.refresh_from_db()
    assert (agent.standing, agent.wish) == ("active", "")


def test_a_pause_by_the_system_takes_no_wish_back() -> None:
    agent = make_agent()
    stop(agent, actor=ADA)
    administration.pause(agent, actor=SYSTEM, reason="GPU 0 does not answer any more")
    agent.refresh_from_db()
    assert (agent.standing, agent.wish) == ("paused", "end")
    administration.resume(agent, actor=ADA)
    assert agent.wish == ""


@pytest.mark.django_db(transaction=True)
def test_a_main_agent_is_told_to_end_until_it_says_that_it_does() -> None:
    host = PaperHost()
    agent = Agent.objects.get()
    assert host.beat()["end"] is False
    stop(agent, actor=ADA, reason="moving")
    assert [host.beat()["end"] for _ in range(2)] == [True, True]
    assert host.beat(ending="an operator asked it to end", accepts_work=False)["end"] is False
    agent.refresh_from_db()
    assert (agent.wish, agent.standing, agent.accepts_work) == ("", "active", False)
    assert verbs(agent)[-2:] == ["stop_asked", "main_agent_ended"]


@pytest.mark.django_db(transaction=True)
def test_a_new_main_agent_does_not_end_for_what_the_old_one_was_asked() -> None:
    host = PaperHost()
    stop(Agent.objects.get(), actor=ADA)
    host.open_session(incarnation="incarnation-2")
    assert host.beat()["end"] is False


@pytest.mark.django_db(transaction=True)
def test_stopping_after_a_drain_waits_for_the_last_script() -> None:
    host = PaperHost()
    agent = Agent.objects.get()
    sub_agent = make_sub_agent(agent=agent)
    stop(agent, actor=ADA, scripts="drain")
    draining.turn()
    assert host.beat()["end"] is False
    ended(sub_agent)
    draining.turn()
    assert host.beat()["end"] is True
    agent.refresh_from_db()
    assert agent.standing == "paused"


def test_stopping_with_kill_cancels_what_runs_there_and_nothing_else() -> None:
    agent = make_agent()
    here, elsewhere = make_sub_agent(agent=agent), make_sub_agent(agent=make_agent())
    stop(agent, actor=ADA, scripts="kill")
    here.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (here.stop_reason, here.stop_now, elsewhere.stop_reason) == ("cancel", True, "")
    assert here.task.events.filter(verb="cancel_requested", actor_name="ada").exists()
    agent.refresh_from_db()
    assert (agent.standing, agent.wish) == ("draining", "end_when_empty")


@pytest.mark.parametrize("scripts", ["leave", "drain", "kill"])
def test_a_main_agent_that_is_not_heard_cannot_be_stopped(scripts: str) -> None:
    agent = make_agent("box", connectivity="unreachable")
    with pytest.raises(Conflict, match="box is not heard"):
        stop(agent, actor=ADA, scripts=scripts)  # type: ignore[arg-type]
    assert verbs(agent) == []


def test_a_wish_ends_with_the_hearing_of_the_host() -> None:
    agent = make_agent()
    endings.ask(agent, actor=ADA)
    Agent.objects.update(connectivity="unreachable")
    draining.turn()
    agent.refresh_from_db()
    assert agent.wish == ""
    assert verbs(agent) == ["stop_asked", "main_agent_ended"]


@pytest.mark.django_db(transaction=True)
def test_a_removed_host_is_refused_and_shown_nowhere_and_its_name_is_free() -> None:
    host = PaperHost("box")
    agent = Agent.objects.get()
    remove(agent, actor=ADA, reason="sold")
    reply = host.beat()
    assert (host.status, reply["code"]) == (401, "unauthorized")
    assert "removed by an operator" in reply["detail"]
    assert agent_tree() == []
    assert not hosts.known().exists()
    assert verbs(agent)[-1] == "remove"
    assert PaperHost("box").name == "box"
    with pytest.raises(Conflict, match="is removed"):
        administration.resume(agent, actor=ADA)


def test_what_is_live_or_held_keeps_a_host() -> None:
    agent = make_agent("box")
    running = make_sub_agent(agent=agent)
    with pytest.raises(Conflict, match=f"task {running.task_id} runs there"):
        remove(agent, actor=ADA)
    ended(running)
    with pytest.raises(Conflict, match=f"what task {running.task_id} had is still held"):
        remove(agent, actor=ADA)
    Allocation.objects.update(released_at=timezone.now())
    remove(agent, actor=ADA)
    assert Agent.objects.get(pk=agent.pk).standing == "removed"


def test_a_reservation_keeps_a_host() -> None:
    agent = make_agent("box")
    reservation = granted(agent)
    with pytest.raises(Conflict, match=f"reservation {reservation.pk} is held there"):
        remove(agent, actor=ADA)
