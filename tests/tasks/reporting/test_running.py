"""Beats of scripts that simply run are answered without reading them, and never with what is not so any more."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tasks.models import SubAgent, Task
from tasks.reporting import running, usage
from tests.tasks.protocol import PaperHost, finish, piece
from tests.tasks.reporting.test_reports import entry, granted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_known() -> Iterator[None]:
    running._known.clear()
    yield
    running._known.clear()


@pytest.fixture
def host() -> PaperHost:
    return PaperHost()


def beat(host: PaperHost, *grants: dict[str, Any]) -> list[dict[str, Any]]:
    entries = [entry(grant, usage={"cpu_percent": 1.0}) for grant in grants]
    return list(host.post("report", {"entries": entries})["replies"])


def known(host: PaperHost, **fields: Any) -> dict[str, Any]:
    """A sub agent that has beaten once."""
    grant = granted(host, **fields)
    (reply,) = beat(host, grant)
    assert (reply["code"], reply["state"]) == ("ok", "running")
    return grant


def test_the_second_beat_is_answered_as_the_first_without_a_look_at_the_rows(host: PaperHost) -> None:
    grants = [granted(host, cpu_cores=0.1) for _ in range(3)]
    host.report(grants[0], output=[piece(b"hello")])
    first = beat(host, *grants)
    with CaptureQueriesContext(connection) as seen:
        assert beat(host, *grants) == first
    said = [query["sql"] for query in seen.captured_queries]
    assert len(said) == 3, said  # who asks, how many run, what is stored
    assert all(sql.startswith("SELECT") for sql in said)


def test_its_figures_and_its_sign_of_life_are_kept(host: PaperHost) -> None:
    grant = known(host)
    usage.flush()
    SubAgent.objects.update(unreachable_since=timezone.now(), cpu_usage=None)
    beat(host, grant)
    usage.flush()
    row = SubAgent.objects.get()
    assert (row.cpu_usage, row.unreachable_since) == (1.0, None)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"token": "0" * 64}, "unauthorized"), ({"token": "é"}, "unauthorized"), ({"fence": 0}, "unauthorized")],
    ids=["token", "not ASCII", "fence"],
)
def test_being_known_lets_nobody_else_in(host: PaperHost, wrong: dict[str, Any], code: str) -> None:
    grant, other = known(host, cpu_cores=1), known(host, cpu_cores=1)
    entries = [entry(grant, **wrong), entry(other)]
    replies = host.post("report", {"entries": entries})["replies"]
    assert [reply["code"] for reply in replies] == [code, "ok"]


def test_a_stop_that_anybody_wrote_is_told_with_the_next_answer(host: PaperHost) -> None:
    grant, other = known(host, cpu_cores=1), known(host, cpu_cores=1)
    SubAgent.objects.filter(pk=grant["sub_agent_id"]).update(stop_reason="cancel")  # as another process would
    stopped, goes_on = beat(host, grant, other)
    assert stopped["stop"]["reason"] == "cancel"
    assert (goes_on["stop"], goes_on["code"]) == (None, "ok")


def test_one_that_was_given_up_meanwhile_is_told_so(host: PaperHost) -> None:
    grant = known(host)
    SubAgent.objects.update(state="lost", ended_at=timezone.now())
    (reply,) = beat(host, grant)
    assert (reply["code"], reply["state"], reply["stop"]["reason"]) == ("sub_agent_closed", "lost", "lost")


def test_a_lease_is_renewed_by_each_answer(host: PaperHost) -> None:
    grant = known(host)
    SubAgent.objects.update(granted_seconds=30.0)
    (reply,) = beat(host, grant)
    assert reply["renewal"] is not None


def test_a_beat_beside_its_own_result_finds_it_ended(host: PaperHost) -> None:
    grant = known(host)
    ended, late = host.post("report", {"entries": [entry(grant, finish=finish()), entry(grant)]})["replies"]
    assert (ended["state"], late["state"]) == ("succeeded", "succeeded")
    assert Task.objects.get().status == "completed"


def test_memory_of_them_is_bounded(host: PaperHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MOST", 2)
    grants = [known(host, cpu_cores=0.1) for _ in range(4)]
    assert len(running._known) <= 2
    assert [reply["code"] for reply in beat(host, *grants)] == ["ok"] * 4
