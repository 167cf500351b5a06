"""What `run.sh` prints about its tasks: ids with the links of their pages, and a summary at the end. Asks the
command line for everything about tasks; needs the standard library only. Submits and waits for nothing."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path
from typing import Any

Task = dict[str, Any]


def show(cli: str, task_id: str) -> Task:
    answer = subprocess.run([cli, "show", task_id, "--json"], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(answer.stdout)


def server_url() -> str:
    """Where the command line connects to: NIGHTSHIFT_URL, else the current profile; empty when neither says."""
    if url := os.environ.get("NIGHTSHIFT_URL"):
        return url.rstrip("/")
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    try:
        stored = json.loads((settings / "nightshift" / "client.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return (stored.get("current") or "").rstrip("/")


def link_lines(tasks: list[Task], url: str) -> list[str]:
    return [f"  {task['id']:>5}  {task['name']:<22} {url}/tasks/{task['id']}/" for task in tasks]


def summary_line(task: Task) -> str:
    took = task.get("execution_time")
    shown = "" if took is None else f"{took:.1f} s"
    why = "" if task["status"] == "completed" else task.get("end_sentence") or ""
    return f"  {task['id']:>5}  {task['name']:<22} {task['status']:<10} {shown:>9}  {why}".rstrip()


def figure_lines(result: Any) -> list[str]:
    """The figures that the last step handed over; none when it did not get that far."""
    if not isinstance(result, dict) or "perplexity" not in result:
        return []
    figures = sorted(result["perplexity"].items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name} {value:g}" for name, value in figures)
    return [f"perplexity on the validation text: {shown}", f"picture: {result['picture']}"]


def summary_lines(tasks: list[Task]) -> list[str]:
    done = sum(task["status"] == "completed" for task in tasks)
    heading = f"{done} of {len(tasks)} tasks completed"
    return [heading, *map(summary_line, tasks), *figure_lines(tasks[-1].get("result"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cli", required=True, help="the nightshift command")
    parser.add_argument("what", choices=["links", "summary"])
    parser.add_argument("ids", nargs="+")
    arguments = parser.parse_args()
    tasks = [show(arguments.cli, task_id) for task_id in arguments.ids]
    print("\n".join(link_lines(tasks, server_url()) if arguments.what == "links" else summary_lines(tasks)))


if __name__ == "__main__":
    main()
