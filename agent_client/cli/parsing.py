"""Argument parsers whose errors are one line, and the flags that most verbs share. Runs no verb."""

import argparse
import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from agent_client.cli.errors import UsageError

Value = TypeVar("Value")


class VerbParser(argparse.ArgumentParser):
    """Abbreviated flags are refused: a flag added later would change what a short form means."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **{"allow_abbrev": False, **named})

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message.removeprefix('argument ')} (try: {self.prog} --help)")


def typed(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """`parse` as an argument type: its ValueError's text is shown instead of a general one."""

    def parse_argument(text: str) -> Value:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse_argument


def whole_number(text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def whole_numbers(text: str) -> list[int]:
    return [whole_number(part.strip()) for part in text.split(",")]


def factor(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not a number such as 1.5")
    return number


def add_connection_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("connection")
    group.add_argument("--server", metavar="URL", help="the server (else NIGHTSHIFT_URL, else the current profile)")
    group.add_argument("--token-file", metavar="FILE", help="file with the token (else NIGHTSHIFT_TOKEN, the profile)")


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
