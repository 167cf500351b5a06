"""A task's whole way over the agents' endpoints: placed, claimed, started, output, finished."""

import hashlib

import pytest

from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.models import Allocation, SubAgent, Task
from tasks.scheduling.run import run_pass
from tasks.submission import submit
from tests.tasks.protocol import PaperHost, finish, piece

pytestmark = pytest.mark.django_db


def task(**fields: object) -> Task:
    return submit({"name": "t", "script_content": "true\n", **fields}, actor=SYSTEM)


def started(host: PaperHost) -> dict:
    run_pass()
    (assignment,) = host.beat()["assignments"]
    grant = host.claim(assignment)
    host.report(grant, started={"pid": 7})
    return grant


def test_from_submission_to_complete_output() -> None:
    host = PaperHost()
    first = task()
    run_pass()
    reply = host.beat()
    (assignment,) = reply["assignments"]
    assert "script_content" not in assignment
    assert assignment["task_id"] == first.pk
    grant = host.claim(assignment)
    assert grant["script_content"] == "true\n"
    assert host.beat()["assignments"] == []
    host.report(grant, started={"pid": 7}, output=[piece(b"hello\n")])
    first.refresh_from_db()
    assert (first.status, first.agent_name) == ("running", host.name)
    reply = host.report(grant, finish=finish(size=6, result={"loss": 0.5}))
    kept = reply["logs"]["out"]
    assert (reply["code"], kept["stored"], kept["state"]) == ("ok", 6, "draining")
    first.refresh_from_db()
    assert (first.status, first.exit_code, first.result, first.current_fence) == ("completed", 0, {"loss": 0.5}, None)
    closing = {"stream": "out", "size": 6, "sha256": hashlib.sha256(b"hello\n").hexdigest()}
    assert host.report(grant, log_close=[closing])["logs"]["out"]["state"] == "complete"
    assert not Allocation.objects.filter(released_at__isnull=True).exists()
    assert [event.verb for event in first.events.all()] == ["submitted", "placed", "claimed", "started", "ended"]


def test_started_and_finished_in_one_report() -> None:
    host = PaperHost()
    first = task()
    run_pass()
    grant = host.claim(host.beat()["assignments"][0])
    host.report(grant, started={"pid": 7}, finish=finish(3))
    first.refresh_from_db()
    assert (first.status, first.exit_code, first.end_reason) == ("failed", 3, "exit")
    assert first.start_time is not None


def test_the_same_claim_again_gets_the_same_grant_and_another_nonce_none() -> None:
    host = PaperHost()
    task()
    run_pass()
    (assignment,) = host.beat()["assignments"]
    once, again = host.claim(assignment), host.claim(assignment)
    assert once == again
    assert host.claim(assignment, "another-nonce-another")["code"] == "sub_agent_closed"
    assert host.status == 410


def test_the_same_result_again_is_known_and_another_is_refused() -> None:
    host = PaperHost()
    first = task()
    grant = started(host)
    assert host.report(grant, finish=finish(0))["code"] == "ok"
    assert host.report(grant, finish=finish(0))["code"] == "ok"
    assert host.report(grant, finish=finish(1))["code"] == "already_final"
    first.refresh_from_db()
    assert (first.status, first.exit_code) == ("completed", 0)
    assert first.events.filter(verb="late_result").count() == 1


def test_cancel_before_the_claim_never_starts() -> None:
    host = PaperHost()
    first = task()
    run_pass()
    (assignment,) = host.beat()["assignments"]
    lifecycle.cancel(first.pk, actor=SYSTEM, reason="no need")
    assert host.claim(assignment)["code"] == "sub_agent_closed"
    first.refresh_from_db()
    assert (first.status, first.end_reason, first.current_fence) == ("canceled", "cancel", None)
    assert SubAgent.objects.get().state == "revoked"


def test_cancel_of_a_running_task_asks_the_host_and_takes_its_word() -> None:
    host = PaperHost()
    first = task()
    grant = started(host)
    lifecycle.cancel(first.pk, actor=SYSTEM)
    reply = host.report(grant)
    assert reply["stop"] == {"reason": "cancel", "grace_seconds": 10, "kill_now": False}
    (directive,) = host.beat()["directives"]
    assert (directive["kind"], directive["reason"]) == ("stop", "cancel")
    lifecycle.cancel(first.pk, actor=SYSTEM)
    assert host.report(grant)["stop"]["kill_now"] is False
    assert first.events.filter(verb="cancel_requested").count() == 1
    lifecycle.cancel(first.pk, actor=SYSTEM, kill_now=True)
    assert host.report(grant)["stop"]["kill_now"] is True
    host.report(grant, finish=finish(reason="cancel", exit_code=None, signal=15))
    first.refresh_from_db()
    assert first.status == "canceled"


