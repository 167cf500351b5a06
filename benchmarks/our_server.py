"""Nightshift on a data folder of its own and a free port, as a user starts it: begun, asked, ended. Measures nothing.

`up` is what `make run` does: server and local main agent. `serve` is the server alone. FLAMES=folder in the environment
lets py-spy watch the server process from when it is ready (see flames).
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import requests

from agent_client import profiles
from benchmarks import flames

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90.0
STOP_SECONDS = 30.0
MEMORY_MIB = 64 * 1024


class CannotStart(Exception):
    """One sentence."""


class OurServer:
    def __init__(self, **settings: str) -> None:
        """`settings` are names of docs/settings.md without their beginning."""
        self._folder = tempfile.TemporaryDirectory(prefix="nightshift-benchmark-")
        self.path = Path(self._folder.name)
        self.data_dir = self.path / "data"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = requests.Session()
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._flames: flames.Recorder | None = None

    def up(self, slots: int) -> None:
        """The machine is declared to have as many cores as there are to be slots."""
        machine = self.path / "machine.json"
        machine.write_text(json.dumps({"cpu_cores": slots, "memory_mib": MEMORY_MIB}))
        self._settings["AGENT_DECLARE"] = str(machine)
        self._begin("up", self._is_up)

    def serve(self) -> None:
        """On what has been prepared in its data folder."""
        self._begin("serve", self._is_well)

    def prepare(self, module: str, *arguments: str) -> str:
        """What this program prints, with the environment of the server."""
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment(), check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def stop(self) -> None:
        flames.end(self._flames)
        if self._process is not None:
            _ended(self._process)
        for left_over in self._family():
            left_over.kill()
        self.http.close()
        self._folder.cleanup()

    def pid(self) -> int:
        """Of what was begun: the root of all its processes but sub agents that it left over."""
        assert self._process is not None  # noqa: S101 - for the type checker
        return self._process.pid

    def _family(self) -> Iterator[psutil.Process]:
        """All processes that have its home. Sub agents outlive it, and would look for their server for ever."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("HOME") == str(self.path):
                    yield process

    def server(self) -> psutil.Process:
        """The server process itself."""
        family = [psutil.Process(self.pid()), *psutil.Process(self.pid()).children(recursive=True)]
        return next(process for process in family if "serve" in process.cmdline())

    def cpu_seconds(self) -> float:
        """That the server process has used so far."""
        times = self.server().cpu_times()
        return float(times.user + times.system)

    def sign_in_link(self) -> str:
        command = [sys.executable, "manage.py", "link"]
        said = subprocess.run(command, cwd=ROOT, env=self.environment(), check=True, capture_output=True, text=True)
        (link,) = re.findall(r"http\S+/enter/\S+", said.stdout)
        return str(link)

    def submit(self, script: str, **fields: Any) -> int:
        return int(self.post("/api/tasks/", {"name": "benchmark", "script_content": script, **fields})["id"])

    def post(self, path: str, body: Any) -> Any:
        reply = self.http.post(self.url + path, json=body, timeout=120)
        reply.raise_for_status()
        return reply.json()

    def get(self, path: str, **asked: Any) -> Any:
        reply = self.http.get(self.url + path, params=asked, timeout=60)
        reply.raise_for_status()
        return reply.json()

    def environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSHIFT_")}
        ours = {"DATA_DIR": str(self.data_dir), "PORT": str(self.port), "HOST": "127.0.0.1", **self._settings}
        named = {f"NIGHTSHIFT_{name}": value for name, value in ours.items()}
        return {**others, **named, "HOME": str(self.path), "XDG_CONFIG_HOME": str(self.path)}

    def _begin(self, command: str, is_ready: Callable[[], bool]) -> None:
        words, environment = [sys.executable, "manage.py", command], self.environment()
        with (self.path / "server.out").open("wb") as log:
            self._process = subprocess.Popen(
                words, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise CannotStart(f"Nightshift did not come up: {(self.path / 'server.out').read_text()[-500:]}")
            time.sleep(0.1)
        self._flames = flames.begin(self.server().pid)

    def _is_up(self) -> bool:
        """The server answers, and its local host is online."""
        known = profiles.load(profiles.config_path({"XDG_CONFIG_HOME": str(self.path)}))
        if self.url not in known.tokens:
            return False
        self.http.headers["Authorization"] = f"Bearer {known.tokens[self.url]}"
        try:
            return any(host["status"] == "online" for host in self.get("/api/agents/")["results"])
        except requests.RequestException:
            return False

    def _is_well(self) -> bool:
        try:
            return self.http.get(f"{self.url}/health/", timeout=5).ok
        except requests.RequestException:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ended(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
