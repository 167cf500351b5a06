"""Reads the small files of /proc and cgroups. An unreadable file is an unknown value, never an error."""

from pathlib import Path


def read_text(path: Path) -> str | None:
    """The stripped text of `path`, or None when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    text = read_text(path)
    try:
        return int(text) if text else None
    except ValueError:
        return None


def read_table(path: Path) -> dict[str, int]:
    """A file of `name number` lines, such as memory.stat; lines of another shape are left out."""
    pairs = (line.split() for line in (read_text(path) or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
