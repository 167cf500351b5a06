"""Check the values of a task's fields, whoever sends them: REST, page, command line. Pure: asks no database,
stores nothing.

Each check returns the value as the column takes it or raises `Wrong` with a sentence for people.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from scheduler_site.shared.errors import DomainError
from tasks.scheduling import capabilities
from tasks.shortage import LARGEST_FACTOR, SMALLEST_FACTOR
from tasks.states import FailureClass, OnHostLoss

LARGEST_SCRIPT_BYTES = 1 << 20
LARGEST_VARIABLE_BYTES = 128 * 1024 - 1
LARGEST_ENVIRONMENT_BYTES = 256 * 1024
MOST_VARIABLES = 1000
LARGEST_METADATA_BYTES = 64 * 1024
LARGEST_MIB = 2**31 - 1
LONGEST_SECONDS = 10 * 366 * 24 * 3600
LARGEST_ID = 2**63 - 1
FIRST_YEAR, LAST_YEAR = 1970, 9998  # far enough from the ends of the calendar to reckon with zones and run times
MOST_HOSTS = 64
MOST_WORDS = 20
MOST_NAMES = 1000
RETRY_WISHES = ("retry_on", "retry_exit_codes", "oom_memory_factor", "oom_exclusive")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_COUNTED = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}\Z")
_WORD = re.compile(r"[A-Za-z0-9]")


class Wrong(ValueError):
    """A value that cannot be taken; the message is for people."""


class InvalidTask(DomainError):
    """`fields` maps each wrong field to its sentences."""

    code = "invalid"
    status = 400

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(sentences)}" for name, sentences in fields.items()))
        self.fields = fields


def clean(fields: dict[str, Any]) -> dict[str, Any]:
    """Every given field checked; InvalidTask names all wrong ones at once. Does not ask for missing ones."""
    cleaned, errors = {}, {}
    for name, value in fields.items():
        check = CHECKS.get(name)
        if check is None:
            errors[name] = ["is not a field of a task"]
            continue
        try:
            cleaned[name] = check(value)
        except Wrong as error:
            errors[name] = [str(error)]
    if errors:
        raise InvalidTask(errors)
    return cleaned


def line(longest: int, *, required: bool = False) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        cleaned = text(value).strip()
        if required and not cleaned:
            raise Wrong("must not be empty")
        if len(cleaned) > longest:
            raise Wrong(f"must have at most {longest} characters")
        if any(ord(character) < 32 for character in cleaned):
            raise Wrong("must be one line without control characters")
        return cleaned

    return check


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("must be text")
    if "\0" in value:
        raise Wrong("must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Wrong("must be valid Unicode") from None
    return value


def script(value: Any) -> str:
    cleaned = text(value)
    if not cleaned.strip():
        raise Wrong("must not be empty")
    if len(cleaned.encode()) > LARGEST_SCRIPT_BYTES:
        raise Wrong("must be at most 1 MiB")
    return cleaned


def whole(low: int, high: int, *, optional: bool = False) -> Callable[[Any], int | None]:
    def check(value: Any) -> int | None:
        if value is None and optional:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong(f"must be a whole number between {low} and {high}")
        if not low <= value <= high:
            raise Wrong(f"must be between {low} and {high}")
        return value

    return check


def cores(value: Any) -> Decimal:
    """At most two decimal places."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise Wrong("must be a number between 0 and 4096")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise Wrong("must be a number between 0 and 4096") from None
    if not number.is_finite() or not 0 <= number <= 4096:
        raise Wrong("must be between 0 and 4096")
    if number != number.quantize(Decimal("0.01")):
        raise Wrong("must have at most two decimal places")
    return number


def switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("must be true or false")
    return value


