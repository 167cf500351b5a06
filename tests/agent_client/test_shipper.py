"""Delivery over a line that loses, doubles, damages and forgets: what is stored equals what was produced."""

import base64
import hashlib
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_client.http import AgentHttp, NetworkFailure, ProtocolError
from agent_client.sub_agent import delivery as delivery_module
from agent_client.sub_agent.delivery import Delivery
from agent_client.sub_agent.finish import never_ran
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.sub_agents import make_folder
from tests.examples import examples

FAULTS = ["none", "none", "lost", "reply_lost", "doubled", "crc", "busy", "forget_bytes"]


class LossyHttp(AgentHttp):
    """The server's rules for offsets behind calls that go wrong by plan; no network."""

    def __init__(self, plan: list[str]) -> None:
        super().__init__("http://127.0.0.1:9", None)
        self._plan = iter(plan)
        self.stored: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
        self.state = {"out": "open", "err": "open"}
        self.finishes: list[Any] = []

    def report(self, body: Any) -> Any:
        return self._send(lambda: self._report(body["entries"][0]))

    def put_log(self, sub_agent_id: str, stream: str, offset: int, data: bytes) -> Any:
        return self._send(lambda: self._put(stream, offset, data))

    def _send(self, handle: Any) -> Any:
        fault = next(self._plan, "none")
        if fault == "lost":
            raise NetworkFailure("lost")
        if fault == "busy":
            raise NetworkFailure("busy", 503, 1.0)
        if fault == "crc":
            raise ProtocolError(422, "crc_mismatch", "damaged", {})
        if fault == "forget_bytes":
            for name, content in self.stored.items():
                if self.state[name] == "open" and len(content) > 1:
                    del content[len(content) // 2 :]
        reply = handle()
        if fault == "doubled":
            reply = handle()
        if fault == "reply_lost":
            raise NetworkFailure("the reply was lost")
        return reply

    def _put(self, stream: str, offset: int, data: bytes) -> Any:
        content = self.stored[stream]
        if offset > len(content):
            raise ProtocolError(409, "gap", "beyond what is stored", {"stored": len(content)})
        content += data[len(content) - offset :]
        return {"stored": len(content), "state": self.state[stream]}

    def _report(self, entry: Any) -> Any:
        for piece in entry["output"]:
            data = base64.b64decode(piece["data"])
            assert zlib.crc32(data) == piece["crc32"]
            if piece["offset"] <= len(self.stored[piece["stream"]]):
                self._put(piece["stream"], piece["offset"], data)
        if entry["finish"]:
            self.finishes.append(entry["finish"]["digest"])
            self.state = {name: "draining" if state == "open" else state for name, state in self.state.items()}
        for close in entry["log_close"]:
            content = self.stored[close["stream"]]
            if len(content) == close["size"]:
                assert hashlib.sha256(content).hexdigest() == close["sha256"]
                self.state[close["stream"]] = "complete"
        logs = {name: {"stored": len(content), "state": self.state[name]} for name, content in self.stored.items()}
        own = {"sub_agent_id": "sub-1", "code": "ok", "detail": "", "state": "running", "logs": logs, "stop": None}
        return {"next_in_seconds": 1.0, "replies": [{**own, "watched": False}]}


def finish_folder(folder: SubAgentDir) -> None:
    folder.write_exit(never_ran("sub_lost", "a sentence", folder.sizes(), "2030-01-01T00:00:00Z"))


@pytest.mark.matrix(24, 31)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=st.lists(st.sampled_from(FAULTS), max_size=40),
    writes=st.lists(st.tuples(st.sampled_from(["out", "err"]), st.binary(max_size=3000)), max_size=12),
    inline_bytes=st.sampled_from([1, 7, 500, 65536]),
    restart_at=st.integers(0, 20),
)
def test_stored_equals_produced(
    tmp_path_factory: Any, plan: list[str], writes: list[Any], inline_bytes: int, restart_at: int
) -> None:
    folder = make_folder(tmp_path_factory.mktemp("shipper"), split_output=True)
    http = LossyHttp(plan)
    produced = {"out": b"", "err": b""}
    delivery = Delivery(folder, http)
    delivery_module.INLINE_BYTES, usual = inline_bytes, delivery_module.INLINE_BYTES
    try:
        for number, (name, data) in enumerate(writes):
            with folder.stream_path(name).open("ab") as file:
                file.write(data)
            produced[name] += data
            delivery.step()
            if number == restart_at:  # another process takes over
                delivery.close()
                delivery = Delivery(folder, http)
        finish_folder(folder)
        steps = 0
        while not delivery.step().done:
            steps += 1
            assert steps < 500, "the delivery does not end"
    finally:
        delivery_module.INLINE_BYTES = usual
        delivery.close()
    assert {name: bytes(content) for name, content in http.stored.items()} == produced
    assert len(set(http.finishes)) == 1
    assert folder.read_delivered() == {
        "result_code": "ok",
        "streams": {"out": "complete", "err": "complete"},
        "commit_seq": None,
    }


