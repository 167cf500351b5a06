"""Ray: one head node; remote functions call bash."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.peers.made_scripts import Script
from benchmarks.peers.peer import Handle, Peer, run_script

PORT, DASHBOARD_PORT = 26390, 26391
CPUS = 2
STORE_BYTES = 200_000_000


def run(script: str, output: str, *_after: object) -> int:
    return run_script(script, output)


class Ray(Peer):
    name = "Ray tasks"
    settings = "one head node with an object store of 200 MB; a remote function calls bash"
    notify: ClassVar[str] = "ray.get (pushed to the driver)"
    commands: ClassVar[tuple[str, ...]] = ("raylet", "gcs_server")

    def version(self) -> str:
        return metadata.version("ray")

    def start(self, slots: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ray-")
        self._library: Any = import_module("ray")
        environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
        subprocess.run(self._command(), check=True, env=environment, capture_output=True)
        self._library.init(address=f"127.0.0.1:{PORT}", log_to_driver=False, logging_level="ERROR")
        self._run = self._library.remote(num_cpus=min(1, CPUS / slots))(run)
        self.warm_up()

    def _command(self) -> list[str]:
        here = ["--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", f"--dashboard-port={DASHBOARD_PORT}"]
        size = [f"--num-cpus={CPUS}", f"--port={PORT}", f"--object-store-memory={STORE_BYTES}"]
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head"]
        return [*ray, *size, *here, f"--temp-dir={self._folder.name}"]

    def stop(self) -> None:
        mine = self.pids()
        self._library.shutdown()
        for number in (15, 9):
            for pid in mine:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            time.sleep(3 if number == 15 else 0)
        self._folder.cleanup()

    def pids(self) -> list[int]:
        """Its processes have no common parent: they are known by its folder, and workers by their title."""
        return [pid for pid, command in _commands() if self._is_mine(command) and pid != os.getpid()]

    def _is_mine(self, command: bytes) -> bool:
        return self._folder.name.encode() in command or command.startswith(b"ray::")

    def submit(self, script: Script, after: Sequence[Handle] = ()) -> Handle:
        return self._run.remote(script.path, script.output, *after)

    def wait(self, handles: Sequence[Handle]) -> None:
        self._library.get(list(handles))


def _commands() -> list[tuple[int, bytes]]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                found.append((int(folder.name), (folder / "cmdline").read_bytes()))
    return found
