"""HyperQueue from its Python wheel: server and worker live in one process, the client is this one.

The wheel's own wait asks once a second; its JobInfo call is asked more often here.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Any, ClassVar

from benchmarks.peers.made_scripts import Script
from benchmarks.peers.peer import CannotRun, Handle, Peer
from benchmarks.peers.processes import begun, end_scripts

CLUSTER = """
import sys, time
from hyperqueue import LocalCluster
from hyperqueue.cluster import WorkerConfig
cluster = LocalCluster(server_dir=sys.argv[1], worker_config=WorkerConfig(cores=int(sys.argv[2])))
print("up", flush=True)
time.sleep(1e6)
"""
FAST_SECONDS, SLOW_SECONDS = 0.002, 0.05


class NotYet(Exception):
    """Thrown through the wheel's wait, to leave it."""


class HyperQueue(Peer):
    name = "HyperQueue"
    settings = "LocalCluster of the Python wheel: server and worker in one process, nothing on disk"
    notify: ClassVar[str] = "JobInfo, asked every 2 ms"
    has_batch: ClassVar[bool] = True
    can_go_first: ClassVar[bool] = True
    depths: ClassVar[tuple[int, ...]] = (1000, 10_000, 100_000)

    def version(self) -> str:
        return metadata.version("hyperqueue")

    def start(self, slots: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hq-")
        command = (sys.executable, "-c", CLUSTER, self._folder.name, str(slots))
        self._cluster = begun(*command, stdout=subprocess.PIPE, text=True)
        assert self._cluster.stdout is not None  # noqa: S101 - for the type checker
        while (line := self._cluster.stdout.readline()).strip() != "up":
            if not line:
                raise CannotRun("HyperQueue's cluster ended at its start.")
        self._library: Any = import_module("hyperqueue")
        self._client = self._library.Client(self._folder.name)

    def stop(self) -> None:
        end_scripts(self)
        self._cluster.kill()  # it catches SIGTERM
        self._cluster.wait()
        self._folder.cleanup()

    def pids(self) -> list[int]:
        return [self._cluster.pid]

    def submit(self, script: Script, after: Sequence[Handle] = ()) -> Handle:
        return self.submit_batch([script])[0]

    def submit_first(self, script: Script) -> Handle:
        job = self._job()
        _added(job, script, [], priority=1)
        return self._client.submit(job).id

    def submit_batch(self, scripts: Sequence[Script]) -> list[Handle]:
        job = self._job()
        for script in scripts:
            _added(job, script, [])
        return [self._client.submit(job).id]

    def submit_chain(self, scripts: Sequence[Script]) -> list[Handle]:
        job = self._job()
        before: list[Any] = []
        for script in scripts:
            before = [_added(job, script, before)]
        return [self._client.submit(job).id]

    def submit_fan(self, root: Script, children: Sequence[Script], join: Script) -> list[Handle]:
        job = self._job()
        first = _added(job, root, [])
        _added(job, join, [_added(job, child, [first]) for child in children])
        return [self._client.submit(job).id]

    def wait(self, handles: Sequence[Handle]) -> None:
        while True:
            try:
                self._client.connection.wait_for_jobs(tuple(handles), _leave_unless_all_ended)
                return
            except NotYet:
                time.sleep(FAST_SECONDS if self.polls_fast else SLOW_SECONDS)

    def _job(self) -> Any:
        return self._library.Job(max_fails=None)


def _added(job: Any, script: Script, after: list[Any], priority: int = 0) -> Any:
    return job.program(["bash", script.path], stdout=script.output, stderr=None, deps=after, priority=priority)


def _leave_unless_all_ended(jobs: dict[int, dict[str, Any]]) -> None:
    if not all(job["completed"] for job in jobs.values()):
        raise NotYet
