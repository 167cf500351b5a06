"""The floor: no queue at all, two threads that start `bash script`; and a command line for a whole list."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar

from benchmarks.peers.made_scripts import Script
from benchmarks.peers.peer import Handle, Peer, run_script


class Threads(Peer):
    name = "floor: Python 2 threads + Popen"
    settings = "no queue at all"
    notify: ClassVar[str] = "waitpid in a thread"
    has_batch: ClassVar[bool] = True

    def version(self) -> str:
        return "Python " + sys.version.split()[0]

    def start(self, slots: int) -> None:
        self._threads = ThreadPoolExecutor(slots)

    def stop(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def submit(self, script: Script, after: Sequence[Handle] = ()) -> "Future[int]":
        def run() -> int:
            for other in after:
                other.result()
            return run_script(script.path, script.output)

        return self._threads.submit(run)

    def submit_batch(self, scripts: Sequence[Script]) -> list[Handle]:
        return [self.submit(script) for script in scripts]

    def wait(self, handles: Sequence[Handle]) -> None:
        for handle in handles:
            handle.result()


class CommandLine(Peer):
    """One command for the whole list: nothing else can be asked of it."""

    has_batch: ClassVar[bool] = True

    def __init__(self, program: str, line: str) -> None:
        self.name = f"floor: {program} -P2"
        self._program, self._line, self.settings = program, line, line

    def version(self) -> str:
        shown = subprocess.run([self._program, "--version"], capture_output=True, text=True, check=True)
        return shown.stdout.splitlines()[0]

    def submit_batch(self, scripts: Sequence[Script]) -> list[Handle]:
        paths = "".join(script.path.removesuffix(".sh") + "\n" for script in scripts)
        subprocess.run(["sh", "-c", self._line], input=paths, text=True, check=True)  # noqa: S607
        return []

    def wait(self, handles: Sequence[Handle]) -> None:
        """It has waited."""


def xargs() -> CommandLine:
    return CommandLine("xargs", "xargs -P2 -I{} sh -c 'exec bash {}.sh > {}.out'")


def parallel() -> CommandLine:
    return CommandLine("parallel", "parallel -P2 'bash {}.sh > {}.out'")
