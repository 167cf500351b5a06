"""Disk space set aside in the state directory, so that a result can still be written on a full disk.

The main agent makes it and makes it again; whoever cannot write a result gives it up.
"""

import contextlib
import os
from pathlib import Path

from agent_client.sub_agent_dir import SubAgentDir

RESERVE_BYTES = 16 << 20
PART_OF_DISK = 16
ROOM_FOR_IT = 4


class Reserve:
    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "reserve"

    @classmethod
    def of(cls, folder: SubAgentDir) -> "Reserve":
        """Of the host that a sub agent's folder belongs to."""
        return cls(folder.path.parent.parent)

    def give(self) -> bool:
        """Give the space back to the disk. False: it was given before."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def keep(self) -> bool:
        """Set the space aside where there is plenty left beside it. Never raises: without it, work goes on."""
        try:
            disk = os.statvfs(self._path.parent)
            size = min(RESERVE_BYTES, disk.f_blocks * disk.f_frsize // PART_OF_DISK)
            if self._path.exists() or disk.f_bavail * disk.f_frsize < ROOM_FOR_IT * size:
                return False
            self._set_aside(size)
        except OSError:
            return False
        return True

    def _set_aside(self, size: int) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError:
            with contextlib.suppress(OSError):
                self._path.unlink()
            raise
        finally:
            os.close(descriptor)
