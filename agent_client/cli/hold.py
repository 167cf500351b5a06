"""Hold tasks: one that is not on a host yet is not placed until it is released (nightshift release --task)."""

import argparse

from agent_client.cli import task_ids
from agent_client.cli.connection import connect
from agent_client.cli.each_task import change_each
from agent_client.cli.parsing import typed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="+", type=typed(task_ids.parsed), metavar="ID", help="task ids, or last")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; kept with the task")


def run(arguments: argparse.Namespace) -> int:
    api = connect(arguments)
    found = task_ids.resolved_all(api, arguments.ids)
    return change_each(found, lambda one: api.hold(one, arguments.reason), "held", as_json=arguments.json)
