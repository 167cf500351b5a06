"""What a beat or a report is granted ahead: once under each nonce, in the latest session, and nothing that is moot."""

from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError

from agents import administration, quarantine
from agents.models import Agent
from scheduler_site.shared import identity
from scheduler_site.shared.actors import SYSTEM
from tasks import grants, just_placed, lifecycle
from tasks.agent_api import claims_ahead
from tasks.host_ends import leases
from tasks.models import SubAgent, Task
from tasks.scheduling.run import run_pass
from tests.factories import make_task
from tests.tasks.protocol import INCARNATION, PaperHost, entry_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def host() -> PaperHost:
    made = PaperHost()
    made.beat()
    return made


def placed(count: int = 1, **fields: Any) -> list[Task]:
    made = [make_task(**{"name": f"t{n}", "script_content": f"echo {n}\n", **fields}) for n in range(count)]
    while not run_pass():
        continue
    return made


def beat(host: PaperHost, **changes: Any) -> Any:
    return host.beat(claims_ahead=host.ahead(**changes))["granted"]


def agent_of(host: PaperHost) -> Agent:
    return Agent.objects.get(pk=host.agent_id)


def states() -> list[str]:
    return list(SubAgent.objects.order_by("fence").values_list("state", flat=True))


def test_a_beat_is_granted_what_was_placed(host: PaperHost) -> None:
    placed(2)
    asked = host.ahead()
    reply = host.beat(claims_ahead=asked)
    assert [row["grant"]["script_content"] for row in reply["granted"]] == ["echo 0\n", "echo 1\n"]
    assert len({row["nonce"] for row in reply["granted"]} & set(asked["nonces"])) == 2
    assert reply["assignments"] == []
    assert states() == ["starting", "starting"]
    for row in reply["granted"]:
        again = host.claim(row["grant"], row["nonce"])
        assert again == {**row["grant"], "renewal": None}
    assert beat(host) == []


def test_no_more_than_there_are_nonces(host: PaperHost) -> None:
    placed(3)
    reply = host.beat(claims_ahead=host.ahead(2))
    assert [row["grant"]["script_content"] for row in reply["granted"]] == ["echo 0\n", "echo 1\n"]
    assert len(reply["assignments"]) == 1


def test_no_more_than_the_answer_has_room_for(host: PaperHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims_ahead, "MOST_BYTES", 100)
    placed(3)
    first, second = host.ahead(), host.ahead()
    (one,) = host.beat(claims_ahead=first)["granted"]
    assert states() == ["starting", "assigned", "assigned"]
    (other,) = host.beat(claims_ahead=second)["granted"]
    lost = [one["nonce"], other["nonce"]]
    (again,) = beat(host, again=lost)
    assert again["nonce"] in lost
    assert states() == ["starting", "starting", "assigned"]


def test_a_lost_answer_is_given_again(host: PaperHost) -> None:
    placed(1)
    (lost,) = beat(host)
    (again,) = beat(host, again=[lost["nonce"], f"{INCARNATION}-unheard-of"])
    assert again == lost
    host.report(again["grant"], started={"pid": 7})
    assert beat(host, again=[lost["nonce"]]) == []  # it arrived


def test_another_hosts_nonce_is_nothing_here(host: PaperHost) -> None:
    placed(1)
    (row,) = beat(host)
    other = PaperHost("host-2")
    other.beat()
    assert other.beat(claims_ahead=other.ahead(again=[row["nonce"]]))["granted"] == []


@pytest.mark.parametrize("is_same", [True, False])
def test_an_overtaken_call_is_granted_nothing(host: PaperHost, is_same: bool) -> None:
    """Its answer may go to nobody."""
    late = host.ahead()
    beat(host, **({"seq": late["seq"]} if is_same else {}))
    placed(1)
    assert host.beat(claims_ahead=late)["granted"] == []
    assert states() == ["assigned"]


def test_of_an_older_session_nothing_is_granted(host: PaperHost) -> None:
    old = host.ahead()
    host.open_session()
    host.beat()
    placed(1)
    assert host.report_all(claims_ahead=old)["granted"] == []
    assert states() == ["assigned"]
    assert len(beat(host)) == 1


