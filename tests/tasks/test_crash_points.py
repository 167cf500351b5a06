"""The server's failpoints in this process: what is in the database when it fails there, and what the next try makes."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scheduler_site.shared import failpoints
from scheduler_site.shared.actors import SYSTEM
from scheduler_site.shared.failpoints import Failpoint
from tasks import lifecycle, recovery
from tasks.lifecycle import dependants
from tasks.models import Allocation, OutputLog, SubAgent, Task
from tasks.output import logs
from tasks.scheduling.run import run_pass
from tasks.submission import submit
from tests.factories import make_sub_agent
from tests.tasks.output.test_logs import append
from tests.tasks.protocol import INCARNATION, PaperHost, finish, piece

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.matrix(12)]


@pytest.fixture(autouse=True)
def no_orders_afterwards(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.TASK_LOG_DIR = tmp_path
    yield
    failpoints.configure("")


def fails_once(point: str) -> None:
    failpoints.configure(f"{point}=raise@1")


def task(**fields: object) -> Task:
    return submit({"name": "t", "script_content": "true\n", **fields}, actor=SYSTEM)


def test_before_a_placement_is_committed_nothing_happened() -> None:
    host, waiting = PaperHost(), task()
    fails_once("place.before_commit")
    with pytest.raises(Failpoint):
        run_pass()
    assert not SubAgent.objects.exists()
    assert not Allocation.objects.exists()
    assert host.beat()["assignments"] == []
    run_pass()
    (assignment,) = host.beat()["assignments"]
    assert (assignment["task_id"], assignment["attempt_no"]) == (waiting.pk, 1)


def test_after_a_placement_is_committed_it_is_handed_out_once() -> None:
    host = PaperHost()
    task()
    fails_once("place.after_commit")
    with pytest.raises(Failpoint):
        run_pass()
    run_pass()
    (assignment,) = host.beat()["assignments"]
    assert assignment["attempt_no"] == 1
    assert SubAgent.objects.count() == 1


def test_a_claim_is_committed_before_anybody_hears_of_it() -> None:
    """By a claim of its own, asked again under its nonce."""
    host = PaperHost()
    task()
    run_pass()
    (assignment,) = host.beat()["assignments"]
    fails_once("claim.before_reply")
    with pytest.raises(Failpoint):
        host.claim(assignment)
    assert SubAgent.objects.get().state == "starting"
    assert host.claim(assignment, "another-nonce-16")["code"] == "sub_agent_closed"
    assert host.claim(assignment)["fence"] == assignment["fence"]


@pytest.mark.parametrize("is_heard", [True, False])
def test_a_grant_ahead_is_committed_before_anybody_hears_of_it(is_heard: bool) -> None:
    """It is asked again under its nonce, or the next session says that it never arrived."""
    host = PaperHost()
    host.beat()
    waiting = task()
    run_pass()
    lost = host.ahead()
    fails_once("claims_ahead.before_reply")
    with pytest.raises(Failpoint):
        host.beat(claims_ahead=lost)
    assert SubAgent.objects.get().state == "starting"
    if is_heard:
        (row,) = host.beat(claims_ahead=host.ahead(again=lost["nonces"]))["granted"]
        assert (row["grant"]["task_id"], row["nonce"] in lost["nonces"]) == (waiting.pk, True)
    else:
        host.open_session(incarnation="j" * 32, incarnations=[INCARNATION, "j" * 32])
        assert SubAgent.objects.get().state == "not_started"
        run_pass()
        (assignment,) = host.beat()["assignments"]
        assert (assignment["task_id"], assignment["attempt_no"]) == (waiting.pk, 2)


def test_output() -> None:
    """The row never says more than what the file holds; the same bytes come again to the same place."""
    sub_agent = make_sub_agent(state="running")
    for point, stored in (("output.before_row", 0), ("output.before_reply", 5)):
        fails_once(point)
        with pytest.raises(Failpoint):
            append(sub_agent, 0, b"hello")
        row = OutputLog.objects.get(sub_agent=sub_agent)
        assert row.stored_bytes == stored
        assert logs.path_of(sub_agent, "out").read_bytes() == b"hello"
    assert append(sub_agent, 0, b"hello").stored_bytes == 5


@pytest.mark.parametrize("point", ["output.before_result", "finish.before_commit"])
def test_a_short_script_is_stored_with_all_its_output_or_not_at_all(point: str) -> None:
    """The file may be ahead of the rows: the same bytes come again to the same place."""
    host = PaperHost()
    task()
    run_pass()
    grant = host.claim(host.beat()["assignments"][0])
    closing = {"stream": "out", "size": 5, "sha256": hashlib.sha256(b"hello").hexdigest()}
    told = {"started": {"pid": 7}, "output": [piece(b"hello")], "finish": finish(size=5), "log_close": [closing]}
    fails_once(point)
    with pytest.raises(Failpoint):
        host.report(grant, **told)
    sub_agent = SubAgent.objects.get()
    assert (sub_agent.state, Task.objects.get().status) == ("starting", "waiting")
    assert not OutputLog.objects.exists()
    assert logs.path_of(sub_agent, "out").read_bytes() == b"hello"
    reply = host.report(grant, **told)
    assert (reply["code"], reply["state"], reply["logs"]["out"]["state"]) == ("ok", "succeeded", "complete")
    assert [event.verb for event in Task.objects.get().events.all()].count("started") == 1


@pytest.mark.parametrize("point", ["finish.before_reply", "end.before_news"])
def test_a_result_is_stored_and_dependants_are_free_before_anybody_hears_of_it(point: str) -> None:
    host, first = PaperHost(), task()
    second = task(depends_on=[{"id": first.pk, "kind": "afterok"}])
    run_pass()
    grant = host.claim(host.beat()["assignments"][0])
    host.report(grant, started={"pid": 7}, output=[piece(b"hello")])
    fails_once(point)
    with pytest.raises(Failpoint):
        host.report(grant, finish=finish(size=5))
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("completed", "waiting")
    assert not Allocation.objects.filter(released_at__isnull=True).exists()
    assert host.report(grant, finish=finish(size=5))["code"] == "ok"
    assert [event.verb for event in second.events.all()].count("unblocked") == 1


@pytest.mark.matrix(72)
def test_a_long_chain_is_canceled_to_its_end_after_a_failure_between_two_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dependants, "BATCH", 2)
    chain = [task()]
    for _ in range(9):
        chain.append(task(depends_on=[{"id": chain[-1].pk, "kind": "afterok"}]))
    lifecycle.cancel(chain[0].pk, actor=SYSTEM)
    fails_once("reaper.between_batches")
    with pytest.raises(Failpoint):
        recovery.reaper_turn()
    assert Task.objects.filter(status="blocked").exists()
    recovery.reaper_turn()
    assert set(Task.objects.values_list("status", flat=True)) == {"canceled"}
