"""Store the token of a server and make that server the current one. The token comes from standard input or a prompt."""

import argparse
import getpass
import sys

from agent_client import pin, profiles
from agent_client.cli.errors import CliError, UsageError
from agent_client.cli.output import note, print_json
from agent_client.cli.parsing import typed
from agent_client.cli.server_url import is_loopback, normalised
from agent_client.user_api import UserApi
from agent_client.user_api_errors import Refused


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", type=typed(normalised), metavar="URL", help="address of the server")
    parser.add_argument(
        "--pin", default="", metavar="SHA256", help="its certificate, where no authority vouches for it"
    )


def run(arguments: argparse.Namespace) -> int:
    url = pinned(arguments.url, arguments.pin)
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


def pinned(url: str, text: str) -> str:
    try:
        return pin.joined(url, text)
    except ValueError as error:
        raise UsageError(f"--pin: {error}") from error


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