def one_of(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in words:
            raise Wrong(f"must be {' or '.join(words)}")
        return str(value)

    return check


def moment(value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    found = value if isinstance(value, datetime) else _parsed(value)
    if found is None:
        raise Wrong("must be a date and time such as 2026-11-21T18:00:00Z")
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise Wrong(f"must be between {FIRST_YEAR} and {LAST_YEAR}")
    return timezone.make_aware(found) if timezone.is_naive(found) else found


def _parsed(value: Any) -> datetime | None:
    try:
        return parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None


def folder(value: Any) -> str:
    cleaned = text(value).strip()
    if cleaned and not cleaned.startswith(("/", "~")):
        raise Wrong("must be an absolute path, or empty for the home folder")
    if len(cleaned.encode()) > 4095 or "\n" in cleaned:
        raise Wrong("must be one line of at most 4095 bytes")
    return cleaned


def environment(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Wrong("must be an object of names and texts")
    if len(value) > MOST_VARIABLES:
        raise Wrong(f"must have at most {MOST_VARIABLES} variables")
    total = 0
    for name, content in value.items():
        total += _variable(name, content)
    if total > LARGEST_ENVIRONMENT_BYTES:
        raise Wrong("must be at most 256 KiB in all")
    return dict(value)


def _variable(name: Any, content: Any) -> int:
    if not isinstance(name, str) or not _VARIABLE.match(name):
        raise Wrong(f"{name!r} is no name of a variable: letters, digits and _ only, no digit first")
    try:
        size = len(name) + len(text(content).encode()) + 1
    except Wrong as error:
        raise Wrong(f"{name} {error}") from None
    if size > LARGEST_VARIABLE_BYTES:
        raise Wrong(f"{name} is longer than the 128 KiB that the kernel takes")
    return size


def metadata(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Wrong("must be an object")
    try:
        encoded = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise Wrong("must be plain JSON without NaN") from None
    if "\\u0000" in encoded:
        raise Wrong("must not contain NUL characters")
    if len(encoded) > LARGEST_METADATA_BYTES:
        raise Wrong("must be at most 64 KiB")
    return value


def several(check: Callable[[Any], Any], most: int) -> Callable[[Any], list[Any]]:
    """A list of what `check` takes; what is said twice counts once."""

    def check_all(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise Wrong("must be a list")
        if len(value) > most:
            raise Wrong(f"must have at most {most} entries")
        return list(dict.fromkeys(check(one) for one in value))

    return check_all


def gpu_type(value: Any) -> str:
    word = line(80)(value)
    if not _WORD.search(word):
        raise Wrong("each must be a word of a card's name, such as a100")
    return word


def counted(value: Any) -> dict[str, int]:
    """Counted resources: how many of each name."""
    if not isinstance(value, dict):
        raise Wrong("must be an object of names and numbers")
    if len(value) > MOST_WORDS:
        raise Wrong(f"must have at most {MOST_WORDS} entries")
    for name, amount in value.items():
        if not isinstance(name, str) or not _COUNTED.match(name):
            raise Wrong(f"{name!r} is no name: lower-case letters, digits, dot, dash and underscore only")
        try:
            whole(1, LARGEST_MIB)(amount)
        except Wrong as error:
            raise Wrong(f"{name} {error}") from None
    return dict(value)


def expression(value: Any) -> str:
    """Capabilities, such as `a100 & !(old | slow)`."""
    cleaned = text(value)
    try:
        return capabilities.check(cleaned)
    except capabilities.BadExpression as error:
        raise Wrong(str(error)) from None


def wish(value: Any) -> str:
    cleaned = expression(value)
    if not cleaned:
        raise Wrong("must not have an empty entry")
    return cleaned


def failure_class(value: Any) -> str:
    if value not in FailureClass.values:
        raise Wrong(f"each must be one of {', '.join(FailureClass.values)}")
    return str(value)


def factor(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Wrong(f"must be a number between {SMALLEST_FACTOR} and {LARGEST_FACTOR}")
    if not SMALLEST_FACTOR <= value <= LARGEST_FACTOR:
        raise Wrong(f"must be between {SMALLEST_FACTOR} and {LARGEST_FACTOR}")
    return float(value)


CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": line(200, required=True),
    "description": text,
    "template_type": line(120),
    "script_content": script,
    "environment": environment,
    "working_directory": folder,
    "split_output": switch,
    "metadata": metadata,
    "priority": whole(1, 5),
    "cpu_cores": cores,
    "memory_mib": whole(1, LARGEST_MIB, optional=True),
    "gpu_count": whole(0, 64),
    "gpu_memory": whole(1, LARGEST_MIB, optional=True),
    "gpu_share": switch,
    "gpu_types": several(gpu_type, MOST_WORDS),
    "disk_mib": whole(1, LARGEST_MIB, optional=True),
    "resources": counted,
    "node_count": whole(1, MOST_HOSTS),
    "whole_host": switch,
    "hosts": several(line(120, required=True), MOST_NAMES),
    "exclude_hosts": several(line(120, required=True), MOST_NAMES),
    "pool": line(80),
    "requires": expression,
    "prefers": several(wish, MOST_WORDS),
    "zone": line(120),
    "reservation": whole(1, LARGEST_ID, optional=True),
    "wait_for_host": switch,
    "on_host_loss": one_of(*OnHostLoss.values),
    "estimated_seconds": whole(1, LONGEST_SECONDS, optional=True),
    "time_limit_seconds": whole(1, LONGEST_SECONDS, optional=True),
    "grace_seconds": whole(0, 300),
    "retries": whole(0, 100),
    "retry_on": several(failure_class, len(FailureClass)),
    "retry_exit_codes": several(whole(1, 255), 255),
    "oom_memory_factor": factor,
    "oom_exclusive": switch,
    "deadline_at": moment,
}


def check_together(values: dict[str, Any]) -> None:
    """Rules over several fields, on the values that the task will have."""
    wrong = {**_wrong_about_cards(values), **_wrong_about_hosts(values), **_wrong_about_retries(values)}
    if wrong:
        raise InvalidTask({name: [sentence] for name, sentence in wrong.items()})


def _wrong_about_cards(values: dict[str, Any]) -> dict[str, str]:
    wrong = {}
    if not values.get("gpu_count"):
        asked = [name for name in ("gpu_memory", "gpu_share", "gpu_types") if values.get(name)]
        wrong = dict.fromkeys(asked, "needs at least one GPU (gpu_count)")
    elif values.get("gpu_share") and not values.get("gpu_memory"):
        wrong = {"gpu_memory": "must say how much of a card is booked when gpu_share is set"}
    return wrong


def _wrong_about_retries(values: dict[str, Any]) -> dict[str, str]:
    if values.get("retry_exit_codes") and FailureClass.SCRIPT not in (values.get("retry_on") or FailureClass):
        return {"retry_exit_codes": "counts only for scripts that fail by themselves: retry_on must name script"}
    after_oom = [name for name in ("oom_memory_factor", "oom_exclusive") if values.get(name)]
    if after_oom and FailureClass.OOM not in (values.get("retry_on") or FailureClass):
        return {after_oom[0]: "counts only when memory ran out: retry_on must name oom"}
    if values.get("oom_exclusive") and not values.get("gpu_share"):
        return {"oom_exclusive": "is for tasks that share a GPU (gpu_share)"}
    asked = [name for name in RETRY_WISHES if values.get(name)]
    if asked and not values.get("retries"):
        return {"retries": f"must be at least 1, because {asked[0]} says what for"}
    return {}


def _wrong_about_hosts(values: dict[str, Any]) -> dict[str, str]:
    named, count = values.get("hosts") or [], values.get("node_count") or 1
    both = sorted(set(named) & set(values.get("exclude_hosts") or []))
    wrong = {}
    if both:
        wrong["exclude_hosts"] = f"names {', '.join(both)}, to which the task is also bound (hosts)"
    if named and len(named) < count:
        wrong["hosts"] = f"must name at least as many hosts as node_count asks for: {count}"
    if values.get("reservation_id") is not None:
        if count > 1:
            wrong["node_count"] = "must be 1 inside a reservation, which is on one host"
        asked = [name for name in ("hosts", "exclude_hosts") if values.get(name)]
        wrong |= dict.fromkeys(asked, "must be left out inside a reservation, which has its host")
    return wrong
