"""The last line: how many scripts run on, and how to end them. Reads the local agent's state directory only."""

import json
from pathlib import Path

from scheduler_site.up.site_lock import is_held


def running_task_ids(state_dir: Path) -> list[int]:
    """The tasks whose sub agents live: each holds a lock as long as it does."""
    folders = [lock.parent for lock in state_dir.glob("sub_agents/*/lock") if is_held(lock)]
    return sorted(_task_id(folder) for folder in folders)


def _task_id(folder: Path) -> int:
    """0 when the record cannot be read: it is counted all the same."""
    try:
        return int(json.loads((folder / "assignment.json").read_text())["task_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def farewell(task_ids: list[int]) -> str:
    if not task_ids:
        return "Nightshift has stopped. No script is running."
    named = " ".join(str(task_id) for task_id in task_ids if task_id)
    many = f"{len(task_ids)} scripts run" if len(task_ids) > 1 else "1 script runs"
    return (
        f"Nightshift has stopped. {many} on; the next `make run` takes up their output and results. "
        f"To end them, start again and cancel: .venv/bin/nightshift cancel {named}".rstrip()
    )
