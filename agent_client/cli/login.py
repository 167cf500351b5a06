"""Store the token of a server and make that server the current one. The token comes from standard input or a prompt."""

import argparse
import getpass
import sys

from agent_client import profiles
from agent_client.cli.errors import CliError
from agent_client.cli.output import note, print_json
from agent_client.cli.parsing import typed
from agent_client.cli.server_url import is_loopback, normalised
from agent_client.user_api import Refused, UserApi


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", type=typed(normalised), metavar="URL", help="address of the server")


def run(arguments: argparse.Namespace) -> int:
    url = arguments.url
    if url.startswith("http://") and not is_loopback(url):
        note(f"the token goes to {url} unencrypted; use https:// where the server offers it")
    token = profiles.checked_token(_given_token(url), "what was given")
    _check(UserApi(url, token))
    path = profiles.config_path()
    profiles.add(path, url, token, lambda known: True)
    if arguments.json:
        print_json({"url": url, "is_current": True})
    else:
        print(f"signed in to {url}; the token is in {path}")
    return 0


def _given_token(url: str) -> str:
    """Never a word of the command line: those are seen by every user of the machine."""
    if sys.stdin.isatty():
        return getpass.getpass(f"Token for {url}: ")
    return sys.stdin.readline()


def _check(api: UserApi) -> None:
    try:
        api.tasks(page_size=1)
    except Refused as error:
        if error.status in (401, 403):
            raise CliError(f"{api.url} refused the token ({error.detail}); nothing was stored") from error
        raise
