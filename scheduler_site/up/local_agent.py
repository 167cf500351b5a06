"""This machine's main agent, kept running; a left-over one is watched instead of fought."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from scheduler_site.up.child import Child
from scheduler_site.up.site_lock import is_held

EXIT_ENDED = 5


class LocalAgent(Child):
    """A Child that does not start while another main agent holds the state directory."""

    def __init__(self, command: Sequence[str], log_path: Path, state_dir: Path) -> None:
        super().__init__("main agent", command, log_path)
        self.state_dir = state_dir

    def tend(self) -> None:
        if self.process is None and (self.is_over or self.left_over()):
            return
        super().tend()

    @property
    def is_over(self) -> bool:
        """An operator told it to end; the next `make run` starts it again."""
        return self.exit_code == EXIT_ENDED

    def left_over(self) -> bool:
        return is_held(self.state_dir / "lock")

    def ask_to_stop(self) -> None:
        """Also the left-over one: it wrote its process id into the lock that it holds."""
        if self.process is None and self.left_over():
            _signal(_written_pid(self.state_dir / "lock"))
        super().ask_to_stop()


def _written_pid(lock: Path) -> int | None:
    text = lock.read_text(errors="replace").strip()
    return int(text) if text.isdecimal() else None


def _signal(pid: int | None) -> None:
    if pid is not None:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
