"""A relay between real ends: sub agents' own client in front of it, the real server behind it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_django.live_server_helper import LiveServer

from agent_client import wire
from agent_client.agent_config import AgentConfig
from agent_client.enrolment import Identity
from agent_client.http import AgentHttp
from agent_client.main_agent.context import Context
from agent_client.probes.declared import Declaration, DeclaredMachine
from agent_client.probes.host import declared_host
from agent_client.sub_agent.carrier import Carrier
from tests.agent_client.relays import running_relay
from tests.contract import messages
from tests.contract.test_replies import Host, entry, host

__all__ = ["host"]

pytestmark = pytest.mark.django_db(transaction=True)


def context_of(host: Host, state_dir: Path) -> Context:
    agent_id, secret = str(host.http._credential).removeprefix("Agent ").split(":")
    identity = Identity(host.url, agent_id, secret, "h", str(host.http._instance_id))
    probe = declared_host(state_dir, DeclaredMachine(Declaration(cpu_cores=4, memory_mib=1024)))
    return Context(AgentConfig(host.url, state_dir, "h"), identity, probe, launcher=None)  # type: ignore[arg-type]


def carried(host: Host, state_dir: Path, grant: Any, **parts: Any) -> Any:
    """By the relay alone: this sub agent cannot reach the server by itself."""
    one = Carrier(AgentHttp("http://127.0.0.1:1", "nothing"), state_dir, host.http._instance_id)
    reply = one.report({"entries": [entry(grant, **parts)]})
    msgspec.convert(reply, wire.ReportReply)
    return reply


def test_sub_agents_report_through_their_main_agent(host: Host, live_server: LiveServer, tmp_path: Path) -> None:
    first, second = host.claimed(), host.claimed()
    parts = {name: messages.ENTRY[name] for name in ("started", "usage", "output", "finish", "log_close")}
    with running_relay(context_of(host, tmp_path)):
        (own,) = carried(host, tmp_path, first, **parts)["replies"]
        assert (own["sub_agent_id"], own["code"], own["state"]) == (first["sub_agent_id"], "ok", "succeeded")
        (own,) = carried(host, tmp_path, {**second, "sub_agent_token": "wrong"})["replies"]
        assert (own["sub_agent_id"], own["code"]) == (second["sub_agent_id"], "unauthorized")
        reply = carried(host, tmp_path, second, started=messages.ENTRY["started"])
        assert (reply["replies"][0]["code"], reply["replies"][0]["state"]) == ("ok", "running")
        assert carried(host, tmp_path, second, finish=messages.FINISH)["commit_seq"] > 0
