"""AgentHttp against a real server: what counts as a reply, what does not, and that time is bounded as a whole."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from agent_client import http as agent_http
from agent_client.http import AgentHttp, NetworkFailure, ProtocolError, Unauthorized
from tests.agent_client import faults
from tests.agent_client.fake_server import INSTANCE, FakeServer, Fault

REGISTRATION: Any = {
    "name": "host",
    "hostname": "host",
    "machine_id": "m",
    "agent_version": "0",
    "proto": {"min": 1, "max": 1},
}


@pytest.fixture
def http(server: FakeServer) -> Iterator[AgentHttp]:
    http = AgentHttp(server.url, "SubAgent sub-1:secret")
    yield http
    http.close()


def put(http: AgentHttp, data: bytes = b"abc", offset: int = 0) -> Any:
    return http.put_log("sub-1", "out", offset, data)


def test_register_uses_the_enrolment_token(server: FakeServer, http: AgentHttp) -> None:
    assert http.register("enrolment-token", REGISTRATION)["instance_id"] == INSTANCE
    assert server.calls[-1].authorization == "Enrolment enrolment-token"


def test_calls_carry_the_credential(server: FakeServer, http: AgentHttp) -> None:
    http.report({"entries": []})
    assert server.calls[-1].authorization == "SubAgent sub-1:secret"


def test_log_bytes_are_stored_by_offset(server: FakeServer, http: AgentHttp) -> None:
    assert put(http, b"\x00\xff") == {"stored": 2, "state": "open"}
    assert put(http, b"\xffnew", 1) == {"stored": 5, "state": "open"}
    assert server.sub_agent("sub-1").output() == b"\x00\xffnew"


def test_a_gap_is_a_protocol_error_with_its_body(http: AgentHttp) -> None:
    with pytest.raises(ProtocolError) as caught:
        put(http, offset=10)
    assert (caught.value.status, caught.value.code, caught.value.body["stored"]) == (409, "gap", 0)


def test_wrong_token_is_unauthorized(http: AgentHttp) -> None:
    with pytest.raises(Unauthorized) as caught:
        http.register("nonsense", REGISTRATION)
    assert caught.value.code == "unauthorized"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.drop_request, None),
        (faults.drop_reply, None),
        (faults.truncated, None),
        (faults.bad_gateway, 502),
        (faults.captive_portal, 200),
        (faults.redirect, 302),
        (faults.not_json, 200),
        (faults.overloaded, 503),
    ],
)
def test_anything_else_is_a_network_failure(
    server: FakeServer, http: AgentHttp, fault: Fault, status: int | None
) -> None:
    server.fail_next(fault)
    with pytest.raises(NetworkFailure) as caught:
        put(http)
    assert caught.value.status == status


def test_retry_after_is_told(server: FakeServer, http: AgentHttp) -> None:
    server.fail_next(faults.overloaded)
    with pytest.raises(NetworkFailure) as caught:
        put(http)
    assert caught.value.retry_after_seconds == 1.0


def test_a_kept_connection_that_was_closed_is_opened_anew(server: FakeServer, http: AgentHttp) -> None:
    put(http)
    server.stop()
    server.start()
    assert put(http, b"def", 3)["stored"] == 6
    assert http.was_doubled
    put(http, b"ghi", 6)
    assert not http.was_doubled


def test_after_a_failure_the_next_call_works(server: FakeServer, http: AgentHttp) -> None:
    server.fail_next(faults.not_json)
    with pytest.raises(NetworkFailure):
        put(http)
    assert put(http)["stored"] == 3


@pytest.mark.parametrize("fault", [faults.stall, faults.trickle, faults.trickle_headers])
def test_the_whole_exchange_is_bounded(
    server: FakeServer, http: AgentHttp, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_http, "LOG_SECONDS", 0.5)
    server.fail_next(fault)
    began = time.monotonic()
    with pytest.raises(NetworkFailure):
        put(http)
    assert time.monotonic() - began < faults.STALL_SECONDS / 2  # the server would go on for 30 s


def test_another_servers_reply_does_not_count(server: FakeServer) -> None:
    http = AgentHttp(server.url, None, instance_id="the-server-of-before")
    with pytest.raises(NetworkFailure, match="another server"):
        put(http)
    http.close()


def test_nobody_listens() -> None:
    with pytest.raises(NetworkFailure, match="refused"):
        put(AgentHttp("http://127.0.0.1:1", None))


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must look like"):
        AgentHttp(url, None)


def test_doorbell(server: FakeServer, http: AgentHttp) -> None:
    server.doorbell.set()
    assert http.wait(0) == {"beat": True}
    with pytest.raises(ProtocolError, match="stale_epoch"):
        http.wait(99)
