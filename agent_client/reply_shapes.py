"""What a reply must hold before anyone relies on it: a server's mistake must not end a loop. Pure; knows no meanings.

Fields that are not named here are let through as they came.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Kind = type | tuple[type, ...] | Mapping[str, Any] | list[Any]
"""A type or types; a mapping of fields (`*`: every value) for an object; a list of one kind for a list of such."""

NUMBER = (int, float)
DIRECTIVE: Kind = {"kind": str, "sub_agent_id": str, "fence": int}
ASSIGNMENT: Kind = {"sub_agent_id": str, "fence": int, "task_id": int}
STREAM: Kind = {"stored": int, "state": str}

REGISTER: Kind = {"agent_id": str, "agent_secret": str, "name": str, "instance_id": str}
SESSION: Kind = {"epoch": int, "directives": [DIRECTIVE]}
HEARTBEAT: Kind = {
    "next_in_seconds": NUMBER,
    "assignments": [ASSIGNMENT],
    "directives": [DIRECTIVE],
    "inventory_wanted": bool,
}
SECRET: Kind = {"agent_secret": str}
WAIT: Kind = {"beat": bool}
CLAIM: Kind = {
    "sub_agent_id": str,
    "fence": int,
    "task_id": int,
    "attempt_no": int,
    "sub_agent_token": str,
    "script_content": str,
    "environment": {"*": str},
    "grace_seconds": NUMBER,
    "time_limit_seconds": (*NUMBER, type(None)),
    "gpus": [{"index": int, "uuid": str}],
}
GRANTED_AHEAD: Kind = {"nonce": str, "grant": CLAIM}
CLAIMS: Kind = {"replies": [{"status": int, "code": str}]}
STATE: Kind = {"state": str}
REPORT: Kind = {"next_in_seconds": NUMBER, "replies": [{"code": str, "logs": {"*": STREAM}}]}
RELAYED: Kind = {
    "next_in_seconds": NUMBER,
    "beat_in_seconds": NUMBER,
    "replies": [{"sub_agent_id": str, "code": str, "logs": {"*": STREAM}}],
}


def problem(value: Any, kind: Kind, name: str = "the reply") -> str:
    """A sentence about the first thing that is missing or of another kind, empty when all is well."""
    if isinstance(kind, list):
        if not isinstance(value, list):
            return f"{name} is not a list"
        return _first(problem(item, kind[0], f"{name}[{index}]") for index, item in enumerate(value))
    if isinstance(kind, Mapping):
        return _problem_of_object(value, kind, name)
    return "" if isinstance(value, kind) else f"{name} is of the wrong kind ({type(value).__name__})"


def _problem_of_object(value: Any, fields: Mapping[str, Kind], name: str) -> str:
    if not isinstance(value, dict):
        return f"{name} is not an object"
    if "*" in fields:
        return _first(problem(item, fields["*"], f"{name}.{key}") for key, item in value.items())
    missing = next((field for field in fields if field not in value), None)
    if missing is not None:
        return f"{name} has no {missing}"
    return _first(problem(value[field], kind, field) for field, kind in fields.items())


def _first(problems: Iterable[str]) -> str:
    return next((text for text in problems if text), "")
