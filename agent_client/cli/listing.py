"""List tasks, newest first."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime

from agent_client.cli import table, units
from agent_client.cli.connection import connect
from agent_client.cli.output import coloured, note, print_json, screen_width
from agent_client.cli.parsing import typed, whole_number
from agent_client.cli.terminal import one_line
from agent_client.user_api import Json, UserApi

DEFAULT_LIMIT = 30
PAGE_SIZE = 100
HEADERS = ("ID", "NAME", "STATUS", "PRIO", "HOST", "CREATED", "DURATION", "")
STATUS_COLUMN = 2
RIGID_COLUMNS = (0, 2, 3, 5, 6)  # a number or time that is cut says nothing
_FILTERS = ("status", "name", "template", "script", "created_after", "created_before")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-s", "--status", metavar="STATUS[,...]", help="blocked, waiting, running, completed, ...")
    parser.add_argument("-n", "--name", metavar="TEXT", help="part of the name")
    parser.add_argument("--template", metavar="NAME", help="template type")
    parser.add_argument("--script", metavar="TEXT", help="part of the script")
    parser.add_argument("--created-after", type=typed(units.moment), metavar="TIME")
    parser.add_argument("--created-before", type=typed(units.moment), metavar="TIME")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--limit", type=typed(whole_number), default=DEFAULT_LIMIT, metavar="N")
    amount.add_argument("-a", "--all", action="store_true", help=f"all tasks, not the newest {DEFAULT_LIMIT}")


def run(arguments: argparse.Namespace) -> int:
    api = connect(arguments)
    limit = None if arguments.all else arguments.limit
    tasks, count = fetch(api, _filters(arguments), limit)
    if arguments.json:
        print_json(tasks)
        return 0
    _print(tasks)
    if len(tasks) < count:
        note(f"{len(tasks)} of {count} tasks; -a shows all")
    return 0


def fetch(api: UserApi, filters: dict[str, str], limit: int | None) -> tuple[list[Json], int]:
    """(tasks, how many there are in all). A task that slid to the next page meanwhile is listed once."""
    found: dict[int, Json] = {}
    count = 0
    for page in _pages(api, filters, min(limit or PAGE_SIZE, PAGE_SIZE)):
        count = page["count"]
        found |= {task["id"]: task for task in page["results"]}
        if limit is not None and len(found) >= limit:
            break
    return list(found.values())[:limit], count


def _pages(api: UserApi, filters: dict[str, str], page_size: int) -> Iterator[Json]:
    number = 1
    while True:
        page = api.tasks(**filters, page=number, page_size=page_size)
        yield page
        if not page.get("next"):
            return
        number += 1


def _filters(arguments: argparse.Namespace) -> dict[str, str]:
    asked = {name: getattr(arguments, name) for name in _FILTERS}
    asked["template_type"] = asked.pop("template")
    return {name: value for name, value in asked.items() if value is not None}


def _print(tasks: list[Json]) -> None:
    if not tasks:
        note("no task")
        return
    now = datetime.now(UTC)
    rows = [_row(task, now) for task in tasks]

    def paint(row: int, column: int, text: str) -> str:
        return coloured(rows[row][column], text) if column == STATUS_COLUMN else text

    print("\n".join(table.lines(HEADERS, rows, screen_width(), paint, RIGID_COLUMNS)))


def _row(task: Json, now: datetime) -> list[str]:
    cells = [
        str(task["id"]),
        task["name"],
        task["status"],
        str(task["priority"]),
        _where(task),
        units.shown_moment(task.get("created_time")),
        duration(task, now),
        sentence(task),
    ]
    return [one_line(cell) for cell in cells]


def _where(task: Json) -> str:
    """The host; of a task over several the leader's and how many more."""
    name, count = task.get("agent_name") or "", task.get("node_count") or 1
    return f"{name} +{count - 1}" if name and count > 1 else name


def duration(task: Json, now: datetime) -> str:
    """How long it ran, or has been running."""
    if task["status"] == "running" and task.get("start_time"):
        started = datetime.fromisoformat(task["start_time"])
        return units.shown_seconds(max(0, int((now - started).total_seconds())))
    return units.shown_seconds(task.get("execution_time"))


def sentence(task: Json) -> str:
    """What it waits for, why it did not complete, or what is special about its run."""
    if task["status"] in ("blocked", "waiting"):
        return task.get("waiting_sentence") or ""
    if task["status"] in ("failed", "canceled"):
        return task.get("end_sentence") or ""
    return ", ".join(str(badge) for badge in task.get("badges") or [])
