"""Helpers for tests of the main agent: grants, a context in this process, and the agent as a real process."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent_client.agent_config import AgentConfig
from agent_client.enrolment import Identity
from agent_client.journal import LocalRecord, scan
from agent_client.main_agent.context import Context
from agent_client.main_agent.lock_holder import find_holder
from agent_client.probes.declared import Declaration, DeclaredMachine
from agent_client.probes.host import declared_host
from agent_client.sub_agent.limits import noted_group
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.fake_server import INSTANCE, FakeServer, Fault, Handler
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
TOKEN = "enrolment-token"
ASSIGNMENT_FIELDS = ("sub_agent_id", "fence", "task_id", "attempt_no", "cpu_cores", "memory_mib", "gpus")


def grant_of(sub_agent_id: str = "s1", script: str = "true", **changes: Any) -> dict[str, Any]:
    return {
        "sub_agent_id": sub_agent_id,
        "fence": 7,
        "task_id": 3,
        "attempt_no": 1,
        "sub_agent_token": "sub-agent-token",
        "name": "a task",
        "script_content": script,
        "environment": {},
        "working_directory": None,
        "time_limit_seconds": None,
        "grace_seconds": 5,
        "split_output": False,
        "submitted_by": "ada",
        "user_code_dir": None,
        "cpu_cores": 1,
        "memory_mib": None,
        "gpus": [],
        **changes,
    }


def assign(server: FakeServer, sub_agent_id: str = "s1", script: str = "true", **changes: Any) -> dict[str, Any]:
    """Let the server hand out a sub agent, and ring."""
    grant = grant_of(sub_agent_id, script, **changes)
    assignment = {name: grant[name] for name in ASSIGNMENT_FIELDS}
    server.grants[sub_agent_id] = grant
    server.assignments.append(assignment)
    server.doorbell.set()
    return assignment


def place(server: FakeServer, sub_agent_id: str = "s1", script: str = "true", **changes: Any) -> dict[str, Any]:
    """Let the server grant it to the next call that claims ahead; a claim of its own is granted as well."""
    grant = grant_of(sub_agent_id, script, **changes)
    with server.lock:
        server.grants[sub_agent_id] = grant
        server.ahead.placed.append(grant)
    return grant


def for_path(ending: str, fault: Fault) -> Fault:
    """The fault for calls of one kind only; to be used with `failing`."""

    def apply(handler: Handler) -> bool:
        return handler.path.partition("?")[0].endswith(ending) and fault(handler)

    return apply


class FakeLauncher:
    """Remembers what it was told to launch; fails as often as `failures` says."""

    def __init__(self) -> None:
        self.launched: list[Path] = []
        self.failures: list[Exception] = []

    def launch(self, directory: Path) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.launched.append(directory)


def make_context(server: FakeServer, state_dir: Path, min_free_disk_mib: int = 0) -> Context:
    (state_dir / "sub_agents").mkdir(parents=True, exist_ok=True)
    config = AgentConfig(server.url, state_dir, "host-a", min_free_disk_mib=min_free_disk_mib)
    identity = Identity(server.url, "agent-1", "secret-agent-1", "host-a", INSTANCE)
    probe = declared_host(state_dir, DeclaredMachine(Declaration(cpu_cores=4, memory_mib=1024)))
    return Context(config, identity, probe, FakeLauncher())  # type: ignore[arg-type]


class AgentProcess:
    """`nightshift agent` as people start it. `tree` holds the code that it runs on."""

    def __init__(self, state_dir: Path, *words: str, tree: Path = ROOT, **environment: str) -> None:
        self.state_dir = state_dir
        self.sub_agents = state_dir / "sub_agents"
        self.stderr_path = state_dir.parent / f"{state_dir.name}.stderr"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSHIFT_")}
        with self.stderr_path.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "agent_client", "agent", "--state-dir", str(state_dir), *words],
                cwd=tree,
                stdin=subprocess.DEVNULL,
                stderr=stderr,
                env={**clean, **environment},
            )

    @property
    def stderr(self) -> str:
        return self.stderr_path.read_text()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def record(self, sub_agent_id: str = "s1") -> LocalRecord | None:
        return scan(self.sub_agents).find(sub_agent_id)

    def folder(self, sub_agent_id: str = "s1") -> SubAgentDir:
        return SubAgentDir(self.sub_agents / sub_agent_id)

    def kill_sub_agent(self, sub_agent_id: str = "s1") -> None:
        holder = find_holder(self.folder(sub_agent_id))
        assert holder is not None
        os.kill(holder.pid, signal.SIGKILL)


@contextmanager
def running_agent(
    server: FakeServer, state_dir: Path, *words: str, tree: Path = ROOT, **environment: str
) -> Iterator[AgentProcess]:
    """An enrolled agent with an open session. At the end nothing of it is left, scripts included."""
    given = {"NIGHTSHIFT_AGENT_TOKEN": TOKEN, **environment}
    agent = AgentProcess(state_dir, "--server", server.url, *words, tree=tree, **given)
    sessions = len(server.sessions)
    try:
        wait_until(lambda: len(server.sessions) > sessions, what=f"a session; {agent.stderr}")
        yield agent
    finally:
        agent.process.kill()
        agent.process.wait()
        end_everything(agent)


def end_everything(agent: AgentProcess) -> None:
    for record in scan(agent.sub_agents).records:
        if record.is_alive:
            with contextlib.suppress(AssertionError, ProcessLookupError):
                agent.kill_sub_agent(record.sub_agent_id)
        group = noted_group(agent.folder(record.sub_agent_id))
        group.kill()
        wait_until(group.remove, what="an empty control group")
