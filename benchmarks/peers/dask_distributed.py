"""Dask distributed: scheduler and one worker; a task is a Python function that calls bash."""

import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Any, ClassVar

from benchmarks.peers.made_scripts import Script
from benchmarks.peers.peer import Handle, Peer, run_script
from benchmarks.peers.processes import begun, ended

PORT = 28786


def run(script: str, output: str, *_after: object) -> int:
    return run_script(script, output)


class Dask(Peer):
    name = "Dask distributed"
    settings = "a scheduler and one worker with threads; a task calls bash"
    notify: ClassVar[str] = "future, pushed to the client"
    has_batch: ClassVar[bool] = True
    depths: ClassVar[tuple[int, ...]] = (1000, 10_000, 100_000)

    def version(self) -> str:
        return metadata.version("distributed")

    def start(self, slots: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dask-")
        self._library: Any = import_module("distributed")
        dask = (sys.executable, "-m", "dask")
        here = ("--host", "127.0.0.1")
        self._scheduler = begun(*dask, "scheduler", *here, "--port", str(PORT), "--no-dashboard")
        address = f"tcp://127.0.0.1:{PORT}"
        size = ("--nworkers", "1", "--nthreads", str(slots), "--local-directory", self._folder.name)
        self._worker = begun(*dask, "worker", address, *here, *size, "--no-dashboard")
        self._client = self._library.Client(address, timeout=40)
        self._client.wait_for_workers(1)

    def stop(self) -> None:
        self._client.close()
        ended(self._worker, self._scheduler)
        self._folder.cleanup()

    def pids(self) -> list[int]:
        return [self._scheduler.pid, self._worker.pid]

    def submit(self, script: Script, after: Sequence[Handle] = ()) -> Handle:
        return self._client.submit(run, script.path, script.output, *after, pure=False)

    def submit_batch(self, scripts: Sequence[Script]) -> list[Handle]:
        paths, outputs = [script.path for script in scripts], [script.output for script in scripts]
        return list(self._client.map(run, paths, outputs, pure=False))

    def wait(self, handles: Sequence[Handle]) -> None:
        self._library.wait(handles)
