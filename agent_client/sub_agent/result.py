"""Reads what a script left in $TASK_RESULT. Never follows it anywhere: a script may leave a link or a pipe there."""

import json
import math
import os
import stat
from pathlib import Path
from typing import Any, NoReturn

LIMIT_BYTES = 64 * 1024
DEEPEST = 100  # encoders and databases give up at depths of their own; a result must not end there


class _Unusable(Exception):
    pass


def read_result(path: Path) -> tuple[Any, str]:
    """The result and an empty sentence, or None and the sentence that says why there is none. No file: None, ''."""
    try:
        return _decoded(_content(path)), ""
    except FileNotFoundError:
        return None, ""
    except _Unusable as error:
        return None, f"The result was not taken: {error}."
    except UnicodeDecodeError:
        return None, "The result was not taken: it is not UTF-8."
    except (ValueError, RecursionError):
        return None, "The result was not taken: it is not JSON."
    except OSError as error:
        return None, f"The result was not taken: {error.strerror}."


def _content(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _Unusable("$TASK_RESULT is not an ordinary file")
        content = os.read(descriptor, LIMIT_BYTES + 1)
    finally:
        os.close(descriptor)
    if not content.strip():
        raise _Unusable("$TASK_RESULT is empty")
    if len(content) > LIMIT_BYTES:
        raise _Unusable(f"it is larger than {LIMIT_BYTES // 1024} KiB")
    text = content.decode()
    _refuse_lone_surrogates(text)
    return text


def _decoded(text: str) -> Any:
    result = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    if _is_deeper(result, DEEPEST):
        raise _Unusable(f"it is nested more than {DEEPEST} deep")
    return result


def _finite(text: str) -> float:
    """`1e999` is JSON, but infinity is not: it could be neither recorded nor sent."""
    value = float(text)
    if math.isinf(value):
        raise _Unusable(f"{text[:20]} is larger than any number can be")
    return value


def _is_deeper(value: Any, left: int) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return parts is not None and (left == 0 or any(_is_deeper(part, left - 1) for part in parts))


def _refuse_lone_surrogates(text: str) -> None:
    if "\\u" in text:
        try:
            json.dumps(json.loads(text), ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise _Unusable("it holds half a character (a lone surrogate)") from error


def _refuse_constant(name: str) -> NoReturn:
    raise _Unusable(f"{name} is not JSON; write null instead")
