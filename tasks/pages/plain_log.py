"""The end of a log as plain text, for pages without the bundle: what a terminal would show at the end of each line."""

import re

from tasks.models import Task
from tasks.output import logs

TAIL_BYTES = 65536
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def end_of_log(task: Task) -> str:
    """The last 64 KiB that follow every gap, from a line's start, without escape sequences and control characters."""
    stored = logs.find(task)
    if stored is None or not stored.runs:
        return ""
    last = stored.runs[-1]
    start = max(last.start, last.stop - TAIL_BYTES)
    data = b"".join(logs.read(stored, start, last.stop))
    if start:
        data = data[data.find(b"\n") + 1 :]
    return plain_text(data)


def plain_text(data: bytes) -> str:
    """A carriage return starts the line again: only what was written last on it is kept."""
    text = _ESCAPES.sub("", data.decode("utf-8", "replace"))
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join(_CONTROLS.sub("", line) for line in lines)
