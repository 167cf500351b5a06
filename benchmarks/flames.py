"""Flame graphs of a server under a workload: with FLAMES=folder in the environment py-spy watches each server that a
benchmark starts, from when it is ready until it ends, and leaves an SVG there. Starts no server itself.

py-spy needs root, or `kernel.yama.ptrace_scope=0`.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

SAMPLES_A_SECOND = "100"
END_SECONDS = 60.0
Recorder = subprocess.Popen[bytes]


class CannotRecord(Exception):
    """One sentence."""


def begin(pid: int) -> Recorder | None:
    """None unless FLAMES is set. A bar for each function; threads that wait are not drawn."""
    folder = os.environ.get("FLAMES")
    if not folder:
        return None
    program = py_spy()
    path = _next(Path(folder))
    how = ["--function", "--nonblocking", "--rate", SAMPLES_A_SECOND, "--format", "flamegraph"]
    # The command stands in the picture: without folders of this machine.
    command = ["py-spy", "record", *how, "--output", path.name, "--pid", str(pid)]
    return subprocess.Popen(command, executable=program, cwd=path.parent, stdout=subprocess.DEVNULL)


def py_spy() -> str:
    """The program's path. CannotRecord."""
    program = shutil.which("py-spy", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        raise CannotRecord("There is no py-spy: pip install -r requirements-bench.txt")
    return program


def end(recorder: Recorder | None) -> None:
    """While the server still runs: py-spy writes its file when it is interrupted."""
    if recorder is not None and recorder.poll() is None:
        recorder.send_signal(signal.SIGINT)
        recorder.wait(END_SECONDS)


def without_script(picture: str) -> str:
    """The same picture, which does nothing when it is clicked: its maker's program is no part of ours."""
    return re.sub(r' onload="[^"]*"', "", re.sub(r"<script.*?</script>", "", picture, flags=re.DOTALL))


def _next(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return next(path for number in count(1) if not (path := folder / f"flame-{number}.svg").exists())


if __name__ == "__main__":
    for kept in map(Path, sys.argv[1:]):
        kept.write_text(without_script(kept.read_text()))
