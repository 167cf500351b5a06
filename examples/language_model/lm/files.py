"""Where the steps of one run leave their files, and how these are written whole. Knows no format but JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any


def run_path(name: str) -> Path:
    """A file of this run; EXAMPLE_RUN_DIR names the run's folder."""
    folder = os.environ.get("EXAMPLE_RUN_DIR")
    if not folder:
        raise SystemExit("EXAMPLE_RUN_DIR is not set: it names the folder of this run")
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / name


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Replace `path` in one step: a reader, or a kill halfway, never meets half a file."""
    draft = path.with_name(path.name + ".part")
    with draft.open("wb") as stream:
        write(stream)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def write_text(path: Path, text: str) -> None:
    write_whole(path, lambda stream: stream.write(text.encode()))


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def hand_over(result: dict[str, Any]) -> None:
    """Give the task its result: Nightshift keeps the JSON that a script leaves in the file named by TASK_RESULT.

    A script of several steps adds to what the one before left. Run by hand, without TASK_RESULT, nothing is kept."""
    if target := os.environ.get("TASK_RESULT"):
        path = Path(target)
        before = read_json(path) if path.exists() and path.stat().st_size else {}
        write_json(path, before | result)


def report(result: dict[str, Any]) -> None:
    """Print the result line by line and hand it over."""
    for name, value in result.items():
        print(f"{name.replace('_', ' ')}: {value}")
    hand_over(result)
