"""Capability expressions: `a100 & !(old | slow)`. Pure: parses, says what is wrong, evaluates against labels.

Knows no host: which labels one has is agents.labels' business. Words `and`, `or`, `not` do as well as signs.
"""

import re
from functools import lru_cache
from typing import Any

import boolean

_ALGEBRA = boolean.BooleanAlgebra(allowed_in_token=(".", "_", "-"))
_TOKENS = re.compile(r"[A-Za-z0-9._-]+|[&|!()~*+]|\s+")
LONGEST = 500


class BadExpression(ValueError):
    """Says what is wrong and where, for people."""


def check(text: str) -> str:
    """The expression as given, trimmed; BadExpression when it is none."""
    text = text.strip()
    if text:
        _parsed(text)
    return text


def holds(text: str, labels: frozenset[str]) -> bool:
    """Whether a host with these labels has what the expression asks for. The empty one always holds."""
    return not text or _value(_parsed(text), labels)


def lacking(text: str, labels: frozenset[str]) -> int:
    """How many of the conditions a host with these labels would have to meet besides."""
    return _lacking(_parsed(text), labels) if text else 0


def names(text: str) -> frozenset[str]:
    """The labels that the expression speaks of."""
    return frozenset(str(symbol.obj) for symbol in _parsed(text).symbols) if text else frozenset()


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Any:
    if len(text) > LONGEST:
        raise BadExpression(f"must have at most {LONGEST} characters")
    rest = _TOKENS.sub("", text)
    if rest:
        raise BadExpression(f"{rest[0]!r} has no meaning here; use labels with &, |, ! and brackets")
    try:
        return _ALGEBRA.parse(text.lower())
    except boolean.ParseError as error:
        raise BadExpression(_sentence(text, error)) from None
    except (TypeError, IndexError, AttributeError, AssertionError, RecursionError):  # the library asserts what it got
        raise BadExpression(f"“{text}” is not complete; for example: a100 & !(old | slow)") from None


def _sentence(text: str, error: boolean.ParseError) -> str:
    where = f" near “{error.token_string}” at character {error.position + 1}" if error.token_string else ""
    return f"“{text}” cannot be read{where}; for example: a100 & !(old | slow)"


def _value(node: Any, labels: frozenset[str]) -> bool:
    if isinstance(node, boolean.Symbol):
        return str(node.obj) in labels
    if isinstance(node, boolean.NOT):
        return not _value(node.args[0], labels)
    if isinstance(node, boolean.AND):
        return all(_value(arg, labels) for arg in node.args)
    if isinstance(node, boolean.OR):
        return any(_value(arg, labels) for arg in node.args)
    return node is _ALGEBRA.TRUE


def _lacking(node: Any, labels: frozenset[str]) -> int:
    if isinstance(node, boolean.AND):
        return sum(_lacking(arg, labels) for arg in node.args)
    if isinstance(node, boolean.OR):
        return min(_lacking(arg, labels) for arg in node.args)
    return int(not _value(node, labels))
