"""Reads JSON bodies without guessing: what a number or key means twice, or not at all, is refused. Checks no field."""

import codecs
import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, get_encoding  # type: ignore[attr-defined]


class StrictJSONParser(JSONParser):
    """Refuses NaN, infinities (also `1e999`), a key given twice, and nesting that exhausts the reader."""

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        reader = codecs.getreader(get_encoding(parser_context or {}))
        try:
            return json.loads(
                reader(stream).read(),
                parse_constant=_no_number,
                parse_float=_finite,
                object_pairs_hook=_without_doubles,
            )
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}") from error


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a number in JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large.")
    return number


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:80]!r} is given twice.")
        found[key] = value
    return found