def test_memory_is_bounded_by_one_block(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    with folder.stream_path("out").open("wb") as file:
        file.truncate(5_000_000)
    http = LossyHttp([])
    sizes: list[int] = []
    original = http._put
    http._put = lambda stream, offset, data: (sizes.append(len(data)), original(stream, offset, data))[1]  # type: ignore[method-assign, func-returns-value]
    delivery = Delivery(folder, http)
    finish_folder(folder)
    while not delivery.step().done:
        pass
    delivery.close()
    assert max(sizes) <= 1024 * 1024
    assert len(http.stored["out"]) == 5_000_000


def test_a_server_that_stores_nothing_is_asked_once_a_beat(tmp_path: Path) -> None:
    """Its log disk is full: it answers `ok` and the old `stored`."""
    folder = make_folder(tmp_path)
    folder.stream_path("out").write_bytes(b"0123456789")
    http = LossyHttp([])
    http._put = lambda stream, offset, data: {"stored": 0, "state": "open"}  # type: ignore[method-assign]
    delivery = Delivery(folder, http)
    finish_folder(folder)
    outcomes = [delivery.step() for _ in range(4)]
    assert [outcome.done for outcome in outcomes] == [False] * 4
    assert all(outcome.next_in_seconds >= 1.0 for outcome in outcomes[1:])
    del http._put  # type: ignore[method-assign]
    steps = 0
    while not delivery.step().done:
        steps += 1
        assert steps < 10
    delivery.close()
    assert bytes(http.stored["out"]) == b"0123456789"


def test_output_after_the_attempt_was_given_up_still_comes_with_its_late_result(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    http = LossyHttp([])
    delivery = Delivery(folder, http)
    report, given_up = http._report, {"code": "sub_agent_closed", "logs": {}, "stop": None}
    http._report = lambda entry: {"next_in_seconds": 1.0, "replies": [given_up]}  # type: ignore[method-assign]
    delivery.step()
    http._report = report  # type: ignore[method-assign]
    folder.stream_path("out").write_bytes(b"saved in the grace\n")
    finish_folder(folder)
    for _ in range(5):
        delivery.step()
    delivery.close()
    assert bytes(http.stored["out"]) == b"saved in the grace\n"


def test_a_spool_that_was_cut_does_not_hold_the_delivery_for_ever(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    folder.stream_path("out").write_bytes(b"0123456789")
    finish_folder(folder)
    folder.stream_path("out").write_bytes(b"0123")
    delivery = Delivery(folder, LossyHttp([]))
    for _ in range(20):
        if delivery.step().done:
            break
    delivery.close()
    delivered = folder.read_delivered()
    assert delivered is not None
    assert delivered["streams"] == {"out": "lost"}
