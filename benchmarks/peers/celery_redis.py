"""Celery with Redis: redis-server and one worker; a task is a Python function that calls bash.

The worker imports this module, too: it looks for `app`.
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module, metadata
from typing import Any, ClassVar

from benchmarks.peers.made_scripts import Script
from benchmarks.peers.peer import CannotRun, Handle, Peer, run_script
from benchmarks.peers.processes import begun, end_scripts, ended

PORT = 26379
PATIENCE_SECONDS = 30.0

celery: Any = None
with suppress(ImportError):
    celery = import_module("celery")

if celery is not None:
    app = celery.Celery("peers", broker=f"redis://127.0.0.1:{PORT}/0", backend=f"redis://127.0.0.1:{PORT}/1")

    @app.task(name="run")  # type: ignore[untyped-decorator]
    def run(script: str, output: str) -> int:
        return run_script(script, output)


class Celery(Peer):
    notify: ClassVar[str] = "AsyncResult.get (Redis pub/sub)"

    def __init__(self, pool: str) -> None:
        self._pool, self.name = pool, f"Celery+Redis ({pool})"
        self.settings = f"redis-server without persistence, one worker, pool {pool}; a task calls bash"

    def version(self) -> str:
        return metadata.version("celery")

    def start(self, slots: int) -> None:
        _check_free()
        self._folder = tempfile.TemporaryDirectory(prefix="celery-")
        where = ("--port", str(PORT), "--bind", "127.0.0.1", "--save", "", "--dir", self._folder.name)
        self._redis = begun("redis-server", *where)
        worker = (sys.executable, "-m", "celery", "-A", __name__, "worker", "-P", self._pool, "-c", str(slots))
        time.sleep(0.5)  # a worker that finds no Redis waits longer before it looks again
        self._worker = begun(*worker, "-l", "ERROR", "--without-gossip", "--without-mingle")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _is_up():
            if time.monotonic() > deadline:
                raise CannotRun("Celery's worker did not come up.")
        self.warm_up()

    def stop(self) -> None:
        subprocess.run(["redis-cli", "-p", str(PORT), "flushall"], stdout=subprocess.DEVNULL, check=False)  # noqa: S607
        end_scripts(self)
        ended(self._worker)
        ended(self._redis)
        self._folder.cleanup()

    def pids(self) -> list[int]:
        return [self._redis.pid, self._worker.pid]

    def submit(self, script: Script, after: Sequence[Handle] = ()) -> Handle:
        return run.delay(script.path, script.output)

    def wait(self, handles: Sequence[Handle]) -> None:
        for handle in handles:
            handle.get(timeout=300)

    def submit_chain(self, scripts: Sequence[Script]) -> list[Handle]:
        return [celery.chain(*map(_signature, scripts)).apply_async()]

    def submit_fan(self, root: Script, children: Sequence[Script], join: Script) -> list[Handle]:
        middle = celery.chord(celery.group(map(_signature, children)), _signature(join))
        return [celery.chain(_signature(root), middle).apply_async()]


def _is_up() -> bool:
    """Connections that are kept from an earlier start lead to a Redis that is gone: each is found out once."""
    try:
        return bool(app.control.ping(timeout=0.5))
    except app.connection_for_write().connection_errors:
        return False


def _signature(script: Script) -> Any:
    return run.si(script.path, script.output)


def _check_free() -> None:
    """Another run would share this queue."""
    with suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", PORT), 1).close()
        raise CannotRun(f"Port {PORT} is taken.")
