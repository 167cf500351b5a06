"""What a script wrote to $TASK_RESULT: may it be stored? Pure. A result never keeps its task from ending: one that no
database takes is left out, with a sentence."""

import json
from typing import Any

LARGEST_BYTES = 64 * 1024
DEEPEST = 100  # databases and JSON encoders give up at depths of their own, some hundreds and more


def storable(result: Any) -> tuple[Any, str]:
    """The result and an empty sentence, or None and the sentence that says why it was not kept."""
    problem = _problem(result)
    return (None, f"The result was not kept: {problem}.") if problem else (result, "")


def _problem(result: Any) -> str:
    if _is_deeper(result, DEEPEST):
        return f"it is nested more than {DEEPEST} deep"
    if len(json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode()) > LARGEST_BYTES:
        return "it is larger than 64 KiB"
    return "it contains NUL characters" if _has_nul(result) else ""


def _is_deeper(value: Any, left: int) -> bool:
    return left < 0 or any(_is_deeper(part, left - 1) for part in _parts(value))


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    return any(_has_nul(part) for part in _parts(value))


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []
