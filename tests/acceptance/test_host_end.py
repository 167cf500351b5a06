"""How hosts end, and what they hold for processes that cannot be killed: real server, agents, scripts, command line."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from agent_client.main_agent.lock_holder import find_holder
from agent_client.sub_agent_dir import SubAgentDir
from tests.acceptance.test_command_line import CommandLine
from tests.agent_client.families.groups import frozen, needs_freezer
from tests.running import AgentProcess, Nightshift
from tests.waiting import wait_until

pytestmark = [pytest.mark.acceptance, pytest.mark.slow, pytest.mark.timeout(240)]

EXIT_ENDED = 5


def host(nightshift: Nightshift, name: str) -> dict[str, Any]:
    return next((row for row in nightshift.get("/api/agents/")["results"] if row["name"] == name), {})


def folder_of(agent: AgentProcess, task_id: int) -> SubAgentDir:
    found = (agent.state_dir / "sub_agents").glob("*/assignment.json")
    return SubAgentDir(next(file.parent for file in found if json.loads(file.read_text())["task_id"] == task_id))


def test_a_host_is_drained_stopped_started_and_removed(fresh_nightshift: Nightshift, tmp_path: Path) -> None:
    nightshift, gate = fresh_nightshift, tmp_path / "gate"
    agent = nightshift.start_agent(name="box")
    assert host(nightshift, "box")["tracking"]
    running = nightshift.submit(f"while [ ! -e {gate} ]; do sleep 0.05; done; exit 3\n")
    nightshift.wait_for(running, "running")
    cli = CommandLine(nightshift, tmp_path)
    cli("host", "stop", "box", "--drain", "--reason", "new disk")
    assert (host(nightshift, "box")["standing"], agent.is_alive()) == ("draining", True)
    cli("host", "remove", "box", status=1)
    gate.touch()
    assert nightshift.wait_for(running)["exit_code"] == 3
    assert agent.child.wait(30) == EXIT_ENDED
    assert host(nightshift, "box")["standing"] == "paused"

    again = nightshift.start_agent(name="box", state_dir=agent.state_dir)
    cli("host", "resume", "box")
    assert nightshift.wait_for(nightshift.submit("true\n"))["status"] == "completed"
    cli("host", "remove", "box", "--reason", "sold")
    assert host(nightshift, "box") == {}
    wait_until(lambda: "This host was removed by an operator" in again.output(), what="the agent to say so")


@pytest.mark.matrix(55)
@needs_freezer
def test_what_cannot_be_killed_is_held_until_it_is_gone(fresh_nightshift: Nightshift, tmp_path: Path) -> None:
    """Its sub agent is killed, one process of the script is in a wait that nothing interrupts."""
    nightshift = fresh_nightshift
    agent = nightshift.start_agent({"cpu_cores": 2, "memory_mib": 4096}, name="box")
    pid_file = tmp_path / "pid"
    task_id = nightshift.submit(f"sleep 600 & echo $! >{pid_file}; wait\n", cpu_cores=2)
    nightshift.wait_for(task_id, "running")
    pid = int(wait_until(lambda: pid_file.exists() and pid_file.read_text().strip(), what="the process"))
    with frozen(pid):
        holder = find_holder(folder_of(agent, task_id))
        assert holder is not None
        os.kill(holder.pid, signal.SIGKILL)
        assert nightshift.wait_for(task_id)["status"] == "failed"
        wait_until(lambda: host(nightshift, "box")["standing"] == "paused", what="the host to be paused")
        box = host(nightshift, "box")
        assert [kept["task_id"] for kept in box["kept"]] == [task_id]
        assert box["available_cpu_cores"] == 0
        assert folder_of(agent, task_id).path.exists()
    wait_until(lambda: not host(nightshift, "box")["kept"], 60, "what is held to be released")
    assert host(nightshift, "box")["available_cpu_cores"] == 2
