"""Say why a task waits, when and where it is expected to start, and what each host says."""

import argparse

from agent_client.cli import outlook_lines, task_ids
from agent_client.cli.connection import connect
from agent_client.cli.output import print_json
from agent_client.cli.parsing import typed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=typed(task_ids.parsed_one), metavar="ID", help="task id, or last")


def run(arguments: argparse.Namespace) -> int:
    api = connect(arguments)
    task_id = task_ids.resolved(api, arguments.id)
    answer = api.why(task_id)
    if arguments.json:
        print_json(answer)
    elif answer["sentence"]:
        print("\n".join(outlook_lines.shown(answer)))
    else:
        print(f"#{task_id} does not wait: it is {api.task(task_id)['status']}.")
    return 0
