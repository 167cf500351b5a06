"""What operators do to a host: pause, resume, drain, stop its main agent, remove it, free what is kept there."""

import argparse

from agent_client.cli.connection import connect
from agent_client.cli.errors import UsageError
from agent_client.cli.output import print_json
from agent_client.cli.parsing import typed, whole_number
from agent_client.cli.terminal import one_line
from agent_client.user_api import Json, UserApi

DONE = {
    "pause": "gets no new work; what runs there goes on",
    "resume": "gets work again",
    "drain": "gets no new work and is paused when what runs there has ended",
    "stop": "is asked to end its main agent",
    "remove": "is removed",
    "end-quarantine": "is out of quarantine",
    "rotate-secret": "is to take a new secret",
    "release": "is free of what the task held",
}
SCRIPTS = {
    "leave": "stop: scripts run on (default)",
    "drain": "stop: no new work, and end when the last script has ended",
    "kill": "stop: cancel every task that runs there, and end",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("command", choices=list(DONE), help="what to do")
    parser.add_argument("name", metavar="NAME", help="name or id of the host, as `nightshift hosts` shows it")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; kept in the host's history")
    parser.add_argument(
        "--task", type=typed(whole_number), metavar="ID", help="release: the task that has ended and still holds a part"
    )
    how = parser.add_mutually_exclusive_group()
    for scripts, text in SCRIPTS.items():
        how.add_argument(f"--{scripts}", dest="scripts", action="store_const", const=scripts, help=text)


def run(arguments: argparse.Namespace) -> int:
    if arguments.scripts and arguments.command != "stop":
        raise UsageError(f"--{arguments.scripts} goes with `nightshift host stop`")
    if (arguments.task is not None) != (arguments.command == "release"):
        raise UsageError("--task goes with `nightshift host release`, which needs it")
    api = connect(arguments)
    agent = _find(api, arguments.name)
    body: Json = {"reason": arguments.reason}
    if arguments.task is not None:
        body["task"] = arguments.task
    if arguments.command == "stop":
        body["scripts"] = arguments.scripts or "leave"
    reply = api.host(agent["id"], arguments.command, body)
    if arguments.json:
        print_json(reply)
    else:
        print(one_line(f"{agent['name']} {DONE[arguments.command]}"))
    return 0


def _find(api: UserApi, name: str) -> Json:
    for agent in api.agents():
        if name in (agent["name"], agent["id"]):
            return agent
    raise UsageError(f"there is no host {name!r}; `nightshift hosts` lists them")
