"""What the server answers, over a real socket: the agents' own client takes it, field for field and error for error."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_django.live_server_helper import LiveServer

from agent_client import reply_shapes, wire
from agent_client.http import AgentHttp, ProtocolError, Unauthorized
from agent_client.main_agent.claims_ahead import ClaimsAhead
from agents.enrolment import create_token
from agents.models import Agent
from scheduler_site.shared.actors import SYSTEM
from tasks import lifecycle
from tasks.models import Task
from tasks.scheduling.run import run_pass
from tasks.submission import submit
from tests.contract import messages

pytestmark = pytest.mark.django_db(transaction=True)


class Host:
    """A main agent's client with a session, and a claimed sub agent's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clients: list[AgentHttp] = []
        reply = self.client(None).register(create_token("t")[1], REGISTER)
        msgspec.convert(reply, wire.RegisterReply)
        self.http = self.client(f"Agent {reply['agent_id']}:{reply['agent_secret']}", reply["instance_id"])
        session = self.http.open_session({**messages.SESSION, "sub_agents": []})
        msgspec.convert(session, wire.SessionReply)
        self.epoch, self.seq = session["epoch"], 0

    def client(self, credential: str | None, instance_id: str | None = None) -> AgentHttp:
        self.clients.append(AgentHttp(self.url, credential, instance_id))
        return self.clients[-1]

    def close(self) -> None:
        for client in self.clients:
            client.close()

    def beat(self, **more: Any) -> Any:
        self.seq += 1
        reply = self.http.heartbeat(
            {**messages.HEARTBEAT, "epoch": self.epoch, "seq": self.seq, **more}  # type: ignore[typeddict-item]
        )
        msgspec.convert(reply, wire.HeartbeatReply)
        return reply

    def assigned(self, **fields: Any) -> Any:
        submit({"name": "t", "script_content": "true\n", **fields}, actor=SYSTEM)
        run_pass()
        return self.beat()["assignments"][-1]

    def claimed(self, **fields: Any) -> Any:
        assignment = self.assigned(**fields)
        body = {"epoch": self.epoch, "fence": assignment["fence"], "nonce": "n" * 32}
        grant = self.http.claim(assignment["sub_agent_id"], body)
        msgspec.convert(grant, wire.Grant)
        return grant

    def of(self, grant: Any) -> AgentHttp:
        return self.client(f"SubAgent {grant['sub_agent_id']}:{grant['sub_agent_token']}")


REGISTER: Any = {
    "name": "h",
    "hostname": "h",
    "machine_id": "m",
    "agent_version": "0.1.0",
    "proto": {"min": 1, "max": 1},
}


@pytest.fixture
def host(live_server: LiveServer, settings: Any, tmp_path: Path) -> Iterator[Host]:
    settings.TASK_LOG_DIR = tmp_path
    host = Host(live_server.url)
    yield host
    host.close()


def entry(grant: Any, **parts: Any) -> Any:
    empty = {"started": None, "usage": None, "output": [], "finish": None, "log_close": []}
    ids = {"sub_agent_id": grant["sub_agent_id"], "fence": grant["fence"], "token": grant["sub_agent_token"]}
    return {**ids, **empty, **parts}


def test_session_heartbeat_and_claim(host: Host) -> None:
    grant = host.claimed(gpu_count=1, memory_mib=1024, environment={"A": "b"}, time_limit_seconds=5)
    assert (grant["environment"], grant["time_limit_seconds"]) == ({"A": "b"}, 5)
    assert [gpu["uuid"] for gpu in grant["gpus"]] == ["GPU-1"]


def test_several_claims_in_one_call(host: Host) -> None:
    first, second = host.assigned(cpu_cores=1), host.assigned(cpu_cores=1)
    claims = [
        {**messages.CLAIM_OF_ONE, **{name: row[name] for name in ("sub_agent_id", "fence")}} for row in (first, second)
    ]
    reply = host.http.claims({"epoch": host.epoch, "claims": [*claims, messages.CLAIM_OF_ONE]})  # type: ignore[list-item]
    msgspec.convert(reply, wire.ClaimsReply)
    assert [one["code"] for one in reply["replies"]] == ["ok", "ok", "unknown_sub_agent"]
    grants = [one["grant"] for one in reply["replies"][:2]]
    assert [reply_shapes.problem(grant, reply_shapes.CLAIM) for grant in grants] == ["", ""]
    assert [grant["sub_agent_id"] for grant in grants] == [first["sub_agent_id"], second["sub_agent_id"]]


@pytest.mark.parametrize("with_report", [False, True])
def test_what_is_granted_ahead(host: Host, with_report: bool) -> None:
    """Asked and taken by the agent's own code."""
    ahead = ClaimsAhead(["1" * 32], lambda: None)
    ahead.open(host.epoch, host.beat(claims_ahead=None))
    submit({"name": "t", "script_content": "true\n", "on_host_loss": "failover"}, actor=SYSTEM)
    run_pass()
    asked = ahead.ask()
    reply: Any
    if with_report:
        reply = host.http.report_entries([], asked)
        msgspec.convert(reply, wire.ReportReply)
    else:
        reply = host.beat(claims_ahead=asked)
    (row,) = reply["granted"]
    msgspec.convert(row, wire.GrantedAhead)
    assert reply_shapes.problem(row, reply_shapes.GRANTED_AHEAD) == ""
    ahead.answered(asked, reply, 0.0)
    (found,) = ahead.take()
    assert (found.nonce, found.grant["task_id"]) == (asked["nonces"][-1], Task.objects.get().pk)  # type: ignore[index]


def test_a_new_secret_replaces_the_old_one_when_it_is_used(host: Host) -> None:
    assert host.beat()["rotate_secret"] is False
    reply = host.http.new_secret({"epoch": host.epoch})
    msgspec.convert(reply, wire.SecretReply)
    assert host.beat()["rotate_secret"] is True
    old = host.client(host.http._credential)
    host.http.use(f"Agent {Agent.objects.get().pk}:{reply['agent_secret']}")
    assert host.beat()["rotate_secret"] is False
    with pytest.raises(Unauthorized):
        old.new_secret({"epoch": host.epoch})


def test_report_of_every_part(host: Host) -> None:
    grant = host.claimed()
    parts = {name: messages.ENTRY[name] for name in ("started", "usage", "output", "finish", "log_close")}
    reply = host.of(grant).report({"entries": [entry(grant, **parts)]})
    msgspec.convert(reply, wire.ReportReply)
    assert (reply["replies"][0]["code"], reply["replies"][0]["state"]) == ("ok", "succeeded")


def test_a_main_agent_may_carry_its_sub_agents_reports(host: Host) -> None:
    first, second = host.claimed(), host.claimed()
    bad = {**entry(second), "token": "wrong"}
    reply = host.http.report({"entries": [entry(first), bad, entry(second), {"sub_agent_id": 5}]})
    msgspec.convert(reply, wire.ReportReply)
    assert [item["code"] for item in reply["replies"]] == ["ok", "unauthorized", "ok", "bad_message"]


def test_stops_reach_sub_agent_and_main_agent(host: Host) -> None:
    grant = host.claimed()
    lifecycle.cancel(Task.objects.get().pk, actor=SYSTEM)
    stop = host.of(grant).report({"entries": [entry(grant)]})["replies"][0]["stop"]
    msgspec.convert(stop, wire.Stop)
    (directive,) = host.beat()["directives"]
    msgspec.convert(directive, wire.Directive)
    assert (directive["kind"], directive["reason"]) == ("stop", "cancel")


