"""Where the script of a task comes from: a file, standard input, a command. Changes no byte of a file's text."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from agent_client.cli.errors import CliError, UsageError

NAME_MAX = 200
WRAP_NAME_MAX = 60
STDIN = "-"


@dataclass(frozen=True)
class Script:
    text: str
    name: str


def from_command(command: str) -> Script:
    """A script that runs one command line, named after it."""
    if not command.strip():
        raise UsageError("--wrap: the command is empty")
    name = " ".join(command.split())
    return Script(f"#!/bin/bash\n{command}\n", name if len(name) <= WRAP_NAME_MAX else f"{name[: WRAP_NAME_MAX - 1]}…")


def from_file(name: str | None) -> Script:
    """`-` is standard input; so is no name, unless a person sits there and would wait for nothing."""
    if name is None and sys.stdin.isatty():
        raise UsageError("no script: name a file, pipe one in, or give --wrap COMMAND (try: nightshift submit --help)")
    if name in (None, STDIN):
        return Script(checked_text(sys.stdin.buffer.read(), "standard input"), "stdin")
    path = Path(str(name))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CliError(f"cannot read {name}: {error.strerror}") from error
    return Script(checked_text(data, str(name)), os.fsencode(path.name).decode("utf-8", "replace")[:NAME_MAX])


def checked_text(data: bytes, source: str) -> str:
    if not data.strip():
        raise CliError(f"{source} is empty: there is nothing to run")
    if b"\0" in data:
        raise CliError(f"{source} is not a script: it holds NUL bytes")
    if data.partition(b"\n")[0].endswith(b"\r"):
        raise CliError(
            f"{source} has Windows line ends, which bash cannot run; convert it with: sed -i 's/\\r$//' FILE"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CliError(f"{source} is not UTF-8 text: byte {error.start} is {data[error.start]:#04x}") from error


def ignored_directives(text: str) -> int:
    """How many `#SBATCH` lines stand before the first command: they have no effect here."""
    count = 0
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            break
        count += line.startswith("#SBATCH")
    return count
