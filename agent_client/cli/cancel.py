"""Cancel tasks. A waiting task never starts; a running one gets TERM, time to end, then KILL."""

import argparse

from agent_client.cli import task_ids
from agent_client.cli.connection import connect
from agent_client.cli.errors import told
from agent_client.cli.output import note, print_json
from agent_client.cli.parsing import typed
from agent_client.user_api import Json, UserApi
from agent_client.user_api_errors import Refused


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="+", type=typed(task_ids.parsed), metavar="ID", help="task ids, or last")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; kept with the task")
    parser.add_argument("--now", action="store_true", help="kill at once, without time to end")
    parser.add_argument(
        "--force", action="store_true", help="do not wait for a host that is not heard; what is left there is kept"
    )


def run(arguments: argparse.Namespace) -> int:
    api = connect(arguments)
    canceled: list[Json] = []
    status = 0
    for task_id in task_ids.resolved_all(api, arguments.ids):
        try:
            canceled.append(_cancel(api, task_id, arguments))
        except Refused as error:
            message, status = told(error)
            note(f"task {task_id}: {message}")
    if arguments.json:
        print_json(canceled)
    return status


def _cancel(api: UserApi, task_id: int, arguments: argparse.Namespace) -> Json:
    task = api.cancel(task_id, arguments.reason, arguments.now, arguments.force)
    if not arguments.json:
        is_over = task.get("status") == "canceled"
        print(f"{task_id} canceled" if is_over else f"{task_id} is being canceled")
    return task
