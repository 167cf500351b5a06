"""Real servers and main agents as processes, for acceptance and browser tests. Imports nothing of the product."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.invariant_checker import violations_in
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Site:
    """A data folder ready to be copied, and the secrets that are good in it."""

    data_dir: Path
    token: str
    enrolment_token: str
    links: list[str]


def environment(data_dir: Path, port: int, **settings: str) -> dict[str, str]:
    """The caller's environment without its Nightshift settings, with ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTSHIFT_", "DJANGO_"))}
    ours = {"DATA_DIR": str(data_dir), "PORT": str(port), "HOST": "127.0.0.1", **settings}
    return {**clean, **{f"NIGHTSHIFT_{name}": value for name, value in ours.items()}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepared_site(folder: Path, **settings: str) -> Site:
    return Site(folder, **prepare(folder, **settings))


def prepare(folder: Path, **settings: str) -> dict[str, Any]:
    """Fills the data folder; returns the secrets of its Site."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.prepare_site"],
        cwd=ROOT,
        env=environment(folder, 8000, **settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    secrets: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return secrets


def copy_of(site: Site, data_dir: Path) -> None:
    """Static files, most of it, are the same files: nothing writes into one that is there."""
    shutil.copytree(site.data_dir, data_dir, ignore=shutil.ignore_patterns("static"))
    shutil.copytree(site.data_dir / "static", data_dir / "static", copy_function=os.link)


@dataclass
class Process:
    """A child that was started here; `log` holds what it said."""

    child: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        return self.child.pid

    def is_alive(self) -> bool:
        return self.child.poll() is None

    def kill(self) -> None:
        """Like a crash: no chance to tidy up."""
        self.child.kill()
        self.child.wait(STOP_SECONDS)

    def stop(self) -> int:
        if self.is_alive():
            self.child.send_signal(signal.SIGTERM)
        return self.child.wait(STOP_SECONDS)

    def output(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass
class AgentProcess(Process):
    state_dir: Path


def start_process(arguments: list[str], log: Path, env: dict[str, str]) -> "subprocess.Popen[bytes]":
    with log.open("ab") as sink:
        return subprocess.Popen(
            arguments, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
        )


@dataclass
class Nightshift:
    """A real `manage.py serve` on a data folder of its own, and the main agents that were started for it."""

    site: Site
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    server: Process | None = None
    agents: list[AgentProcess] = field(default_factory=list)
    start_empty: bool = False

    def __post_init__(self) -> None:
        self.data_dir = self.folder / "data"
        if self.start_empty:
            self.data_dir.mkdir(parents=True)
        else:
            copy_of(self.site, self.data_dir)
        self.token = self.site.token
        self.url = f"http://127.0.0.1:{self.port}"
        self._links = iter(self.site.links)
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    # The server

    def start(self) -> None:
        """Returns when the server says that it is well."""
        command = [sys.executable, "manage.py", "serve"]
        log = self.folder / "server.out"
        self.server = Process(start_process(command, log, self.environment()), log)
        wait_until(self._is_well, START_SECONDS, "the server to be well")

    def kill_server(self) -> None:
        """kill -9."""
        assert self.server is not None
        self.server.kill()

    def restart(self) -> None:
        """A new server on the same data; ends the old one first if it still runs."""
        if self.server is not None:
            self.server.stop()
        self.start()

    def stop(self) -> None:
        """Ends agents, the scripts they left running, and the server. Whatever the test did, the invariants hold."""
        for agent in self.agents:
            agent.stop()
            end_scripts(agent.state_dir)
        if self.server is not None:
            self.server.stop()
        self.http.close()
        assert violations_in(self.data_dir) == []

    def _is_well(self) -> bool:
        assert self.server is not None
        assert self.server.is_alive(), f"the server ended: {self.server.output()}"
        try:
            return requests.get(f"{self.url}/health/", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    # Main agents

    def start_agent(
        self,
        declare: dict[str, Any] | None = None,
        *,
        name: str = "",
        state_dir: Path | None = None,
        wait: bool = True,
        server_url: str = "",
        inside: Sequence[str] = (),
        **settings: str,
    ) -> AgentProcess:
        """A main agent; `declare` is the machine it pretends to be. An old `state_dir` is taken up again. `server_url`
        is another way to the server, `inside` a command that runs it elsewhere, such as in a network namespace."""
        name = name or f"host-{len(self.agents) + 1}"
        state_dir = state_dir or self.folder / "agents" / name
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = self.folder / f"{name}.out"
        arguments = [*inside, *self._agent_arguments(name, state_dir, declare, server_url or self.url)]
        agent = AgentProcess(start_process(arguments, log, {**self._agent_environment(), **settings}), log, state_dir)
        self.agents.append(agent)
        if wait:
            wait_until(lambda: self._is_online(agent, name), START_SECONDS, f"main agent {name} to be online")
        return agent

    def _agent_environment(self) -> dict[str, str]:
        """The server's failpoints are no places of an agent."""
        return {name: value for name, value in self.environment().items() if name != "NIGHTSHIFT_FAILPOINTS"}

    def _agent_arguments(
        self, name: str, state_dir: Path, declare: dict[str, Any] | None, server_url: str
    ) -> list[str]:
        token_file = self.folder / "enrolment_token"
        if not token_file.exists():
            token_file.touch(mode=0o600)
            token_file.write_text(self.site.enrolment_token)
        arguments = [sys.executable, "-m", "agent_client", "agent", "--server", server_url]
        arguments += ["--token-file", str(token_file), "--state-dir", str(state_dir), "--name", name]
        if declare is not None:
            file = self.folder / f"{name}.json"
            file.write_text(json.dumps(declare))
            arguments += ["--declare", str(file)]
        return arguments

    def _is_online(self, agent: AgentProcess, name: str) -> bool:
        assert agent.is_alive(), f"main agent {name} ended: {agent.output()}"
        hosts = self.get("/api/agents/")["results"]
        return any(host["name"] == name and host["status"] == "online" for host in hosts)

    # Asking

    def environment(self) -> dict[str, str]:
        return environment(self.data_dir, self.port, **self.settings)

    def get(self, path: str) -> Any:
        reply = self.http.get(self.url + path, timeout=30)
        assert reply.ok, f"GET {path}: {reply.status_code} {reply.text[:500]}"
        return reply.json()

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        reply = self.http.post(self.url + path, json=body or {}, timeout=30)
        assert reply.ok, f"POST {path}: {reply.status_code} {reply.text[:500]}"
        return reply.json()

    def submit(self, script: str, **fields: Any) -> int:
        """A task with this script; returns its id."""
        body = {"name": "test", "script_content": script, **fields}
        return int(self.post("/api/tasks/", body)["id"])

    def task(self, task_id: int) -> dict[str, Any]:
        answer: dict[str, Any] = self.get(f"/api/tasks/{task_id}/")
        return answer

    def attempts(self, task_id: int) -> list[dict[str, Any]]:
        """In their order."""
        found = self.get(f"/api/tasks/{task_id}/sub-agents/")["results"]
        return sorted(found, key=lambda attempt: (attempt["attempt_no"], attempt["rank"]))

    def wait_for(self, task_id: int, *statuses: str, seconds: float = 60.0) -> dict[str, Any]:
        """The task once it has one of `statuses`; by default a final one."""
        wanted = statuses or ("completed", "failed", "canceled")

        def reached() -> dict[str, Any] | None:
            task = self.task(task_id)
            return task if task["status"] in wanted else None

        found = wait_until(reached, seconds, f"task {task_id} to be {' or '.join(wanted)}")
        assert found is not None
        return found

    def wait_for_log(self, task_id: int, seconds: float = 60.0) -> None:
        """Until all output of the latest attempt is stored and compared."""
        url = f"{self.url}/api/tasks/{task_id}/log"

        def is_complete() -> bool:
            return self.http.head(url, timeout=30).headers.get("X-Log-State") == "complete"

        wait_until(is_complete, seconds, f"the output of task {task_id} to be complete")

    def log(self, task_id: int) -> bytes:
        reply = self.http.get(f"{self.url}/api/tasks/{task_id}/log", timeout=120)
        assert reply.ok, f"log of {task_id}: {reply.status_code}"
        return reply.content

    def manage(self, *arguments: str) -> str:
        """Output of a management command on this server's data."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sign_in_link(self) -> str:
        """A link that nobody has opened: the site was prepared with some."""
        return self.url + next(self._links)

    def printed_link(self) -> str:
        """A fresh link, as `make link` prints it."""
        found = re.search(r"http\S+/enter/\S+", self.manage("link"))
        assert found is not None
        return found.group()


def end_scripts(state_dir: Path) -> None:
    """Ends what sub agents of this state directory still run: by the process ids in their own records."""
    for record in state_dir.glob("sub_agents/*/started.json"):
        started = json.loads(record.read_text())
        if not (record.parent / "exit.json").exists():
            _kill_group(int(started["pid"]))
    deadline = time.monotonic() + STOP_SECONDS
    while _held_locks(state_dir) and time.monotonic() < deadline:
        time.sleep(0.05)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _held_locks(state_dir: Path) -> bool:
    import fcntl

    for lock in state_dir.glob("sub_agents/*/lock"):
        with lock.open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False
