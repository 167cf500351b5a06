"""Results that the server says it does not know: an end for each, and nothing lost that can be kept."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from agent_client.http import AgentHttp, NetworkFailure, ProtocolError
from agent_client.main_agent import set_aside
from agent_client.sub_agent.delivery import Delivery, Outcome
from agent_client.sub_agent.finish import never_ran
from agent_client.sub_agent.reporter import is_hopeless
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.sub_agents import make_folder, start_sub_agent


class Unknowing(AgentHttp):
    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9", None)
        self.error: Exception = ProtocolError(404, "unknown_sub_agent", "No such sub agent.", {})

    def report(self, body: Any) -> Any:
        raise self.error


def test_the_time_of_not_being_known_is_counted(tmp_path: Path) -> None:
    now = [100.0]
    http = Unknowing()
    delivery = Delivery(make_folder(tmp_path), http, clock=lambda: now[0])
    assert delivery.step().unknown_seconds == 0.0
    now[0] += 500
    assert delivery.step().unknown_seconds == 500
    http.error = NetworkFailure("away")
    now[0] += 1
    assert delivery.step().unknown_seconds == 0.0
    http.error = ProtocolError(404, "unknown_sub_agent", "", {})
    assert delivery.step().unknown_seconds == 501
    delivery.close()


@pytest.mark.parametrize(
    ("unknown_seconds", "is_on_disk", "expected"),
    [(0.0, True, False), (599.0, True, False), (601.0, True, True), (601.0, False, False), (90000.0, False, True)],
)
def test_what_is_only_in_memory_is_held_on_to_longer(unknown_seconds: float, is_on_disk: bool, expected: bool) -> None:
    assert is_hopeless(Outcome(False, 30.0, unknown_seconds=unknown_seconds), is_on_disk) is expected


def test_after_a_week_the_folder_is_kept_aside(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "sub_agents")
    folder.stream_path("out").write_bytes(b"precious")
    folder.write_exit(never_ran("sub_lost", "a sentence", folder.sizes(), "2030-01-01T00:00:00Z"))
    assert not set_aside.is_unclaimed(folder.path, 5.0)
    before = time.time() - set_aside.UNCLAIMED_AFTER_SECONDS - 5
    os.utime(folder.path / "exit.json", (before, before))
    assert not set_aside.is_unclaimed(folder.path, 0.0), "a server that is away has not refused it"
    assert set_aside.is_unclaimed(folder.path, 5.0)
    kept = set_aside.set_aside(folder.path)
    assert kept == tmp_path / "unclaimed" / folder.path.name
    assert ((kept / "out").read_bytes(), folder.path.exists()) == (b"precious", False)


@pytest.mark.matrix(57)
def test_a_script_that_deletes_its_own_folder_is_delivered_all_the_same(server: FakeServer, tmp_path: Path) -> None:
    remove = 'd=$(dirname "$TASK_RESULT"); while [ -e "$d" ]; do rm -rf "$d" 2>/dev/null; done'
    script = f"echo before; {remove}; echo after; exit 3\n"
    with start_sub_agent(server, tmp_path, script) as running:
        assert running.process.wait(60) == 0
        assert not (running.folder.path / "exit.json").exists()
        assert running.seen.finish is not None
        assert running.seen.finish["exit_code"] == 3
        assert running.seen.output() == b"before\nafter\n"
