"""Makes folders and grants for sub agents, and starts real ones. Helpers for tests; holds no test."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent_client.process import proc
from agent_client.sub_agent.limits import noted_group
from agent_client.sub_agent_dir import SubAgentDir
from tests.agent_client.fake_server import FakeServer, FakeSubAgent
from tests.waiting import wait_until

TOKEN = "token-of-the-sub-agent"


def make_grant(server_url: str = "http://127.0.0.1:9", sub_agent_id: str = "sub-1", **changes: Any) -> dict[str, Any]:
    grant = {
        "sub_agent_id": sub_agent_id,
        "fence": 7,
        "task_id": 12,
        "attempt_no": 1,
        "sub_agent_token": TOKEN,
        "name": "a task",
        "script_content": "true\n",
        "environment": {},
        "working_directory": None,
        "time_limit_seconds": None,
        "grace_seconds": 5.0,
        "split_output": False,
        "submitted_by": "someone",
        "user_code_dir": None,
        "cpu_cores": 2.0,
        "memory_mib": 1024,
        "gpus": [],
        "server_url": server_url,
    }
    return grant | changes


def make_folder(
    parent: Path, sub_agent_id: str = "sub-1", server_url: str = "http://127.0.0.1:9", **changes: Any
) -> SubAgentDir:
    folder = SubAgentDir.create(parent, sub_agent_id)
    folder.write_grant(make_grant(server_url, sub_agent_id, **changes))  # type: ignore[arg-type]
    return folder


class RunningSubAgent:
    """A real sub agent process and what the fake server knows of it."""

    def __init__(self, server: FakeServer, folder: SubAgentDir, process: "subprocess.Popen[bytes]") -> None:
        self.folder = folder
        self.process = process
        self.seen: FakeSubAgent = server.sub_agent(folder.sub_agent_id)

    def wait_delivered(self, seconds: float = 30.0) -> dict[str, Any]:
        """The result, once it and every byte are with the server and the process has gone."""
        wait_until(lambda: self.folder.read_delivered() is not None, seconds, "delivery of the result")
        assert self.process.wait(seconds) == 0
        assert self.seen.is_complete
        assert self.seen.finish is not None
        return self.seen.finish

    def wait_running(self, seconds: float = 20.0) -> None:
        wait_until(lambda: self.seen.started is not None, seconds, "the start to be reported")

    def wait_output(self, text: bytes, seconds: float = 20.0) -> None:
        wait_until(lambda: text in self.spooled(), seconds, f"{text!r} in the output")

    def spooled(self) -> bytes:
        path = self.folder.stream_path("out")
        return path.read_bytes() if path.exists() else b""


IMPATIENT = "from agent_client import retry; retry.BASE_SECONDS, retry.CAP_SECONDS, retry.WAIT_30_SECONDS = 0.1, 1, 0.5"
"""Before the program begins: waits after failures that a test has the time for. All the rest is as it is."""


def program(before: str = "") -> list[str]:
    """`python -m agent_client`, after the statements `before` have been executed."""
    if not before:
        return [sys.executable, "-m", "agent_client"]
    return [
        sys.executable,
        "-c",
        f"import sys; {before}; from agent_client.__main__ import main; sys.exit(main(sys.argv[1:]))",
    ]


@contextlib.contextmanager
def start_sub_agent(
    server: FakeServer, parent: Path, script: str, before: str = "", number: int = 0, **changes: Any
) -> Iterator[RunningSubAgent]:
    """Run `script` under `python -m agent_client sub-agent`; whatever is left at the end is killed."""
    number = number or len(list(parent.glob("sub-*"))) + 1
    folder = make_folder(parent, f"sub-{number}", server.url, script_content=script, **changes)
    process = subprocess.Popen(
        [*program(before), "sub-agent", str(folder.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield RunningSubAgent(server, folder, process)
    finally:
        process.kill()
        process.wait()
        for pid in processes_of(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        group = noted_group(folder)
        group.kill()
        wait_until(group.remove, what="an empty control group")


def processes_of(folder: SubAgentDir) -> list[int]:
    """Living processes that carry the cookie of the folder's script."""
    started = folder.read_started()
    if started is None:
        return []
    needle = f"TASK_COOKIE={started['cookie']}\0".encode()
    return [stat.pid for stat in proc.all_stats() if not stat.is_dead and proc.has_in_environment(stat.pid, needle)]
