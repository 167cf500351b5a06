"""Give reservations back, or withdraw them while they wait for room; what runs inside goes on. With --task, let held
tasks go.
"""

import argparse

from agent_client.cli.connection import connect
from agent_client.cli.each_task import change_each
from agent_client.cli.errors import told
from agent_client.cli.output import note, print_json
from agent_client.cli.parsing import typed
from agent_client.user_api import Json, UserApi
from agent_client.user_api_errors import Refused


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="+", type=typed(_ids), metavar="ID", help="ids of reservations, or of tasks")
    parser.add_argument("--task", action="store_true", help="the ids are those of held tasks")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; kept with it")


def run(arguments: argparse.Namespace) -> int:
    api = connect(arguments)
    ids = list(dict.fromkeys(one for group in arguments.ids for one in group))
    if arguments.task:
        return change_each(ids, lambda one: api.release_task(one, arguments.reason), "released", as_json=arguments.json)
    return _release(api, ids, arguments)


def _release(api: UserApi, ids: list[int], arguments: argparse.Namespace) -> int:
    released: list[Json] = []
    status = 0
    for reservation_id in ids:
        try:
            released.append(api.release(reservation_id, arguments.reason))
        except Refused as error:
            message, status = told(error)
            note(f"reservation {reservation_id}: {message}")
        else:
            if not arguments.json:
                print(f"{reservation_id} {released[-1]['state']}")
    if arguments.json:
        print_json(released)
    return status


def _ids(text: str) -> list[int]:
    found = []
    for part in text.split(","):
        word = part.strip()
        if not (word.isascii() and word.isdecimal() and int(word) > 0):
            raise ValueError(f"{word!r} is not an id; write a number")
        found.append(int(word))
    return found
