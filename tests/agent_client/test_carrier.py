"""A sub agent never depends on the relay: whatever that does, the same report is with the server in the same call."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_client import relay
from agent_client.http import NetworkFailure, ProtocolError
from agent_client.retry import Backoff
from agent_client.sub_agent import carrier as carrier_module
from agent_client.sub_agent.carrier import Carrier
from agent_client.sub_agent.delivery import Delivery, beat_seconds
from agent_client.sub_agent.finish import never_ran
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import make_context
from tests.agent_client.relays import (
    Behaviour,
    carrier,
    dies_answering,
    dies_waiting,
    entry,
    hangs_up,
    is_silent,
    running_relay,
    says,
    says_it_lives,
    scripted_relay,
)
from tests.agent_client.sub_agents import make_folder
from tests.agent_client.test_shipper import FAULTS, LossyHttp

FINISH = never_ran("sub_lost", "a sentence", {"out": 0}, "2030-01-01T00:00:00Z")


def reply(sub_agent_id: str = "sub-1", **changes: Any) -> bytes:
    own = {"sub_agent_id": sub_agent_id, "code": "ok", "state": "running", "logs": {}, "stop": None}
    return relay.line({"reply": {"next_in_seconds": 1.0, "beat_in_seconds": 0.7, "replies": [own], **changes}})


GARBAGE = {
    "hangs up": hangs_up,
    "dies waiting": dies_waiting,
    "dies answering": dies_answering,
    "is silent": is_silent,
    "says it lives, and no more": says_it_lives,
    "no JSON": says(b"<html>\n"),
    "no object": says(b"[]\n"),
    "neither this nor that": says(b"{}\n"),
    "half a reply": says(b'{"reply": {"next_in_seconds": 1.0}}\n'),
    "for somebody else": says(reply("another")),
    "for nobody": says(reply(replies=[])),
    "for two": says(reply(replies=[json.loads(reply())["reply"]["replies"][0]] * 2)),
    "without end": says(b"x" * 2 * relay.LARGEST_ANSWER_BYTES),
    "refused": says(relay.line({"refused": "no"})),
    "no result": says(reply(replies=[{"sub_agent_id": "sub-1", "code": None, "logs": {}}])),
}


@pytest.fixture
def one(server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Carrier]:
    monkeypatch.setattr(carrier_module, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(carrier_module, "FIRST_SIGN_SECONDS", 0.05)
    one = carrier(server.url, tmp_path)
    yield one
    one.close()


@pytest.mark.parametrize("behaviour", GARBAGE.values(), ids=GARBAGE.keys())
def test_whatever_the_relay_does_the_result_is_told_in_the_same_call(
    behaviour: Behaviour, server: FakeServer, one: Carrier, tmp_path: Path
) -> None:
    with scripted_relay(tmp_path, behaviour):
        answered = one.report({"entries": [entry(finish=FINISH)]})
    assert answered["replies"][0]["code"] == "ok"
    assert server.sub_agent("sub-1").finish == FINISH
    assert [call.authorization.partition(" ")[0] for call in server.calls] == ["SubAgent"]


def test_no_relay_at_all(server: FakeServer, one: Carrier, tmp_path: Path) -> None:
    """A main agent of an earlier release, or one that is being replaced: the file may lie there."""
    one.report({"entries": [entry()]})
    (tmp_path / relay.NAME).touch()
    one._rests_until = 0.0
    one.report({"entries": [entry()]})
    assert len(server.calls) == 2


def test_the_answer_of_a_relay_needs_no_connection_to_the_server(one: Carrier, tmp_path: Path) -> None:
    with scripted_relay(tmp_path, says(relay.SIGN * 3 + reply())):
        answered = one.report({"entries": [entry()]})
    assert answered["replies"][0]["code"] == "ok"
    assert one._http._connection is None
    assert (beat_seconds(answered, 0.2), beat_seconds({"next_in_seconds": 0.1, "replies": []}, 0.2)) == (0.7 + 0.2, 1.0)


def test_a_relay_in_trouble_rests_for_longer_each_time_and_is_tried_again(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    now = [1000.0]
    one = carrier(server.url, tmp_path)
    one._clock = lambda: now[0]
    rests = []
    with scripted_relay(tmp_path, *[says(relay.line({"refused": "no"}))] * 8, says(reply())):
        for _ in range(8):
            one.report({"entries": [entry()]})
            rests.append(one._rests_until - now[0])
            one.report({"entries": [entry()]})  # while it rests
            now[0] = one._rests_until
        assert len(server.calls) == 16
        one.report({"entries": [entry()]})
        assert (len(server.calls), one._troubles) == (16, 0)
    one.report({"entries": [entry()]})  # it has gone
    assert one._rests_until - now[0] == carrier_module.ABSENT_REST_SECONDS
    one.close()
    assert rests == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 120.0, 120.0]


@pytest.mark.parametrize(
    ("said", "raised"),
    [
        ({"status": 503, "code": "busy", "retry_in_seconds": 3}, ProtocolError(503, "busy", "", {})),
        ({"status": 502, "code": "", "detail": "d", "retry_in_seconds": 3.0}, NetworkFailure("d", 502)),
        ({"status": None, "detail": "d"}, NetworkFailure("d")),
        ({"status": 401, "code": "unauthorized", "detail": "d"}, NetworkFailure("d", 401)),
        ({"status": "x", "code": [], "retry_in_seconds": "y"}, NetworkFailure("")),
        (7, NetworkFailure("")),
    ],
)
def test_what_the_main_agent_met_is_as_if_we_had_met_it(
    said: Any, raised: Any, server: FakeServer, one: Carrier, tmp_path: Path
) -> None:
    with (
        scripted_relay(tmp_path, says(relay.line({"failure": said}))),
        pytest.raises((NetworkFailure, ProtocolError)) as failed,
    ):
        one.report({"entries": [entry()]})
    waits = isinstance(said, dict) and said.get("retry_in_seconds") == 3
    assert failed.value.retry_in_seconds == (3 if waits else None)
    assert not waits or Backoff().after(failed.value) == 3
    found, wanted = vars(failed.value), {**vars(raised), "retry_in_seconds": failed.value.retry_in_seconds}
    assert type(failed.value) is type(raised)
    assert {**found, "detail": ""} == {**wanted, "detail": ""}
    assert server.calls == []


def test_larger_output_goes_directly(server: FakeServer, one: Carrier, tmp_path: Path) -> None:
    with running_relay(make_context(server, tmp_path)):
        one.put_log("sub-1", "out", 0, b"much")
    assert [call.authorization.partition(" ")[0] for call in server.calls] == ["SubAgent"]


ODD = [
    "none",
    "none",
    "lost",  # the relay dies with the entry
    "reply_lost",  # it dies with the answer
    "garbage",
    "doubled",  # it has sent the entry, and the sub agent thinks that it has not
    "refused",
    "away",
    "busy",
]


class OddRelay:
    """Stands in for the socket: carries to the same server, and goes wrong by plan."""

    def __init__(self, plan: list[str], server: LossyHttp) -> None:
        self._plan = iter(plan)
        self._server = server

    def __call__(self, request: bytes) -> dict[str, Any]:
        found = relay.head(request)
        assert found is not None
        fault = next(self._plan, "none")
        if fault == "lost":
            raise carrier_module._NoRelay("it hung up")
        if fault in ("refused", "garbage"):
            return {"refused": "no"} if fault == "refused" else {"reply": 7}
        if fault in ("away", "busy"):
            return {"failure": {"status": 503, "code": fault.replace("away", ""), "detail": fault}}
        try:
            answered = self._server.report({"entries": [json.loads(request[found[1] :])]})
        except (NetworkFailure, ProtocolError) as error:
            return {"failure": {"status": error.status, "code": "", "detail": "d"}}
        if fault in ("reply_lost", "doubled"):
            raise carrier_module._NoRelay("it hung up")
        return {"reply": {**answered, "beat_in_seconds": 1.0}}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=st.lists(st.sampled_from(FAULTS), max_size=30),
    odd=st.lists(st.sampled_from(ODD), max_size=30),
    writes=st.lists(st.binary(max_size=3000), max_size=12),
    rests=st.booleans(),
)
def test_stored_equals_produced_under_any_relay(
    tmp_path_factory: Any, plan: list[str], odd: list[str], writes: list[bytes], rests: bool
) -> None:
    folder = make_folder(tmp_path_factory.mktemp("carrier"))
    http = LossyHttp(plan)
    one = Carrier(http, folder.path.parent.parent, None, (lambda: 0.0) if rests else iter(range(10**9)).__next__)
    asked = OddRelay(odd, http)
    one._asked = lambda request, is_urgent: asked(request)  # type: ignore[method-assign]
    delivery = Delivery(folder, one)
    try:
        for data in writes:
            with folder.stream_path("out").open("ab") as file:
                file.write(data)
            delivery.step()
        end(folder, delivery)
    finally:
        delivery.close()
    assert bytes(http.stored["out"]) == b"".join(writes)
    assert len(set(http.finishes)) == 1
    assert folder.read_delivered() is not None


def end(folder: SubAgentDir, delivery: Delivery) -> None:
    folder.write_exit(never_ran("sub_lost", "a sentence", folder.sizes(), "2030-01-01T00:00:00Z"))
    for _ in range(300):
        if delivery.step().done:
            return
    raise AssertionError("it does not come to its end")
