"""A process that is kept running: started, watched, started again with back-off, stopped at the end."""

import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scheduler_site.up.parent_death import tied_to_this_process

log = logging.getLogger(__name__)

FIRST_BACK_OFF_SECONDS = 0.5
LONGEST_BACK_OFF_SECONDS = 30.0
STEADY_SECONDS = 60.0
LOG_BYTES = 10 * 1024 * 1024


class Child:
    """`started_with`: more arguments of Popen, such as another environment or user."""

    stop_signal = signal.SIGTERM

    def __init__(self, name: str, command: Sequence[str], log_path: Path, **started_with: Any) -> None:
        self.name, self.command, self.log_path = name, list(command), log_path
        self.started_with = started_with
        self.process: subprocess.Popen[bytes] | None = None
        self.exit_code: int | None = None
        self.ends = 0
        self._failures = 0
        self._started_at = self._start_after = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether it is not to be started again."""
        return False

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def tend(self) -> None:
        """Called often: notices an end, starts when it is time."""
        if self.process is not None and (exit_code := self.process.poll()) is not None:
            self.exit_code = exit_code
            self._ended()
        if self.process is None and time.monotonic() >= self._start_after:
            self.start()
        _turn_over(self.log_path)

    def start(self) -> None:
        _cut(self.log_path)
        with self.log_path.open("ab") as sink:
            # A session of its own: Ctrl-C reaches only us, and we end the children in order.
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                preexec_fn=tied_to_this_process(),
                **self.started_with,
            )
        self._started_at = time.monotonic()
        log.info("child_started name=%s pid=%d", self.name, self.process.pid)

    def _ended(self) -> None:
        self.process = None
        if time.monotonic() - self._started_at > STEADY_SECONDS:
            self._failures = 0
        self._failures += 1
        self.ends += 1
        delay = min(FIRST_BACK_OFF_SECONDS * 2 ** min(self._failures - 1, 10), LONGEST_BACK_OFF_SECONDS)
        self._start_after = time.monotonic() + delay
        log.warning("child_ended name=%s exit_code=%s again_in_seconds=%g", self.name, self.exit_code, delay)

    def ask_to_stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(self.stop_signal)  # does nothing when it has ended

    def finish(self, seconds: float) -> None:
        """After ask_to_stop: wait, and end what does not end by itself."""
        if self.process is None:
            return
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            log.warning("child_killed name=%s pid=%d", self.name, self.process.pid)
            self.process.kill()
            self.process.wait()

    def last_words(self, lines: int = 15) -> str:
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


def _cut(path: Path) -> None:
    """What children say outside their own logs is little; it is kept once when it grew large."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(path.suffix + ".1"))


def _turn_over(path: Path) -> None:
    """Of a child that goes on writing, which it does at the end of whatever the file is then. A line may be lost."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        shutil.copyfile(path, path.with_suffix(path.suffix + ".1"))
        os.truncate(path, 0)
