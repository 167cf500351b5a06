"""Check what somebody asks to be reserved. Pure: asks no database, stores nothing; the moment is given.

The fields that a task has too are checked as a task's are.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tasks import task_fields
from tasks.task_fields import InvalidTask, Wrong, line, moment, several, whole

LONGEST_SECONDS = 366 * 24 * 3600
WAITS_SECONDS = 24 * 3600
LIKE_A_TASK = (
    "priority",
    "cpu_cores",
    "memory_mib",
    "disk_mib",
    "gpu_count",
    "gpu_memory",
    "gpu_share",
    "gpu_types",
    "resources",
    "whole_host",
    "hosts",
    "exclude_hosts",
    "pool",
    "requires",
)
CHECKS: dict[str, Callable[[Any], Any]] = {
    **{name: task_fields.CHECKS[name] for name in LIKE_A_TASK},
    "name": line(200),
    "gpu_indices": several(whole(0, 255), 64),
    "until": moment,
    "duration_seconds": whole(1, LONGEST_SECONDS, optional=True),
    "wait_until": moment,
    "wait_seconds": whole(1, LONGEST_SECONDS, optional=True),
}
_AMOUNTS = ("cpu_cores", "memory_mib", "disk_mib", "gpu_count", "gpu_indices", "resources", "whole_host")


class InvalidReservation(InvalidTask):
    """`fields` maps each wrong field to its sentences."""


def clean(fields: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The columns of a new reservation; InvalidReservation names every wrong field."""
    values, errors = _each(fields)
    if not errors:
        errors = {**_cards(values), **_together(values), **_times(values, now)}
    if errors:
        raise InvalidReservation(errors)
    return _columns(values, now)


def check_until(until: datetime | None, now: datetime) -> None:
    """A new end, and nothing else."""
    error = _wrong_end(until, now) if until is not None else "must be given"
    if error:
        raise InvalidReservation({"until": [error]})


def _each(fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    values, errors = {}, {}
    for name, value in fields.items():
        if name not in CHECKS:
            errors[name] = ["is not a field of a reservation"]
            continue
        try:
            values[name] = CHECKS[name](value)
        except Wrong as error:
            errors[name] = [str(error)]
    return values, errors


def _cards(values: dict[str, Any]) -> dict[str, list[str]]:
    """Cards by number stand for their count."""
    indices = values.get("gpu_indices")
    if not indices:
        return {}
    if len(values.get("hosts") or ()) != 1:
        return {"gpu_indices": ["needs exactly one host in hosts"]}
    if values.get("gpu_count") not in (None, 0, len(indices)):
        return {"gpu_count": [f"must be left out, or be the number of gpu_indices: {len(indices)}"]}
    values["gpu_count"] = len(indices)
    return {}


def _together(values: dict[str, Any]) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    try:
        task_fields.check_together(values)
    except InvalidTask as wrong:
        errors |= wrong.fields
    _fill_cores(values)
    if not any(values.get(name) for name in _AMOUNTS):
        errors["cpu_cores"] = ["ask for something: cpu_cores, memory_mib, gpu_count, disk_mib, resources or whole_host"]
    return errors


def _fill_cores(values: dict[str, Any]) -> None:
    """Who reserves cards wants to run something on them, and a script that says nothing takes one core."""
    if values.get("gpu_count"):
        values.setdefault("cpu_cores", Decimal(values["gpu_count"]))


def _times(values: dict[str, Any], now: datetime) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    until, wait_until = values.get("until"), values.get("wait_until")
    if until is not None and values.get("duration_seconds") is not None:
        errors["duration_seconds"] = ["give an end or a duration, not both (until)"]
    if until is None and values.get("duration_seconds") is None:
        errors["until"] = ["give an end, or a duration (duration_seconds)"]
    elif until is not None and (error := _wrong_end(until, now)):
        errors["until"] = [error]
    if wait_until is not None and values.get("wait_seconds") is not None:
        errors["wait_seconds"] = ["must be left out when wait_until is given"]
    elif wait_until is not None and (error := _wrong_wait(wait_until, until, now)):
        errors["wait_until"] = [error]
    return errors


def _wrong_end(until: datetime, now: datetime) -> str:
    if until <= now:
        return "must be still to come"
    return "must be within a year" if until > now + timedelta(seconds=LONGEST_SECONDS) else ""


def _wrong_wait(wait_until: datetime, until: datetime | None, now: datetime) -> str:
    if until is not None and wait_until > until:
        return "must not be later than until"
    return _wrong_end(wait_until, now)


def _columns(values: dict[str, Any], now: datetime) -> dict[str, Any]:
    """`wait_until` is a day from now if nothing is said, and never later than the end."""
    columns = dict(values)
    waits = columns.pop("wait_seconds", None) or WAITS_SECONDS
    latest = columns.get("wait_until") or now + timedelta(seconds=waits)
    end = columns.get("until")
    return {**columns, "wait_until": latest if end is None else min(latest, end)}
