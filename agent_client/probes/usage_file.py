"""Follows the file that scripts the usage of a declared machine: read again when it changed. Writes nothing.

A file that cannot be used is said once in the log, and the last good reading stays.
"""

import json
from pathlib import Path

from agent_client.probes.declared import UsageStep
from agent_client.probes.shape import Shape, ShapeError
from agent_client.probes.usage_step import usage_step
from agent_client.system_log import EventLog

log = EventLog(loop="beat")
Version = tuple[int, int, int]


class UsageFile:
    """To be rewritten atomically (another file renamed over it); half a file would be a bad one."""

    def __init__(self, path: Path, gpu_count: int) -> None:
        self._path = path
        self._gpu_count = gpu_count
        self._version: Version | None = None
        self._latest = UsageStep()
        self._complaint = ""

    def read(self) -> UsageStep:
        try:
            found = self._path.stat()
            version = (found.st_mtime_ns, found.st_size, found.st_ino)
            if version != self._version:
                self._version = version
                self._latest = self._load()
                self._complaint = ""
        except OSError as error:
            self._version = None
            self._complain(f"cannot be read: {error.strerror}")
        except (ShapeError, ValueError, RecursionError) as error:
            self._complain(str(error))
        return self._latest

    def _load(self) -> UsageStep:
        return usage_step(Shape(json.loads(self._path.read_text(encoding="utf-8"))), self._gpu_count)

    def _complain(self, sentence: str) -> None:
        if sentence != self._complaint:
            log.error("usage_file_bad", path=str(self._path), detail=sentence)
        self._complaint = sentence
