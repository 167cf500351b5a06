"""A success that was told after its attempt had been given up: shown, and what was canceled for it is run, once."""

import hashlib
from typing import Any

import pytest
from django.test import Client

from scheduler_site.shared.actors import SYSTEM, Actor
from scheduler_site.shared.errors import Conflict
from tasks import lifecycle
from tasks.host_ends import late_result
from tasks.host_ends.late_result import late_result_of, run_dependants
from tasks.models import OutputLog, SubAgent, Task
from tasks.outcome import lost
from tasks.output import logs
from tasks.states import EndReason, Kept
from tests.factories import make_task, make_user
from tests.rest import post, rest
from tests.tasks.host_ends.test_failover import claimed
from tests.tasks.protocol import PaperHost, finish, piece

pytestmark = pytest.mark.django_db
ADA = Actor("user", "ada")


def given_up(host: PaperHost) -> tuple[Task, dict[str, Any]]:
    grant = claimed(host)
    outcome = lost(EndReason.HOST_LOST, "not heard", is_proven=False, keeps=Kept.HOST_LOST)
    task = Task.objects.latest("pk")
    make_chain(task)
    lifecycle.finish(SubAgent.objects.get(), outcome, actor=SYSTEM)
    task.refresh_from_db()
    return task, grant


def make_chain(task: Task) -> None:
    """One after the other; the last needs a third one as well, which is open."""
    first = make_task("blocked", name="first", cpu_cores=3, depends_on=[task])
    make_task("blocked", name="second", depends_on=[first, make_task(name="open")])
    make_task("blocked", name="whatever", depends_on=[(task, "afterany")])


def told_late(host: PaperHost, grant: dict[str, Any], exit_code: int = 0) -> None:
    assert host.report(grant, finish=finish(exit_code))["code"] == "already_final"


def test_it_is_shown_beside_the_end_that_stands() -> None:
    host = PaperHost()
    task, grant = given_up(host)
    assert late_result_of(task) is None
    told_late(host, grant)
    late = late_result_of(task)
    assert late is not None
    assert (late.sentence, late.can_run_dependants) == ("The host told its end later: exit code 0.", True)
    assert Task.objects.get(pk=task.pk).status == "failed"


@pytest.mark.parametrize("at_once", [True, False], ids=["with the result", "after it"])
def test_output_that_comes_late_is_compared_too(at_once: bool) -> None:
    """Until it is, its sub agent stays and asks again."""
    host = PaperHost()
    _, grant = given_up(host)
    closing = {"stream": "out", "size": 6, "sha256": hashlib.sha256(b"hello\n").hexdigest()}
    told = {"output": [piece(b"hello\n")], "finish": finish(size=6)}
    if at_once:
        reply = host.report(grant, **told, log_close=[closing])
        assert reply["code"] == "already_final"
    else:
        assert host.report(grant, **told)["logs"]["out"]["state"] == "draining"
        reply = host.report(grant, log_close=[closing])
        assert reply["code"] == "sub_agent_closed"
    assert (reply["logs"]["out"]["stored"], reply["logs"]["out"]["state"]) == (6, "complete")


def test_a_failure_that_is_told_late_runs_nobody() -> None:
    host = PaperHost()
    task, grant = given_up(host)
    told_late(host, grant, 3)
    late = late_result_of(task)
    assert late is not None
    assert not late.can_run_dependants
    with pytest.raises(Conflict):
        run_dependants(task.pk, actor=ADA)


def test_those_that_were_canceled_for_it_are_submitted_anew_once() -> None:
    host = PaperHost()
    task, grant = given_up(host)
    told_late(host, grant)
    before = {one.name: one for one in Task.objects.filter(status="canceled")}
    assert set(before) == {"first", "second"}
    first, second = run_dependants(task.pk, actor=ADA)
    assert (first.name, first.status, first.cpu_cores, first.attempt_no) == ("first", "waiting", 3, 0)
    assert (second.name, second.status, second.unmet) == ("second", "blocked", 2)
    assert {edge.depends_on.name for edge in second.dependencies.all()} == {"first", "open"}  # type: ignore[attr-defined]
    assert {one.status for one in Task.objects.filter(pk__in=[one.pk for one in before.values()])} == {"canceled"}
    event = Task.objects.get(pk=task.pk).events.latest("pk")
    assert (event.verb, event.actor_name) == ("dependants_run", "ada")
    with pytest.raises(Conflict):
        run_dependants(task.pk, actor=ADA)


def test_over_rest_and_by_the_button(client: Client) -> None:
    host = PaperHost()
    task, grant = given_up(host)
    told_late(host, grant)
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    assert "Run dependants anyway" in client.get(f"/tasks/{task.pk}/").content.decode()
    assert client.post(f"/tasks/{task.pk}/run-dependants/").status_code == 302
    assert Task.objects.filter(name="first").count() == 2
    assert "Run dependants anyway" not in client.get(f"/tasks/{task.pk}/").content.decode()
    assert post(rest("op", is_staff=True), f"/api/tasks/{task.pk}/run-dependants/").status_code == 409


def test_a_late_result_is_noted_with_its_sizes_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that dies between them must not leave output that nobody waits for."""
    host = PaperHost()
    task, grant = given_up(host)
    late = finish(0, size=5)
    with monkeypatch.context() as broken:
        broken.setattr(logs, "begin_draining", _dies)
        with pytest.raises(KeyboardInterrupt):
            host.report(grant, finish=late)
    assert host.report(grant, finish=late)["code"] == "already_final"
    assert OutputLog.objects.get(sub_agent__task=task).final_bytes == 5
    assert task.events.filter(verb="late_result").count() == 1


def _dies(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_long_chain_is_read_at_once(django_assert_max_num_queries: Any) -> None:
    host = PaperHost()
    task, grant = given_up(host)
    link = make_task("canceled", depends_on=[task], end_reason="dependency")
    chain = [link]
    for _ in range(10):
        chain.append(make_task("canceled", depends_on=[chain[-1]], end_reason="dependency"))
    told_late(host, grant)
    with django_assert_max_num_queries(1000) as queries:
        copies = run_dependants(task.pk, actor=ADA)
    assert len(copies) == 13
    edges = [sql for query in queries.captured_queries if 'FROM "tasks_dependency"' in (sql := query["sql"])]
    assert len([sql for sql in edges if sql.startswith("SELECT")]) == 1


def test_more_than_one_transaction_can_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    host = PaperHost()
    task, grant = given_up(host)
    told_late(host, grant)
    monkeypatch.setattr(late_result, "MOST_AT_ONCE", 1)
    with pytest.raises(Conflict, match="More than 1 tasks"):
        run_dependants(task.pk, actor=ADA)
    assert Task.objects.filter(name="first").count() == 1
