"""List reservations, newest first: those that wait or hold something, or all."""

import argparse

from agent_client.cli import table, units
from agent_client.cli.connection import connect
from agent_client.cli.output import coloured, note, print_json, screen_width
from agent_client.cli.terminal import one_line
from agent_client.user_api import Json

OPEN = "pending,active"
HEADERS = ("ID", "NAME", "STATE", "OWNER", "HOST", "GPUS", "UNTIL", "TASKS", "")
STATE_COLUMN = 2
RIGID_COLUMNS = (0, 2, 5, 6, 7)
_LOOKS = {"pending": "waiting", "active": "running", "timed_out": "failed"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("-s", "--state", default=OPEN, metavar="STATE[,...]", help=f"default: {OPEN}")
    which.add_argument("-a", "--all", action="store_true", help="also those that have ended")
    parser.add_argument("--host", metavar="NAME", help="on this host")
    parser.add_argument("--mine", action="store_true", help="only your own")


def run(arguments: argparse.Namespace) -> int:
    filters = {} if arguments.all else {"state": arguments.state}
    if arguments.host:
        filters["host"] = arguments.host
    if arguments.mine:
        filters["mine"] = "true"
    found = connect(arguments).reservations(**filters)
    if arguments.json:
        print_json(found)
    elif not found:
        note("no reservation")
    else:
        _print(found)
    return 0


def _print(found: list[Json]) -> None:
    rows = [_row(reservation) for reservation in found]

    def paint(row: int, column: int, text: str) -> str:
        state = found[row]["state"]
        return coloured(_LOOKS.get(state, "canceled"), text) if column == STATE_COLUMN else text

    print("\n".join(table.lines(HEADERS, rows, screen_width(), paint, RIGID_COLUMNS)))


def _row(reservation: Json) -> list[str]:
    cells = [
        str(reservation["id"]),
        reservation.get("name") or "",
        reservation["state"].replace("_", " "),
        reservation.get("submitted_by") or "",
        reservation.get("agent_name") or ",".join(reservation.get("hosts") or []),
        ",".join(str(card["index"]) for card in reservation.get("gpus") or []),
        units.shown_moment(reservation.get("until")),
        str(reservation.get("open_tasks") or ""),
        reservation.get("sentence") or "",
    ]
    return [one_line(cell) for cell in cells]
