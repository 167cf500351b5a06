"""Hosts that are made in bulk are what the product's verbs would have made but for their histories: no other invariant
is broken, and the server takes their beats and reports.
"""

from typing import Any

import pytest
from django.test import Client

from agents.models import Agent
from benchmarks.heartbeats.__main__ import RESOURCES
from benchmarks.heartbeats.prepare import made
from tasks.invariants.run import check
from tasks.models import SubAgent

OF_HISTORIES = (5, 16)
pytestmark = pytest.mark.django_db


@pytest.fixture
def host() -> dict[str, Any]:
    one, _ = made(2, 3)
    return one


def said(client: Client, host: dict[str, Any], path: str, body: Any) -> Any:
    headers = {"authorization": host["credential"]}
    reply = client.post(f"/agent/v1/{path}", body, content_type="application/json", headers=headers)
    assert reply.status_code == 200, reply.content
    return reply.json()


def test_no_invariant_is_broken(host: dict[str, Any]) -> None:
    broken = [violation.sentence for violation in check() if violation.number not in OF_HISTORIES]
    assert broken == []
    assert SubAgent.objects.filter(state="running").count() == 6


def test_the_server_knows_them(client: Client, host: dict[str, Any]) -> None:
    beat = {"epoch": host["epoch"], "seq": 1, "resources": RESOURCES, "accepts_work": True}
    reply = said(client, host, "heartbeat", beat)
    assert (reply["assignments"], reply["directives"], reply["inventory_wanted"]) == ([], [], False)
    assert Agent.objects.filter(connectivity="online").count() == 2


def test_the_server_takes_a_report_of_all_its_tasks(client: Client, host: dict[str, Any]) -> None:
    replies = said(client, host, "report", {"entries": host["entries"]})["replies"]
    assert [(reply["code"], reply["stop"]) for reply in replies] == [("ok", None)] * 3
