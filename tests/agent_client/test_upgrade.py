"""The main agent is replaced by another release while a script runs, and back again: it is taken up both times."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_client.process.proc import start_ticks
from tests.agent_client.fake_server import FakeServer
from tests.agent_client.main_agent_process import ROOT, TOKEN, AgentProcess, assign, end_everything
from tests.waiting import wait_until

SCRIPT = "echo begin; while [ ! -e {gate} ]; do sleep 0.05; done; echo end; exit 5"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.next_in_seconds = 0.3
        yield server


def release(folder: Path, version: str) -> Path:
    """A tree with the agents' code under another version."""
    tree = folder / version
    shutil.copytree(ROOT / "agent_client", tree / "agent_client", ignore=shutil.ignore_patterns("__pycache__"))
    file = tree / "agent_client" / "version.py"
    file.write_text(file.read_text().replace("0.1.0", version))
    return tree


def started(server: FakeServer, state: Path, tree: Path) -> AgentProcess:
    sessions = len(server.sessions)
    agent = AgentProcess(state, "--server", server.url, tree=tree, NIGHTSHIFT_AGENT_TOKEN=TOKEN)
    wait_until(lambda: len(server.sessions) > sessions, what=f"a session; {agent.stderr}")
    return agent


@pytest.mark.matrix(65)
def test_forward_and_back_in_mid_run(server: FakeServer, tmp_path: Path) -> None:
    state, gate = tmp_path / "state", tmp_path / "gate"
    older, newer = release(tmp_path, "0.0.9"), release(tmp_path, "9.9.9")
    agent = started(server, state, older)
    try:
        assign(server, script=SCRIPT.format(gate=gate))
        wait_until(lambda: server.sub_agent("s1").output() == b"begin\n", what="the first output")
        pid = int(server.sub_agent("s1").started["pid"])  # type: ignore[index]
        ticks = start_ticks(pid)
        for tree in (newer, older):
            assert agent.end(signal.SIGTERM) == 0
            agent = started(server, state, tree)
            (row,) = server.sessions[-1]["sub_agents"]
            assert (server.sessions[-1]["agent_version"], row["local_state"]) == (tree.name, "running")
            assert start_ticks(pid) == ticks
        gate.touch()
        wait_until(lambda: server.sub_agent("s1").is_complete, what="result and output")
        assert server.sub_agent("s1").finish["exit_code"] == 5  # type: ignore[index]
        assert server.sub_agent("s1").output() == b"begin\nend\n"
        wait_until(lambda: not list(agent.sub_agents.iterdir()), what="the folder to be removed")
    finally:
        agent.process.kill()
        agent.process.wait()
        end_everything(agent)


@pytest.mark.matrix(65)
def test_an_older_sub_agent_whose_code_was_removed_ends_its_task(server: FakeServer, tmp_path: Path) -> None:
    """An update may replace files in place; what runs has its code in memory."""
    state, gate = tmp_path / "state", tmp_path / "gate"
    older, newer = release(tmp_path, "0.0.9"), release(tmp_path, "9.9.9")
    agent = started(server, state, older)
    try:
        assign(server, script=SCRIPT.format(gate=gate))
        wait_until(lambda: server.sub_agent("s1").output() == b"begin\n", what="the first output")
        assert agent.end(signal.SIGTERM) == 0
        shutil.rmtree(older)
        agent = started(server, state, newer)
        gate.touch()
        wait_until(lambda: server.sub_agent("s1").is_complete, what="result and output")
        assert server.sub_agent("s1").finish["exit_code"] == 5  # type: ignore[index]
        assert server.sub_agent("s1").output() == b"begin\nend\n"
    finally:
        agent.process.kill()
        agent.process.wait()
        end_everything(agent)
