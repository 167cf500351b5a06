"""A small disk of its own for a test, which may be filled: a tmpfs. Only root can mount one."""

import contextlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(path: Path, mib: int) -> Iterator[Path]:
    """Skips the test, with a sentence, where nothing can be mounted."""
    path.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0700", "tmpfs", str(path)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"small disks need root and mount: {mounted.stderr.decode(errors='replace').strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def resize(path: Path, mib: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={mib}m", str(path)], check=True)


def fill(path: Path, leave_bytes: int = 0) -> Path:
    """Write a file that leaves no more than so much free, whoever else writes there meanwhile."""
    file = path / "filling"
    with file.open("wb", buffering=0) as sink:
        with contextlib.suppress(OSError):
            while sink.write(bytes(1 << 16)):
                pass
        sink.truncate(max(0, sink.tell() - leave_bytes))
    return file
