"""task-spooler: one server for each user and socket; each waiting job holds a client process."""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import ClassVar

from benchmarks.peers.made_scripts import Script
from benchmarks.peers.peer import Handle, Peer
from benchmarks.peers.processes import end_scripts

UNLIMITED = "1000000"


class TaskSpooler(Peer):
    """Without W5: `-D` takes one job, so there is no join."""

    name = "task-spooler"
    settings = "one server, a process of tsp for each submission and each waiting job"
    notify: ClassVar[str] = "tsp -w (blocks)"
    keeps_output: ClassVar[bool] = True
    commands: ClassVar[tuple[str, ...]] = ("tsp",)
    depths: ClassVar[tuple[int, ...]] = (
        100,
        800,
    )  # its select() ends at 1,024 descriptors: beyond, a submission blocks

    def version(self) -> str:
        return _said("tsp", "-V").split()[2].rstrip(",")

    def start(self, slots: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tsp-")
        folder = self._folder.name
        os.environ |= {"TS_SOCKET": f"{folder}/sock", "TS_SLOTS": str(slots), "TMPDIR": folder}
        os.environ |= {"TS_MAXFINISHED": UNLIMITED, "TS_MAXCONN": UNLIMITED}
        subprocess.run(["sh", "-c", f"ulimit -n $(ulimit -Hn); exec tsp -S {slots:d}"], check=True)  # noqa: S607

    def stop(self) -> None:
        end_scripts(self)
        subprocess.run(["timeout", "-k", "2", "10", "tsp", "-K"], check=False)  # noqa: S607
        time.sleep(1)
        os.environ.pop("TMPDIR", None)
        self._folder.cleanup()

    def submit(self, script: Script, after: Sequence[Handle] = ()) -> str:
        only_after = ["-D", after[0]] if after else []
        return _said("tsp", *only_after, "bash", script.path)

    def wait(self, handles: Sequence[Handle]) -> None:
        for handle in handles[-2:]:
            subprocess.run(["tsp", "-w", handle], stdout=subprocess.DEVNULL, check=False)  # noqa: S607


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