def test_a_session_that_is_opened_meanwhile_comes_first(host: PaperHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its inventory was taken when nothing of this had arrived."""
    placed(1)
    known = just_placed.on

    def opening(agent_id: UUID) -> list[UUID]:
        monkeypatch.setattr(just_placed, "on", known)
        Agent.objects.filter(pk=agent_id).update(epoch=host.epoch + 1)
        return known(agent_id)

    monkeypatch.setattr(just_placed, "on", opening)
    assert beat(host) == []
    assert states() == ["assigned"]


def test_seqs_begin_anew_with_a_session(host: PaperHost) -> None:
    beat(host, seq=1000)
    host.open_session()
    host.beat()
    placed(1)
    assert len(beat(host, seq=1)) == 1


def test_a_host_that_knows_a_newer_database_compares_first(host: PaperHost) -> None:
    placed(1)
    assert beat(host, commit_seq=10**9) == []
    assert states() == ["assigned"]


def test_a_host_that_knows_another_generation_compares_first(host: PaperHost, monkeypatch: pytest.MonkeyPatch) -> None:
    placed(1)
    (lost,) = beat(host)
    placed(1)
    monkeypatch.setattr(identity, "_generation", "restored")
    assert beat(host, generation="before", again=[lost["nonce"]]) == []
    assert states() == ["starting", "assigned"]


def test_after_a_restart_nothing_of_before_is_granted_ahead(host: PaperHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database may be an older one; what it offers is compared with what lies on the host."""
    placed(1)
    monkeypatch.setattr(just_placed, "_placed", {})
    reply = host.beat(claims_ahead=host.ahead())
    assert (reply["granted"], len(reply["assignments"])) == ([], 1)


@pytest.mark.parametrize("what", ["canceled", "paused", "quarantined", "claimed"])
def test_what_may_not_be_claimed_is_not_granted(host: PaperHost, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Also where it is still among what was just placed, by a hair."""
    (task,) = placed(1)
    monkeypatch.setattr(just_placed, "drop", lambda agent_id, sub_agent_id: None)
    (agent_id,) = SubAgent.objects.values_list("agent_id", flat=True)
    if what == "canceled":
        lifecycle.cancel(task.pk, actor=SYSTEM)
    elif what == "paused":
        administration.pause(agent_of(host), actor=SYSTEM, reason="")
    elif what == "quarantined":
        quarantine.impose(agent_of(host), "doubt")
    else:
        host.claim(grants.assignments(agent_of(host))[0])
    assert just_placed.on(agent_id)
    before = states()
    assert not host.beat(claims_ahead=host.ahead()).get("granted")
    assert host.report_all(claims_ahead=host.ahead())["granted"] == []
    assert states() == before
    assert Task.objects.get(pk=task.pk).start_time is None


def test_canceled_before_it_was_claimed_it_never_starts(host: PaperHost) -> None:
    (task,) = placed(1)
    lifecycle.cancel(task.pk, actor=SYSTEM)
    assert beat(host) == []
    assert Task.objects.get().status == "canceled"


def test_a_sub_agent_claims_nothing_for_its_host(host: PaperHost) -> None:
    placed(1)
    (row,) = beat(host)
    placed(1)
    grant = row["grant"]
    body = {"entries": [entry_of(grant, started={"pid": 7})], "claims_ahead": host.ahead()}
    reply = host.post("report", body, f"SubAgent {grant['sub_agent_id']}:{grant['sub_agent_token']}")
    assert (reply["replies"][0]["code"], reply["granted"]) == ("ok", None)
    assert states() == ["running", "assigned"]


def test_a_lease_begins_with_the_grant(host: PaperHost) -> None:
    placed(1, on_host_loss="failover")
    (row,) = beat(host)
    assert row["grant"]["renewal"]["stop_after_seconds"] == leases.stop_after_seconds()
    (again,) = beat(host, again=[row["nonce"]])
    assert again["grant"]["renewal"] == row["grant"]["renewal"]
    assert SubAgent.objects.get().granted_seconds == leases.stop_after_seconds()


@pytest.mark.parametrize("fault", [OperationalError("database is locked"), KeyError("gone")])
def test_one_that_cannot_be_granted_spoils_neither_report_nor_others(
    host: PaperHost, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    first, _ = placed(2)
    grant = grants.grant

    def fails(sub_agent: SubAgent) -> dict[str, Any]:
        if sub_agent.task_id == first.pk:
            raise fault
        return grant(sub_agent)

    with monkeypatch.context() as patched:
        patched.setattr(grants, "grant", fails)
        asked = host.ahead()
        reply = host.beat(claims_ahead=asked)
    assert [row["grant"]["script_content"] for row in reply["granted"]] == ["echo 1\n"]
    assert host.status == 200
    nonces = set(asked["nonces"]) - {reply["granted"][0]["nonce"]}
    (later,) = beat(host, again=sorted(nonces))  # the row says that it has claimed
    assert later["grant"]["script_content"] == "echo 0\n"


@pytest.mark.parametrize(
    "change",
    [{"nonces": ["n" * 32] * 17}, {"again": ["n" * 32] * 65}, {"nonces": ["short"]}, {"seq": -1}, {"epoch": "x"}],
)
def test_what_makes_no_sense_is_refused(host: PaperHost, change: Any) -> None:
    assert host.beat(claims_ahead=host.ahead(**change))["code"] == "bad_message"
    assert host.report_all(claims_ahead=host.ahead(**change))["code"] == "bad_message"


def test_who_says_nothing_of_it_is_granted_nothing(host: PaperHost) -> None:
    placed(1)
    reply = host.beat()
    assert (reply["granted"], len(reply["assignments"])) == ([], 1)
    assert host.report_all()["granted"] is None
