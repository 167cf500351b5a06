"""Which server, which token: flags, then environment, then the profile file. Sends nothing."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from agent_client import pin, profiles
from agent_client.cli.errors import AWAY, CliError, UsageError
from agent_client.cli.server_url import normalised
from agent_client.user_api import UserApi

NO_SERVER = (
    "no server is known: start one with `make run`, sign in to one with `nightshift login URL`, or set NIGHTSHIFT_URL"
)


def connect(arguments: argparse.Namespace) -> UserApi:
    url, token = chosen(arguments.server, arguments.token_file, os.environ)
    return UserApi(url, token)


def chosen(server: str | None, token_file: str | None, environ: Mapping[str, str]) -> tuple[str, str]:
    """(URL, token). NIGHTSHIFT_TOKEN goes to no other server than NIGHTSHIFT_URL, if that is set."""
    stored: profiles.Profiles | None = None
    named = _url("--server", server) or _url("NIGHTSHIFT_URL", environ.get("NIGHTSHIFT_URL"))
    if not named:
        stored = profiles.load(profiles.config_path(environ))
        named = stored.current
    if not named:
        raise CliError(NO_SERVER, AWAY)
    token = _token_file(token_file) or _token_of_environment(named, environ)
    if not token:
        stored = stored or profiles.load(profiles.config_path(environ))
        named = _as_stored(named, stored)
        token = stored.tokens.get(named)
    if not token:
        raise CliError(
            f"no token is known for {named}: sign in with `nightshift login {named}` or set NIGHTSHIFT_TOKEN"
        )
    return named, token


def _as_stored(named: str, stored: profiles.Profiles) -> str:
    """With the pin that was given at the login."""
    return next((known for known in stored.tokens if pin.split(known)[0] == named), named)


def _url(source: str, text: str | None) -> str | None:
    if not text:
        return None
    try:
        return normalised(text)
    except ValueError as error:
        raise UsageError(f"{source}: {error}") from error


def _token_file(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"--token-file: cannot read {name}: {error}") from error
    return profiles.checked_token(text, name)


def _token_of_environment(url: str, environ: Mapping[str, str]) -> str | None:
    token = environ.get("NIGHTSHIFT_TOKEN")
    its_url = _url("NIGHTSHIFT_URL", environ.get("NIGHTSHIFT_URL"))
    if not token or its_url not in (None, url):
        return None
    return profiles.checked_token(token, "NIGHTSHIFT_TOKEN")
