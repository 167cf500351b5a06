"""What a peer must be able to do so that the workloads can drive it. Knows no workload, and no peer.

A peer is another system that runs scripts, or Nightshift itself: each is a subclass of Peer.
"""

import subprocess
from collections.abc import Sequence
from typing import Any, ClassVar

from benchmarks.peers.made_scripts import MadeScripts, Script

Handle = Any  # how a peer names what was submitted


class CannotRun(Exception):
    """One sentence: what this peer lacks on this machine."""


class Peer:
    name: str = "peer"
    notify: ClassVar[str] = ""  # how the client learns of an end
    settings: str = ""  # how it runs, in words
    has_batch: ClassVar[bool] = False
    fills_by_batch: ClassVar[bool] = True
    can_go_first: ClassVar[bool] = False  # has `submit_first`
    keeps_output: ClassVar[bool] = False  # the peer itself chooses where output goes
    pause_seconds: ClassVar[float] = 0.03  # on an idle system, between two submissions
    commands: ClassVar[tuple[str, ...]] = ()  # names of processes that belong to it besides its tree
    tasks: int = 1000
    repeats: int = 50
    ends: int = 30
    chain_length: int = 100
    children: int = 200
    depths: ClassVar[tuple[int, ...]] = (1000, 10_000)
    together: ClassVar[int] = 50
    polls_fast: bool = False  # whether its client may poll fast: under load that would slow the peer itself

    def version(self) -> str:
        return ""

    def start(self, slots: int) -> None:
        """Returns when it takes work. Raises CannotRun."""

    def stop(self) -> None:
        """Ends what `start` began, also when that failed half-way."""

    def pids(self) -> list[int]:
        """The roots of its processes."""
        return []

    def submit(self, script: Script, after: Sequence[Handle] = ()) -> Handle:
        raise NotImplementedError

    def submit_first(self, script: Script) -> Handle:
        """Before all that waits."""
        raise NotImplementedError

    def submit_batch(self, scripts: Sequence[Script]) -> list[Handle]:
        """All in one submission."""
        raise NotImplementedError

    def wait(self, handles: Sequence[Handle]) -> None:
        """Returns when all have ended."""
        raise NotImplementedError

    def warm_up(self) -> None:
        """For peers that start their workers with the first tasks."""
        scripts = MadeScripts(2, "echo hello\n")
        self.wait([self.submit(script) for script in scripts.all])
        scripts.remove()

    def submit_chain(self, scripts: Sequence[Script]) -> list[Handle]:
        """Each after the one before it. Returns what is to be waited for."""
        handles: list[Handle] = []
        for script in scripts:
            handles.append(self.submit(script, after=handles[-1:]))
        return handles

    def submit_fan(self, root: Script, children: Sequence[Script], join: Script) -> list[Handle]:
        """`children` after `root`, `join` after all of them. Returns what is to be waited for."""
        first = self.submit(root)
        middle = [self.submit(child, after=[first]) for child in children]
        return [first, *middle, self.submit(join, after=middle)]


def run_script(script: str, output: str) -> int:
    """What peers that run Python functions do for each task. Returns the exit code."""
    with open(output, "wb") as sink:  # noqa: PTH123 - as cheap as it can be
        return subprocess.call(["bash", script], stdout=sink, stderr=subprocess.STDOUT)  # noqa: S607