def test_every_directive_of_a_session(host: Host) -> None:
    grant = host.claimed()
    row = {"sub_agent_id": grant["sub_agent_id"], "fence": grant["fence"], "local_state": "running", "sizes": {}}
    reply = host.http.open_session({**messages.SESSION, "after_epoch": 1, "sub_agents": [row]})
    msgspec.convert(reply, wire.SessionReply)
    assert [item["kind"] for item in reply["directives"]] == ["keep"]


def test_larger_output(host: Host) -> None:
    grant = host.claimed()
    data = bytes(range(256)) * 4096
    reply = host.of(grant).put_log(grant["sub_agent_id"], "out", 0, data)
    msgspec.convert(reply, wire.StreamStatus)
    assert reply["stored"] == len(data)
    assert zlib.crc32(data) == zlib.crc32(bytes(range(256)) * 4096)


def test_given_back(host: Host) -> None:
    assignment = host.assigned()
    body: Any = {"fence": assignment["fence"], "reason": "disk_full", "detail": "full"}
    msgspec.convert(host.http.reject(assignment["sub_agent_id"], body), wire.StateReply)
    grant = host.claimed()
    reply = host.http.not_started(grant["sub_agent_id"], {"fence": grant["fence"], "detail": "x"})
    assert reply["state"] == "not_started"


def gap(host: Host) -> None:
    grant = host.claimed()
    host.of(grant).put_log(grant["sub_agent_id"], "out", 5, b"x")


def stale_epoch(host: Host) -> None:
    host.http.open_session({**messages.SESSION, "after_epoch": 1, "sub_agents": []})
    host.beat()


def sub_agent_closed(host: Host) -> None:
    assignment = host.assigned()
    lifecycle.cancel(Task.objects.get().pk, actor=SYSTEM)
    host.http.claim(assignment["sub_agent_id"], {"epoch": host.epoch, "fence": assignment["fence"], "nonce": "n" * 32})


def unknown_sub_agent(host: Host) -> None:
    host.http.not_started(messages.SUB_AGENT_ID, {"fence": 1, "detail": ""})


def bad_message(host: Host) -> None:
    host.http.heartbeat({"epoch": "one"})  # type: ignore[typeddict-item]


def version_too_old(host: Host) -> None:
    host.http.open_session({**messages.SESSION, "proto": {"min": 7, "max": 9}, "sub_agents": []})


@pytest.mark.parametrize(
    ("provoke", "status"),
    [
        (gap, 409),
        (stale_epoch, 409),
        (sub_agent_closed, 410),
        (unknown_sub_agent, 404),
        (bad_message, 400),
        (version_too_old, 426),
    ],
)
def test_errors_have_their_code_and_status(host: Host, provoke: Callable[[Host], None], status: int) -> None:
    with pytest.raises(ProtocolError) as refused:
        provoke(host)
    assert (refused.value.status, refused.value.code) == (status, provoke.__name__)
    assert refused.value.detail
    if provoke is gap:
        assert refused.value.body["stored"] == 0


@pytest.mark.parametrize(
    "credential",
    [
        None,
        "Agent nobody:x",
        "Agent 6f1f6a9e-51b5-4c4e-9b57-0d1f6f5c8a11:x",
        "SubAgent 6f1f6a9e-51b5-4c4e-9b57-0d1f6f5c8a11:x",
        "Bearer x",
        "Enrolment x",
    ],
)
def test_other_credentials_are_refused(host: Host, credential: str | None) -> None:
    with pytest.raises(Unauthorized) as refused:
        host.client(credential).open_session(messages.SESSION)  # type: ignore[arg-type]
    assert (refused.value.status, refused.value.code) == (401, "unauthorized")


def test_another_hosts_sub_agent_does_not_exist(host: Host) -> None:
    assignment = host.assigned()
    other = Host(host.url)
    with pytest.raises(ProtocolError) as refused:
        other.http.reject(assignment["sub_agent_id"], {"fence": assignment["fence"], "reason": "", "detail": ""})
    other.close()
    assert refused.value.code == "unknown_sub_agent"
