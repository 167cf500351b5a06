"""Several claims in one call: each stands for itself, and what concerns all is said once."""

from typing import Any

import pytest
from django.db import OperationalError

from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.agent_api import claims
from tasks.models import SubAgent
from tasks.scheduling.run import run_pass
from tests.factories import make_task
from tests.tasks.protocol import PaperHost

pytestmark = pytest.mark.django_db

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def host() -> PaperHost:
    return PaperHost()


def assigned(host: PaperHost, count: int = 3) -> list[dict[str, Any]]:
    for number in range(count):
        make_task(name=f"t{number}", script_content=f"echo {number}\n")
    while not run_pass():
        continue
    return host.beat()["assignments"]


def claim_of(assignment: dict[str, Any], **changes: Any) -> dict[str, Any]:
    ids = {"sub_agent_id": assignment["sub_agent_id"], "fence": assignment["fence"]}
    return {**ids, "nonce": "nonce-nonce-nonce", "master_port": None, "fences": True, **changes}


def claim_all(host: PaperHost, *asked: Any) -> Any:
    return host.post("claims", {"epoch": host.epoch, "claims": list(asked)})


def test_each_gets_what_a_claim_of_its_own_would_get(host: PaperHost) -> None:
    rows = assigned(host)
    replies = claim_all(host, *(claim_of(row) for row in rows))["replies"]
    assert [(reply["status"], reply["code"]) for reply in replies] == [(200, "ok")] * 3
    assert [reply["grant"]["sub_agent_id"] for reply in replies] == [row["sub_agent_id"] for row in rows]
    assert [host.claim(row) for row in rows] == [reply["grant"] for reply in replies]
    assert claim_all(host, *(claim_of(row) for row in rows))["replies"] == replies
    assert {sub_agent.state for sub_agent in SubAgent.objects.all()} == {"starting"}


def test_a_bad_one_spoils_no_other(host: PaperHost) -> None:
    first, second, third = assigned(host)
    lifecycle.cancel(second["task_id"], actor=SYSTEM)
    replies = claim_all(
        host, claim_of(second), claim_of(first, nonce="x"), {}, 5, claim_of(first, sub_agent_id=NOBODY),
        claim_of(first, fence=first["fence"] + 99), claim_of(third),
    )["replies"]  # fmt: skip
    assert [(reply["status"], reply["code"]) for reply in replies] == [
        (410, "sub_agent_closed"),
        (400, "bad_message"),
        (400, "bad_message"),
        (400, "bad_message"),
        (404, "unknown_sub_agent"),
        (404, "unknown_sub_agent"),
        (200, "ok"),
    ]
    assert replies[0]["state"]
    assert all(reply["detail"] for reply in replies[:-1])


def test_what_concerns_all_is_said_once(host: PaperHost, monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = assigned(host, 1)
    assert host.post("claims", {"epoch": host.epoch + 1, "claims": [claim_of(row)]})["code"] == "stale_epoch"
    assert host.post("claims", {"epoch": host.epoch, "claims": {}})["code"] == "bad_message"
    assert host.post("claims", {"epoch": host.epoch, "claims": [claim_of(row)] * 65})["code"] == "bad_message"

    def locked(*_: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(claims, "granted", locked)
    assert (claim_all(host, claim_of(row))["code"], host.status) == ("busy", 503)


def test_nothing_is_granted_that_the_answer_has_no_room_for(host: PaperHost, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = assigned(host)
    monkeypatch.setattr(claims, "MOST_BYTES", 100)
    replies = claim_all(host, *(claim_of(row) for row in rows))["replies"]
    assert [reply["code"] for reply in replies] == ["ok", "claim_later", "claim_later"]
    assert SubAgent.objects.filter(state="assigned").count() == 2
    assert host.claim(rows[1])["script_content"] == "echo 1\n"
