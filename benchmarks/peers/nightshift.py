"""Nightshift as `make run` starts it, on a data folder of its own: server, local main agent, sub agents.

The client is one kept HTTP connection to the REST API.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import requests

from agent_client import profiles
from agent_client.version import VERSION
from benchmarks.peers.made_scripts import Script
from benchmarks.peers.peer import CannotRun, Handle, Peer
from benchmarks.peers.processes import begun, ended

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 90.0
MOST_IDS = 500
MOST_IN_A_BATCH = 1000
MEMORY_MIB = 64 * 1024


class Nightshift(Peer):
    name = "Nightshift"
    notify: ClassVar[str] = "GET /api/tasks/wait/ (hangs)"
    keeps_output: ClassVar[bool] = True
    has_batch: ClassVar[bool] = True

    def version(self) -> str:
        return VERSION

    def start(self, slots: int) -> None:
        """The machine is declared to have as many cores as there are to be slots."""
        self._folder = tempfile.TemporaryDirectory(prefix="nightshift-peer-")
        self._path = Path(self._folder.name)
        self._url = f"http://127.0.0.1:{_free_port()}"
        (self._path / "machine.json").write_text(json.dumps({"cpu_cores": slots, "memory_mib": MEMORY_MIB}))
        with (self._path / "up.out").open("wb") as log:
            up = (sys.executable, "manage.py", "up")
            self._up = begun(*up, cwd=ROOT, env=self._environment(), stdout=log, stderr=log)
        self._http = requests.Session()
        _wait_until(self._is_ready, self._up)

    def _environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSHIFT_")}
        ours = {"DATA_DIR": str(self._path / "data"), "PORT": self._url.rpartition(":")[2], "HOST": "127.0.0.1"}
        ours["AGENT_DECLARE"] = str(self._path / "machine.json")
        named = {f"NIGHTSHIFT_{name}": value for name, value in ours.items()}
        return {**others, **named, "HOME": str(self._path), "XDG_CONFIG_HOME": str(self._path)}

    def _is_ready(self) -> bool:
        """The server answers, and its local host is online."""
        known = profiles.load(profiles.config_path({"XDG_CONFIG_HOME": str(self._path)}))
        if self._url not in known.tokens:
            return False
        self._http.headers["Authorization"] = f"Bearer {known.tokens[self._url]}"
        try:
            return any(host["status"] == "online" for host in self._get("/api/agents/")["results"])
        except requests.RequestException:
            return False

    def stop(self) -> None:
        ended(self._up)
        self._http.close()
        self._folder.cleanup()

    def pids(self) -> list[int]:
        return [self._up.pid]

    def submit(self, script: Script, after: Sequence[Handle] = ()) -> int:
        return int(self._post("/api/tasks/", _asked(script, [{"id": task_id} for task_id in after]))["id"])

    def submit_batch(self, scripts: Sequence[Script]) -> list[Handle]:
        return self._all([_asked(script) for script in scripts])

    def submit_chain(self, scripts: Sequence[Script]) -> list[Handle]:
        """In one request."""
        return self._all(
            [_asked(script, [{"index": number - 1}] if number else []) for number, script in enumerate(scripts)]
        )

    def submit_fan(self, root: Script, children: Sequence[Script], join: Script) -> list[Handle]:
        """In one request."""
        middle = [_asked(child, [{"index": 0}]) for child in children]
        last = _asked(join, [{"index": number} for number in range(1, len(middle) + 1)])
        return self._all([_asked(root), *middle, last])

    def _all(self, asked: list[dict[str, Any]]) -> list[Handle]:
        """In as few requests as it takes; only what comes in one request may name each other."""
        ids: list[Handle] = []
        for first in range(0, len(asked), MOST_IN_A_BATCH):
            ids += self._post("/api/tasks/batch/", {"tasks": asked[first : first + MOST_IN_A_BATCH]})["ids"]
        return ids

    def _post(self, path: str, body: Any) -> Any:
        reply = self._http.post(self._url + path, json=body, timeout=120)
        reply.raise_for_status()
        return reply.json()

    def wait(self, handles: Sequence[Handle]) -> None:
        for first in range(0, len(handles), MOST_IDS):
            self._wait_for(handles[first : first + MOST_IDS])
        if wrong := self._count(handles, "failed,canceled"):
            raise AssertionError(f"{wrong} of {len(handles)} tasks did not complete")

    def _wait_for(self, left: Sequence[Handle]) -> None:
        while left:
            left = self._get("/api/tasks/wait/", id=",".join(map(str, left)), until="all")["open"]

    def _count(self, handles: Sequence[Handle], statuses: str) -> int:
        asked = {"id_min": min(handles), "id_max": max(handles), "status": statuses, "page_size": 1}
        return int(self._get("/api/tasks/", **asked)["count"])

    def _get(self, path: str, **asked: Any) -> Any:
        reply = self._http.get(self._url + path, params=asked, timeout=60)
        reply.raise_for_status()
        return reply.json()


def _asked(script: Script, depends_on: Sequence[dict[str, int]] = ()) -> dict[str, Any]:
    return {"name": "peers", "script_content": script.text, "cpu_cores": 1, "depends_on": list(depends_on)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until(is_ready: Any, up: "subprocess.Popen[Any]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if up.poll() is not None or time.monotonic() > deadline:
            raise CannotRun("Nightshift did not come up.")
        time.sleep(0.1)
