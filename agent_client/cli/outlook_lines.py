"""When and where a task would start and what each host says, for a terminal. Asks nothing of the server."""

from collections.abc import Iterator
from datetime import UTC, datetime

from agent_client.cli import table, units
from agent_client.cli.output import screen_width
from agent_client.cli.terminal import one_line
from agent_client.user_api import Json

HEADERS = ("HOST", "ROOM", "SAYS")
RIGID_COLUMNS = (1,)


def shown(answer: Json) -> Iterator[str]:
    """The lines of an answer of `why` or of a dry run."""
    yield one_line(answer["sentence"])
    if answer["hosts"]:
        yield f"expected start: {_start(answer)}"
    if answer["ahead"]:
        yield f"before it in the queue: {answer['ahead']} task{'s' * (answer['ahead'] != 1)}"
    if answer["hosts"]:
        rows = [[one_line(row["host"]), _room(row), one_line(row["reason"])] for row in _ordered(answer["hosts"])]
        yield ""
        yield from table.lines(HEADERS, rows, screen_width(), rigid=RIGID_COLUMNS)


def _start(answer: Json) -> str:
    if not answer["starts_at"]:
        return "cannot be foreseen"
    basis = f" ({one_line(answer['basis'])})" if answer["basis"] else ""
    where = one_line(", ".join(answer["starts_on"]))
    moment = units.shown_moment(answer["starts_at"])
    seconds = (datetime.fromisoformat(answer["starts_at"]) - datetime.now(UTC)).total_seconds()
    wait = f", in {units.shown_seconds(int(seconds))}" if seconds >= 60 else ""
    return f"{moment}{wait}, on {where}{basis}"


def _room(row: Json) -> str:
    if row["fits"]:
        return "now"
    if row["is_final"]:
        return "never"
    if not row["after"]:
        return "unknown"
    seconds = row["free_in_seconds"]
    wait = "" if seconds is None else f"in {units.shown_seconds(int(seconds))}, "
    return f"{wait}when {one_line(row['after'])} ends"


def _ordered(rows: list[Json]) -> list[Json]:
    """Room now, then soonest, then those of which nobody knows, then those that never will."""
    return sorted(
        rows, key=lambda row: (row["is_final"], row["free_in_seconds"] is None, row["free_in_seconds"] or 0.0)
    )
