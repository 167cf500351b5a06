"""The workloads measure what they say, on the one peer that every machine has."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.floor import Threads
from benchmarks.peers.known import EVERYTHING, PEERS
from benchmarks.peers.made_scripts import Script
from benchmarks.peers.peer import Handle, run_script
from benchmarks.peers.run import run
from benchmarks.peers.workloads import depth, memory
from tests.waiting import wait_until


class Small(Threads):
    tasks = 6
    repeats = 3
    ends = 2
    chain_length = 4
    children = 3


class Unordered(Small):
    def submit(self, script: Script, after: Sequence[Handle] = ()) -> Any:
        return super().submit(script)

    def submit_chain(self, scripts: Sequence[Script]) -> list[Handle]:
        return [self.submit(script) for script in reversed(scripts)]

    def start(self, slots: int) -> None:
        super().start(1)


def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    return {row["w"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}


def test_every_workload_says_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    run(Small(), ["w1", "w1b", "w2", "w3", "w4", "w5"], runs=2)
    found = rows(capsys)
    assert list(found) == ["W1", "W1 batch", "W2", "W3", "W4", "W5"]
    assert (found["W1"]["n"], found["W1"]["runs"], found["W4"]["n"], found["W5"]["n"]) == (6, 2, 4, 5)
    for workload in ("W1", "W1 batch"):
        assert 0 < found[workload]["lo"] <= found[workload]["rate"] <= found[workload]["hi"]
    for workload in ("W2", "W3"):
        assert 0 < found[workload]["p50_ms"] <= found[workload]["p95_ms"]
        assert found[workload]["lo"] <= found[workload]["p50_ms"] <= found[workload]["hi"]
    assert 0 < found["W4"]["first_to_last"] <= found["W4"]["secs"]
    for workload in ("W4", "W5"):
        assert found[workload]["lo"] <= found[workload]["secs"] <= found[workload]["hi"]


class Visible(Small):
    together = 4

    def pids(self) -> list[int]:
        return [os.getpid()]

    def submit(self, script: Script, after: Sequence[Handle] = ()) -> Any:
        handle = super().submit(script)
        wait_until(lambda: Path(script.path).with_suffix(".up").exists(), what="the script to begin")
        return handle


def test_memory_is_looked_at_while_all_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SETTLE_SECONDS", 0.0)
    run(Visible(), ["w6"], runs=1)
    found = rows(capsys)["W6"]
    assert found["running"] == 4
    assert found["procs_per_task"] >= 1
    assert found["script_mb"] > 0


class Urgent(Small):
    """Two threads, and a way past all that waits."""

    can_go_first = True

    def start(self, slots: int) -> None:
        super().start(slots)
        self.first: list[Script] = []

    def submit_first(self, script: Script) -> Handle:
        self.first.append(script)
        return script

    def submit(self, script: Script, after: Sequence[Handle] = ()) -> Any:
        def run_what_is_first() -> int:
            while self.first:
                urgent = self.first.pop()
                run_script(urgent.path, urgent.output)
            return run_script(script.path, script.output)

        return self._threads.submit(run_what_is_first)


def test_first_starts_are_measured_behind_what_waits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PROBES": 2, "DRAINED": 20, "STARTS": 3, "CALM_SECONDS": 0.2}.items():
        monkeypatch.setattr(depth, name, value)
    peer = Urgent()
    peer.start(2)
    depth.measure(peer, 100)
    peer.stop()
    found = rows(capsys)["W7"]
    assert (found["depth"], found["firsts"], found["drained"]) == (100, 3, 20)
    assert found["first_lo"] <= found["first_ms"] <= found["first_hi"]
    assert found["drain_rate"] > 0


def test_a_peer_that_breaks_the_order_is_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError, match="out of order"):
        run(Unordered(), ["w4"], runs=1)
    assert rows(capsys) == {}


def test_only_workloads_that_there_are_are_asked_of_peers() -> None:
    assert {workload for known in PEERS.values() for one in known for workload in one.workloads} == set(EVERYTHING)
