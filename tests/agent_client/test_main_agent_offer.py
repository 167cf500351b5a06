"""What a main agent says of its host when it opens a session, and of its cards with each heartbeat."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_client.main_agent.beat_loop import BeatLoop
from agent_client.main_agent.context import Context
from agent_client.main_agent.run import declared_machine
from agent_client.offer import Offer
from agent_client.probes.host import declared_host
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.beats import closed_connections, folder, turns
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import grant_of, make_context

MACHINE = {"cpu_cores": 4, "memory_mib": 1024, "gpus": [{"name": "T4", "memory_mib": 15360, "uuid": "GPU-1"}]}


@pytest.fixture(autouse=True)
def _closed_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with closed_connections(monkeypatch):
        yield


@pytest.fixture
def context(server: FakeServer, tmp_path: Path) -> Context:
    return make_context(server, tmp_path)


def pretend(context: Context, **more: Any) -> None:
    file = context.config.state_dir / "machine.json"
    file.write_text(json.dumps({**MACHINE, **more}))
    context.probe = declared_host(context.config.state_dir, declared_machine(file, context.config.state_dir))


def said(server: FakeServer, context: Context) -> Any:
    turns(BeatLoop(context), 1)
    return server.sessions[-1]["host"]


def test_a_host_of_which_nobody_says_anything_has_an_address(server: FakeServer, context: Context) -> None:
    host = said(server, context)
    assert (host["address"], host["zone"], host["capabilities"], host["resources"]) == ("127.0.0.1", "", {}, {})
    assert host["hostname"]


def test_settings_win_over_the_declaration_part_by_part(server: FakeServer, context: Context) -> None:
    pretend(context, address="10.0.0.9", zone="rack-3", capabilities=["nvlink"], resources={"matlab": 2})
    context.config = replace(context.config, offer=Offer(zone="hall", capabilities={"cuda": "12"}))
    host = said(server, context)
    assert (host["address"], host["zone"]) == ("10.0.0.9", "hall")
    assert (host["capabilities"], host["resources"]) == ({"cuda": "12"}, {"matlab": 2})


def test_a_heartbeat_says_who_uses_the_cards(server: FakeServer, context: Context) -> None:
    task = {"task_id": 3, "gpus": [{"index": 0, "memory_mib": 700}]}
    pretend(context, usage=[{"gpus": [{"outsiders_mib": 100}], "tasks": [task]}])
    values: Any = grant_of("s1")
    SubAgentDir.create(context.sub_agents, "s1").write_assignment({**values, "nonce": "n"})
    started: Any = {"pid": 2**22 + 1, "pid_start_ticks": 1, "boot_id": "b", "sid": 1, "cookie": "c"}
    folder(context).write_started(started)
    descriptor = folder(context).acquire_lock()
    turns(BeatLoop(context), 2)
    beat = server.heartbeats[-1]
    assert beat["gpu_use"] == [{"sub_agent_id": "s1", "gpus": [{"uuid": "GPU-1", "memory_mib": 700}]}]
    (card,) = beat["resources"]["gpus"]
    assert (card["memory_used_mib"], card["own_mib"]) == (800, 700)

    os.close(descriptor)


def test_a_host_that_cannot_tell_says_so(server: FakeServer, context: Context) -> None:
    turns(BeatLoop(context), 2)
    assert server.heartbeats[-1]["gpu_use"] is None
