"""Wait until tasks have ended. Exits like the task; with several, like the first that did not complete."""

import argparse

from agent_client.cli import task_ids, units
from agent_client.cli.connection import connect
from agent_client.cli.output import print_json
from agent_client.cli.parsing import typed
from agent_client.cli.waiting import wait_for


def _timeout(text: str) -> int:
    return units.duration_seconds(text, bare="s")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="+", type=typed(task_ids.parsed), metavar="ID", help="task ids, or last")
    parser.add_argument(
        "--timeout",
        type=typed(_timeout),
        metavar="TIME",
        help="give up after this time, exit status 124 (bare: seconds)",
    )


def run(arguments: argparse.Namespace) -> int:
    api = connect(arguments)
    waited = wait_for(api, task_ids.resolved_all(api, arguments.ids), arguments.timeout)
    if arguments.json:
        print_json(waited.tasks)
    return waited.exit_status
