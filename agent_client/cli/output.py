"""What verbs print: JSON, lines, notes, colours by status. Decides nothing about tasks."""

import json
import os
import shutil
import sys
from typing import Any

from agent_client.cli.terminal import RESET, one_line

_COLOURS = {
    "blocked": "\x1b[90m",
    "waiting": "\x1b[33m",
    "running": "\x1b[34m",
    "completed": "\x1b[32m",
    "failed": "\x1b[31m",
    "canceled": "\x1b[90m",
    "online": "\x1b[32m",
    "offline": "\x1b[90m",
}


def print_json(value: Any) -> None:
    """ASCII only, so that no control character of a script or name reaches the terminal."""
    print(json.dumps(value, indent=2 if sys.stdout.isatty() else None))


def note(message: str) -> None:
    print(f"nightshift: {one_line(message)}", file=sys.stderr)


def wants_colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(word: str, text: str | None = None) -> str:
    """`text` (else the word) in the colour of a status word, where colours are wanted."""
    text = word if text is None else text
    colour = _COLOURS.get(word)
    return f"{colour}{text}{RESET}" if colour and wants_colours() else text


def screen_width() -> int | None:
    """None when nobody looks: then nothing is shortened."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
