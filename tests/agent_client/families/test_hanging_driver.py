"""A GPU driver that hangs, as a main agent sees it: the beat goes on and says so."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.probes.gpu import GuardedGpuProbe
from agent_client.probes.nvml import NvmlProbe
from tests.agent_client.beats import closed_connections
from tests.agent_client.fake_nvml import FakeCard, FakeNvml
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import make_context
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _closed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with closed_connections(monkeypatch):
        yield


@pytest.mark.matrix(61)
def test_beats_go_on_while_the_driver_hangs_and_say_so(server: FakeServer, tmp_path: Path) -> None:
    nvml = FakeNvml([FakeCard(bus=1)])
    context = make_context(server, tmp_path)
    probe = GuardedGpuProbe(NvmlProbe(nvml, {}), hangs_after_seconds=0.1)
    context.probe = replace(context.probe, gpus=probe)
    beat = BeatLoop(context)

    def gpu_state() -> str:
        beat.turn()
        return str(server.heartbeats[-1]["resources"]["gpu_state"]) if server.heartbeats else ""

    try:
        wait_until(lambda: gpu_state() == "ready", what="a reading")
        nvml.release.clear()
        beats = len(server.heartbeats)
        wait_until(lambda: gpu_state() == "broken", what="the state broken")
        assert len(server.heartbeats) > beats
        assert "has not answered" in server.heartbeats[-1]["resources"]["gpu_detail"]
    finally:
        nvml.release.set()
    wait_until(lambda: gpu_state() == "ready", what="the driver to answer again")
