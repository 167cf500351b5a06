"""The flags of `submit` that say where a task may run, and the fields of the API that they become. Sends nothing.

Slurm's spellings are understood where they mean the same.
"""

import argparse
import re
from typing import Any

from agent_client.cli.parsing import typed, whole_number

Json = dict[str, Any]

_RESOURCE = re.compile(r"([a-z0-9][a-z0-9._-]*)=([0-9]+)")
# Field of the API -> attribute of the parsed flags.
_FIELDS = {
    "gpu_types": "gpu_type",
    "node_count": "nodes",
    "whole_host": "whole_host",
    "hosts": "host",
    "exclude_hosts": "exclude",
    "pool": "pool",
    "requires": "require",
    "prefers": "prefer",
    "zone": "zone",
    "reservation": "reservation",
    "wait_for_host": "wait_for_host",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where")
    names: dict[str, Any] = {"type": typed(words), "action": "extend", "metavar": "NAME[,NAME]"}
    group.add_argument("--host", "-w", "--nodelist", **names, help="only these hosts will do")
    group.add_argument("--exclude", "-x", **names, help="these hosts will not do")
    group.add_argument("--pool", "-p", "--partition", metavar="NAME", help="a host of this pool")
    group.add_argument("--require", "-C", "--constraint", metavar="EXPR", help="capabilities: 'a100 & !(old | slow)'")
    group.add_argument(
        "--prefer", action="append", metavar="EXPR", help="like --require, but only orders the hosts; may be repeated"
    )
    group.add_argument("--zone", help="where its data is, for the policy that goes by nearness")
    group.add_argument(
        "--nodes",
        "-N",
        type=typed(whole_number),
        metavar="N",
        help="so many hosts at once, each with what is asked for",
    )
    group.add_argument(
        "--whole-host", "--exclusive", action="store_true", help="nothing else runs on the host meanwhile"
    )
    group.add_argument("--reservation", type=typed(whole_number), metavar="ID", help="inside this reservation")
    group.add_argument("--wait-for-host", action="store_true", help="queue it although no known host could ever run it")


def add_resource_arguments(group: argparse._ArgumentGroup) -> None:
    """Those that stand with cores and memory."""
    group.add_argument(
        "--gpu-type", type=typed(words), action="extend", metavar="WORD[,WORD]", help="any of these: a100, 'rtx 4090'"
    )
    group.add_argument(
        "--resource",
        type=typed(resource),
        action="append",
        default=[],
        metavar="NAME=N",
        help="so many of a counted resource, such as matlab=1; may be repeated",
    )


def fields(arguments: argparse.Namespace) -> Json:
    """Only what the user said."""
    asked = {field: getattr(arguments, attribute) for field, attribute in _FIELDS.items()}
    found: Json = {field: value for field, value in asked.items() if value not in (None, False)}
    return found | ({"resources": dict(arguments.resource)} if arguments.resource else {})


def words(text: str) -> list[str]:
    found = [word for part in text.split(",") if (word := part.strip())]
    if not found:
        raise ValueError("a name is missing")
    return found


def resource(text: str) -> tuple[str, int]:
    match = _RESOURCE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a resource; write matlab=1")
    return match[1], int(match[2])
