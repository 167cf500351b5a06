"""The pass in a report: what gets the room of an ended script comes with the answer, and what does not is rung for."""

from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError

from agents import doorbell
from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.agent_api import report
from tasks.models import SubAgent, Task
from tasks.scheduling import run, wakeup
from tests.factories import make_task
from tests.tasks.agent_api.test_claims_ahead import beat, placed, states
from tests.tasks.protocol import PaperHost, entry_of, finish

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def host() -> PaperHost:
    made = PaperHost()
    made.beat()
    return made


@pytest.fixture
def passes_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the loop passes in this process."""
    turns = run._Turns()
    now = run.time.monotonic()
    turns.over(now - 0.001, now)
    monkeypatch.setattr(run, "_turns", turns)
    monkeypatch.setattr(run._Turns, "HERE_SECONDS", 600.0)
    monkeypatch.setattr(run, "YIELD_AFTER_SECONDS", 600.0)


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hosts that were rung for."""
    found: list[str] = []
    monkeypatch.setattr(doorbell.nudges, "say", lambda topic, word="": topic == "ring" and found.append(word))
    return found


def test_the_end_of_one_script_brings_the_next(host: PaperHost, passes_here: None, rings: list[str]) -> None:
    placed(2, cpu_cores=4)
    (row,) = beat(host)
    host.report(row["grant"], started={"pid": 7})
    wakeup.event.clear()
    rings.clear()
    reply = host.report_all(entry_of(row["grant"], finish=finish()), claims_ahead=host.ahead())
    assert reply["replies"][0]["code"] == "ok"
    assert [row["grant"]["script_content"] for row in reply["granted"]] == ["echo 1\n"]
    assert states() == ["succeeded", "starting"]
    assert (rings, wakeup.event.is_set()) == ([], False)


def ended_with_a_pass(host: PaperHost) -> Any:
    """The answer to a report that ends a script while another waits for its room."""
    placed(2, cpu_cores=4)
    (row,) = beat(host)
    host.report(row["grant"], started={"pid": 7})
    return host.report_all(entry_of(row["grant"], finish=finish()), claims_ahead=host.ahead())


def test_what_the_pass_places_is_claimed_in_its_transaction(
    host: PaperHost, passes_here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = run.place
    meanwhile: list[str] = []

    def watched(*arguments: Any) -> bool:
        is_placed = real(*arguments)
        meanwhile.extend(SubAgent.objects.order_by("-fence").values_list("state", flat=True)[:1])
        return is_placed

    monkeypatch.setattr(run, "place", watched)
    assert len(ended_with_a_pass(host)["granted"]) == 1
    assert meanwhile[-1] == "starting"
    verbs = list(Task.objects.get(name="t1").events.order_by("pk").values_list("verb", flat=True))
    assert verbs[-2:] == ["placed", "claimed"]


def test_a_placement_that_is_undone_is_not_granted(
    host: PaperHost, passes_here: None, monkeypatch: pytest.MonkeyPatch, rings: list[str]
) -> None:
    real = lifecycle.claim_placed

    def undone(sub_agent: SubAgent, *arguments: Any) -> None:
        real(sub_agent, *arguments)
        raise IntegrityError("lost a race")

    monkeypatch.setattr(lifecycle, "claim_placed", undone)
    assert ended_with_a_pass(host)["granted"] == []
    assert states() == ["succeeded"]


def test_a_session_that_is_opened_during_the_pass_comes_first(
    host: PaperHost, passes_here: None, monkeypatch: pytest.MonkeyPatch, rings: list[str]
) -> None:
    real = report.pass_now

    def passed(claim: Any) -> bool:
        Agent.objects.update(epoch=99)
        return real(claim)

    monkeypatch.setattr(report, "pass_now", passed)
    assert ended_with_a_pass(host)["granted"] == []
    assert states() == ["succeeded", "assigned"]
    assert rings[-1:] == [str(host.agent_id)]


def test_where_nobody_passes_the_loop_is_woken(host: PaperHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_turns", run._Turns())
    placed(2, cpu_cores=4)
    (row,) = beat(host)
    host.report(row["grant"], started={"pid": 7})
    wakeup.event.clear()
    reply = host.report_all(entry_of(row["grant"], finish=finish()), claims_ahead=host.ahead())
    assert (reply["granted"], wakeup.event.is_set()) == ([], True)


def test_what_the_pass_itself_wants_of_the_loop_is_not_lost(
    host: PaperHost, passes_here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(1)
    (row,) = beat(host)

    def passed(claim: Any) -> bool:
        wakeup.request_pass()
        return True

    monkeypatch.setattr(report, "pass_now", passed)
    wakeup.event.clear()
    host.report_all(entry_of(row["grant"], finish=finish()), claims_ahead=host.ahead())
    assert wakeup.event.is_set()


def test_what_finds_no_nonce_is_rung_for(host: PaperHost, passes_here: None, rings: list[str]) -> None:
    placed(1, cpu_cores=4)
    (row,) = beat(host)
    host.report(row["grant"], started={"pid": 7})
    make_task()
    make_task()
    rings.clear()
    reply = host.report_all(entry_of(row["grant"], finish=finish()), claims_ahead=host.ahead(1))
    assert (len(reply["granted"]), rings) == (1, [host.agent_id])


def test_a_gang_is_rung_for_and_not_granted(host: PaperHost, passes_here: None, rings: list[str]) -> None:
    """It starts when all its hosts have accepted."""
    other = PaperHost("host-2")
    placed(1, cpu_cores=4)
    (row,) = [*beat(host), *other.beat(claims_ahead=other.ahead())["granted"]]
    first = host if SubAgent.objects.get().agent_id == UUID(host.agent_id) else other
    first.report(row["grant"], started={"pid": 7})
    make_task(node_count=2, cpu_cores=4)
    rings.clear()
    reply = first.report_all(entry_of(row["grant"], finish=finish()), claims_ahead=first.ahead())
    assert reply["granted"] == []
    assert SubAgent.objects.filter(state="assigned").count() == 2
    assert sorted(rings) == sorted([host.agent_id, other.agent_id])


def test_a_stop_that_a_report_brings_about_is_rung_for(
    host: PaperHost, passes_here: None, rings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    placed(2)
    first, second = beat(host)

    def receive(*_: Any) -> list[Any]:
        lifecycle.cancel(second["grant"]["task_id"], actor=SYSTEM)
        make_task()
        wakeup.request_pass()
        return []

    monkeypatch.setattr(report.reports, "receive", receive)
    rings.clear()
    reply = host.report_all(entry_of(first["grant"]), claims_ahead=host.ahead())
    assert (len(reply["granted"]), rings) == (1, [host.agent_id])
