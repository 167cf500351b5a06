"""Store a profile without asking: used by a server that starts. The token is read from standard input."""

import argparse
import sys

from agent_client import profiles
from agent_client.cli.output import print_json
from agent_client.cli.parsing import typed
from agent_client.cli.server_url import normalised
from agent_client.user_api import UserApi
from agent_client.user_api_errors import Refused, ServerFault, Unreachable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", type=typed(normalised), metavar="URL")
    parser.add_argument(
        "--make-current",
        choices=("auto", "always"),
        default="auto",
        help="auto: only if there is no current server or it does not answer",
    )


def run(arguments: argparse.Namespace) -> int:
    token = profiles.checked_token(sys.stdin.readline(), "standard input")

    def make_current(known: profiles.Profiles) -> bool:
        return arguments.make_current == "always" or not current_answers(known)

    stored = profiles.add(profiles.config_path(), arguments.url, token, make_current)
    if arguments.json:
        print_json({"url": arguments.url, "is_current": stored.current == arguments.url})
    return 0


def current_answers(known: profiles.Profiles) -> bool:
    """A server that refuses the token is alive all the same: it is somebody's choice and stays."""
    if not known.current:
        return False
    api = UserApi(known.current, known.tokens.get(known.current, "none"), retry_pauses=())
    try:
        api.tasks(page_size=1)
    except Unreachable:
        return False
    except (Refused, ServerFault):
        return True
    return True
