"""How a control group of version 2 ends what is in it."""

from pathlib import Path


def kill(path: Path) -> None:
    """One write, which the kernel carries out against every fork that is under way."""
    (path / "cgroup.kill").write_text("1", "ascii")
