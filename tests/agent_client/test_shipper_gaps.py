"""Delivery to a server with a limit, from a host that drops: what is kept is true, what is missing is told exactly."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_client.sub_agent import delivery as delivery_module
from agent_client.sub_agent import output_stream
from agent_client.sub_agent.delivery import Delivery
from tests.agent_client.sub_agents import make_folder
from tests.agent_client.test_shipper import FAULTS, LossyHttp, finish_folder
from tests.examples import examples

HEAD, TAIL, LIVE = 3000, 2000, 500


class CappedHttp(LossyHttp):
    """Also knows gaps and says its limit. Bytes in a gap are noted as None."""

    def __init__(self, plan: list[str]) -> None:
        super().__init__(plan)
        self.gaps: list[tuple[int, int, str]] = []

    def _status(self) -> Any:
        content = self.stored["out"]
        more = {"durable": len(content), "keep_head": HEAD, "keep_tail": TAIL}
        return {"stored": len(content), "state": self.state["out"], **more}

    def _put(self, stream: str, offset: int, data: bytes) -> Any:
        super()._put(stream, offset, data)
        return self._status()

    def _report(self, entry: Any) -> Any:
        content = self.stored["out"]
        for skip in entry["skips"]:
            if skip["start"] == len(content) and self.state["out"] in ("open", "draining"):
                self.gaps.append((skip["start"], skip["stop"], skip["reason"]))
                content += bytes(skip["stop"] - skip["start"])
        closes, entry = entry["log_close"], {**entry, "log_close": []}
        reply = super()._report(entry)
        for close in closes:
            if len(content) == close["size"]:
                self.state["out"] = "complete"
        reply["replies"][0]["logs"] = {"out": self._status()}
        return reply


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=st.lists(st.sampled_from([fault for fault in FAULTS if fault != "forget_bytes"]), max_size=30),
    writes=st.lists(st.binary(min_size=1, max_size=3000), max_size=12),
    lost_bytes=st.integers(0, 2000),
    restart_at=st.integers(0, 12),
)
def test_what_is_kept_is_true_and_what_is_missing_is_told(
    tmp_path_factory: Any, plan: list[str], writes: list[bytes], lost_bytes: int, restart_at: int
) -> None:
    folder = make_folder(tmp_path_factory.mktemp("gaps"))
    http = CappedHttp(plan)
    delivery = Delivery(folder, http)
    usual = output_stream.LIVE_BYTES, delivery_module.INLINE_BYTES
    output_stream.LIVE_BYTES, delivery_module.INLINE_BYTES = LIVE, 100
    try:
        for number, data in enumerate(writes):
            with folder.stream_path("out").open("ab") as file:
                file.write(data)
            delivery.step()
            if number == restart_at:
                delivery.close()
                delivery = Delivery(folder, http)
        produced = b"".join(writes)
        finish_folder(folder)
        with folder.stream_path("out").open("r+b") as file:
            file.truncate(max(0, len(produced) - lost_bytes))
        steps = 0
        while not delivery.step().done:
            steps += 1
            assert steps < 300, "the delivery does not end"
    finally:
        output_stream.LIVE_BYTES, delivery_module.INLINE_BYTES = usual
        delivery.close()
    stored = bytes(http.stored["out"])
    missing = {position for start, stop, _ in http.gaps for position in range(start, stop)}
    assert len(stored) == len(produced)
    assert all(stored[at] == produced[at] for at in range(len(produced)) if at not in missing)
    assert all(start >= HEAD for start, _, reason in http.gaps if reason == "cap")
    lost = {position for start, stop, reason in http.gaps if reason == "spool_lost" for position in range(start, stop)}
    assert lost <= set(range(max(0, len(produced) - lost_bytes), len(produced)))
