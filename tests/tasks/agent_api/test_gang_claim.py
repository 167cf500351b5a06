"""A gang over the agents' endpoints: waits at the barrier, gets one grant each, survives repeats and restarts."""

from typing import Any

import pytest

from scheduler_site.shared.actors import SYSTEM
from tasks.models import SubAgent, Task
from tasks.scheduling.run import run_pass
from tasks.submission import submit
from tests.tasks.protocol import PaperHost, finish, piece

pytestmark = pytest.mark.django_db


@pytest.fixture
def hosts() -> list[PaperHost]:
    return [PaperHost("host-1"), PaperHost("host-2")]


def gang(hosts: list[PaperHost], **fields: Any) -> tuple[Task, list[PaperHost], list[dict[str, Any]]]:
    """The task, its hosts by rank, and what each was assigned."""
    task = submit({"name": "g", "script_content": "true\n", "node_count": 2, **fields}, actor=SYSTEM)
    run_pass()
    by_name = {host.name: host for host in hosts}
    ordered = [by_name[member.agent.name] for member in SubAgent.objects.filter(task=task).order_by("rank")]
    return task, ordered, [host.beat()["assignments"][0] for host in ordered]


def test_a_host_waits_until_the_other_has_accepted(hosts: list[PaperHost]) -> None:
    task, (leader, other), (first, second) = gang(hosts)
    assert [row["gang"] for row in (first, second)] == [{"rank": rank, "node_count": 2} for rank in (0, 1)]
    for _ in range(2):
        reply = leader.claim(first, master_port=40001)
        assert (leader.status, reply["code"]) == (409, "gang_waiting")
        assert "script_content" not in reply
    assert leader.beat()["assignments"] == [first]
    grants = [other.claim(second), leader.claim(first, master_port=5)]
    nodes = [{"name": host.name, "address": "127.0.0.1"} for host in (leader, other)]  # one machine id
    for rank, grant in enumerate(reversed(grants)):
        assert grant["script_content"] == "true\n"
        assert grant["gang"] == {
            "rank": rank,
            "node_count": 2,
            "nodes": nodes,
            "master_address": "127.0.0.1",
            "master_port": 40001,
        }
    assert [other.claim(second), leader.claim(first)] == grants
    task.refresh_from_db()
    assert task.status == "waiting"


def test_a_main_agent_that_restarts_at_the_barrier_goes_on(hosts: list[PaperHost]) -> None:
    _, (leader, other), (first, second) = gang(hosts)
    leader.claim(first)
    row = {"sub_agent_id": first["sub_agent_id"], "fence": first["fence"], "local_state": "assigned", "sizes": {}}
    (directive,) = leader.open_session([row])["directives"]
    assert directive["kind"] == "keep"
    other.claim(second)
    assert leader.open_session([row])["directives"][0]["kind"] == "keep"
    assert leader.claim(first)["script_content"] == "true\n"


def test_a_gang_that_is_void_is_forgotten_by_who_waited(hosts: list[PaperHost]) -> None:
    task, (leader, other), (first, second) = gang(hosts)
    leader.claim(first)
    other.post(f"sub-agents/{second['sub_agent_id']}/reject", {"fence": second["fence"], "reason": "disk_full"})
    assert leader.claim(first)["code"] == "sub_agent_closed"
    row = {"sub_agent_id": first["sub_agent_id"], "fence": first["fence"], "local_state": "assigned", "sizes": {}}
    assert leader.open_session([row])["directives"][0]["kind"] == "forget"
    task.refresh_from_db()
    assert (task.status, task.current_fence, task.voids) == ("waiting", None, 1)


def test_a_failure_stops_the_other_and_each_keeps_its_output(hosts: list[PaperHost]) -> None:
    task, (leader, other), (first, second) = gang(hosts)
    leader.claim(first)
    theirs, ours = other.claim(second), leader.claim(first)
    for host, grant, word in ((leader, ours, b"zero\n"), (other, theirs, b"one\n")):
        host.report(grant, started={"pid": 7}, output=[piece(word)])
    other.report(theirs, finish=finish(1, size=4))
    (stop,) = leader.beat()["directives"]
    assert (stop["kind"], stop["reason"], stop["sub_agent_id"]) == ("stop", "gang", ours["sub_agent_id"])
    assert leader.report(ours)["stop"]["reason"] == "gang"
    leader.report(ours, finish=finish(143, reason="cancel", sent_signals=["TERM"], size=5))
    task.refresh_from_db()
    assert (task.status, task.exit_code) == ("failed", 1)
    assert task.end_detail == f"rank 1 on {other.name} failed: exit code 1"
    sizes = {log.sub_agent.rank: log.stored_bytes for log in _logs(task)}
    assert sizes == {0: 5, 1: 4}


def _logs(task: Task) -> list[Any]:
    return [log for member in task.sub_agents.all() for log in member.logs.all()]


@pytest.mark.parametrize("port", [0, 65536, -1, "x", 1.5])
def test_a_port_that_is_none_is_refused(hosts: list[PaperHost], port: Any) -> None:
    _, (leader, _), (first, _) = gang(hosts)
    reply = leader.claim(first, master_port=port)
    assert (leader.status, reply["code"]) == (400, "bad_message")
    assert "master_port" in reply["detail"]
