"""Entry of the command line: picks the verb, tells errors in one line, sets the exit status. Does no verb's work."""

import importlib
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from agent_client.cli.errors import BROKEN_PIPE, INTERRUPTED, CliError, told
from agent_client.cli.verbs import find, overview, parser_for, sorted_words
from agent_client.profiles import ProfileError
from agent_client.user_api_errors import ApiError
from agent_client.version import VERSION


def run() -> NoReturn:
    """Never returns, so that whoever calls it cannot lose the exit status."""
    raise SystemExit(main(sys.argv[1:]))


def main(words: Sequence[str]) -> int:
    _tolerate_any_text()
    try:
        status = _dispatch(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_stdout()
        return BROKEN_PIPE
    except (CliError, ApiError, ProfileError, OSError) as error:
        message, status = told(error)
        print(f"nightshift: {message}", file=sys.stderr)
    return status


def _dispatch(words: Sequence[str]) -> int:
    first = words[0] if words else ""
    if first in ("-h", "--help", "help"):
        print(overview())
        return 0
    if first in ("-V", "--version"):
        print(f"nightshift {VERSION}")
        return 0
    name, rest = sorted_words(words)
    verb = find(name)
    arguments = parser_for(verb).parse_args(rest)
    status: int = importlib.import_module(f"agent_client.cli.{verb.module}").run(arguments)
    return status


def _tolerate_any_text() -> None:
    """A name that the terminal's encoding lacks must not end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _drop_stdout() -> None:
    """Python flushes stdout at exit; with the reader gone that would print a traceback."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