def test_a_script_that_finished_before_the_cancel_keeps_its_result() -> None:
    host = PaperHost()
    first = task()
    grant = started(host)
    lifecycle.cancel(first.pk, actor=SYSTEM)
    host.report(grant, finish=finish(0))
    first.refresh_from_db()
    assert first.status == "completed"


def test_retries_run_again_and_then_fail() -> None:
    host = PaperHost()
    first = task(retries=1)
    host.report(started(host), finish=finish(1))
    first.refresh_from_db()
    assert (first.status, first.retries_used, first.current_fence) == ("waiting", 1, None)
    assert first.not_before is not None
    Task.objects.update(not_before=None)  # the pause before a retry is over
    host.report(started(host), finish=finish(1))
    first.refresh_from_db()
    assert (first.status, first.attempt_no) == ("failed", 2)


def test_a_host_that_cannot_take_it_gives_it_back() -> None:
    host = PaperHost()
    first = task()
    run_pass()
    (assignment,) = host.beat()["assignments"]
    path = f"sub-agents/{assignment['sub_agent_id']}/reject"
    body = {"fence": assignment["fence"], "reason": "disk_full", "detail": "100 MiB free"}
    assert host.post(path, body) == {"state": "rejected"}
    assert host.post(path, body) == {"state": "rejected"}
    first.refresh_from_db()
    assert (first.status, first.voids, first.current_fence) == ("waiting", 1, None)


def test_a_chain_waits_and_a_failure_cancels_what_needs_it() -> None:
    host = PaperHost()
    first = task()
    second = task(depends_on=[first.pk])
    third = task(depends_on=[{"id": second.pk, "kind": "afterok"}])
    cleanup = task(depends_on=[{"id": second.pk, "kind": "afterany"}])
    assert [second.status, third.status, cleanup.status] == ["blocked"] * 3
    host.report(started(host), finish=finish(1))
    for row in (second, third, cleanup):
        row.refresh_from_db()
    assert (second.status, second.end_reason) == ("canceled", "dependency")
    assert f"#{first.pk} failed" in second.end_detail
    assert (third.status, cleanup.status) == ("canceled", "waiting")


def test_an_inventory_without_it_loses_a_running_attempt_at_once() -> None:
    host = PaperHost()
    first = task()
    started(host)
    host.open_session([])
    first.refresh_from_db()
    assert (first.status, first.end_reason) == ("failed", "no_record")


@pytest.mark.matrix(41)
def test_an_incomplete_inventory_proves_nothing() -> None:
    host = PaperHost()
    first = task()
    started(host)
    host.open_session([], inventory_complete=False)
    first.refresh_from_db()
    assert first.status == "running"


def test_a_lost_attempt_that_comes_back_is_stopped() -> None:
    host = PaperHost()
    task()
    grant = started(host)
    host.open_session([])
    reply = host.report(grant, output=[piece(b"still here")])
    assert (reply["code"], reply["stop"]["reason"]) == ("sub_agent_closed", "lost")
    assert host.report(grant, finish=finish(0, size=10))["code"] == "already_final"


def test_a_stale_session_gets_no_work() -> None:
    host = PaperHost()
    old = host.epoch
    host.open_session()
    reply = host.post("heartbeat", {"epoch": old, "seq": 99, "resources": host.resources})
    assert (host.status, reply["code"]) == (409, "stale_epoch")


@pytest.mark.matrix(16)
def test_an_old_heartbeat_is_no_sign_of_life_and_gets_nothing() -> None:
    host = PaperHost()
    task()
    run_pass()
    assert len(host.beat()["assignments"]) == 1
    reply = host.post("heartbeat", {"epoch": host.epoch, "seq": host.seq, "resources": host.resources})
    assert reply["assignments"] == []


def test_a_start_that_another_request_told_meanwhile_does_not_swallow_the_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first report timed out at the host and is still worked on while the same comes again, now with the end."""
    host = PaperHost()
    first = task()
    run_pass()
    grant = host.claim(host.beat()["assignments"][0])
    original = lifecycle.start

    def second_after_the_first(sub_agent: SubAgent, **more: object) -> None:
        original(SubAgent.objects.get(pk=sub_agent.pk), **more)
        original(sub_agent, **more)

    monkeypatch.setattr(lifecycle, "start", second_after_the_first)
    assert host.report(grant, started={"pid": 7}, finish=finish(0))["code"] == "ok"
    first.refresh_from_db()
    assert first.status == "completed"
