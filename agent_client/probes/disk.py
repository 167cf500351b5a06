"""Load of the machine and space on the disk that holds the state directory. Decides nothing about either."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True)
class Disk:
    total_mib: int | None
    free_mib: int | None


def read_disk(path: Path) -> Disk:
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return Disk(None, None)
    return Disk(usage.total // MIB, usage.free // MIB)


def load_1m() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None
