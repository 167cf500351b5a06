"""Reserve part of a host until a moment. Prints the id of the new reservation, alone."""

import argparse
from typing import Any

from agent_client.cli import units, until
from agent_client.cli.connection import connect
from agent_client.cli.output import note, print_json
from agent_client.cli.parsing import typed, whole_number
from agent_client.cli.placement_flags import resource, words
from agent_client.user_api import Json

# Field of the API -> attribute of the parsed flags.
_PLAIN = {
    "name": "name",
    "priority": "priority",
    "cpu_cores": "cpus",
    "memory_mib": "mem",
    "disk_mib": "disk",
    "gpu_count": "gpus",
    "gpu_memory": "gpu_mem",
    "gpu_share": "gpu_share",
    "gpu_types": "gpu_type",
    "gpu_indices": "gpu",
    "whole_host": "whole_host",
    "hosts": "host",
    "exclude_hosts": "exclude",
    "pool": "pool",
    "requires": "require",
    "until": "until",
    "duration_seconds": "duration",
    "wait_seconds": "wait",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-J", "--name", help="what it is for")
    parser.add_argument("--priority", type=typed(whole_number), metavar="1..5", help="1 is the highest, 3 the default")
    _add_time_arguments(parser)
    _add_resource_arguments(parser)
    _add_target_arguments(parser)


def _add_time_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("time")
    duration = typed(units.duration_seconds)
    end = group.add_mutually_exclusive_group(required=True)
    end.add_argument("--until", type=typed(until.parsed), metavar="TIME", help="18:00 (the next one), or ISO 8601")
    end.add_argument("--for", dest="duration", type=duration, metavar="TIME", help="from when it is granted: 2h, 90m")
    group.add_argument("--wait", type=duration, metavar="TIME", help="give up if there is no room by then (1 day)")


def _add_resource_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("resources")
    group.add_argument("-c", "--cpus", type=typed(units.core_count), metavar="N", help="CPU cores (one for each GPU)")
    group.add_argument("--mem", type=typed(units.size_mib), metavar="SIZE", help="memory: 32G, 500M (bare: GiB)")
    group.add_argument("--disk", type=typed(units.size_mib), metavar="SIZE", help="disk space")
    group.add_argument("-G", "--gpus", type=typed(whole_number), metavar="N", help="number of GPUs")
    group.add_argument(
        "--gpu", type=typed(_numbers), action="extend", metavar="N[,N]", help="these very GPUs of the one --host"
    )
    group.add_argument("--gpu-mem", type=typed(units.size_mib), metavar="SIZE", help="memory per GPU")
    group.add_argument("--gpu-share", action="store_true", help="part of a card: --gpu-mem of it, not all")
    group.add_argument("--gpu-type", type=typed(words), action="extend", metavar="WORD[,WORD]", help="such as a100")
    group.add_argument(
        "--resource", type=typed(resource), action="append", default=[], metavar="NAME=N", help="such as matlab=1"
    )
    group.add_argument("--whole-host", "--exclusive", action="store_true", help="all of a host that is empty")


def _add_target_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where")
    group.add_argument(
        "--host", type=typed(words), action="extend", metavar="NAME[,NAME]", help="only these hosts will do"
    )
    group.add_argument("--exclude", type=typed(words), action="extend", metavar="NAME[,NAME]", help="these will not do")
    group.add_argument("-p", "--pool", metavar="NAME", help="a host of this pool")
    group.add_argument("-C", "--require", metavar="EXPR", help="capabilities, such as 'a100 & !old'")


def run(arguments: argparse.Namespace) -> int:
    made = connect(arguments).reserve(body(arguments))
    if arguments.json:
        print_json(made)
    else:
        print(made["id"])
        note(f"{made['state']}: {made.get('sentence') or ''}")
    return 0


def body(arguments: argparse.Namespace) -> Json:
    """Only what the user said."""
    asked = {field: getattr(arguments, attribute) for field, attribute in _PLAIN.items()}
    found: dict[str, Any] = {field: value for field, value in asked.items() if value not in (None, False)}
    if arguments.resource:
        found["resources"] = dict(arguments.resource)
    if (arguments.gpu_mem or arguments.gpu_share or arguments.gpu_type) and not (arguments.gpus or arguments.gpu):
        found["gpu_count"] = 1
    return found


def _numbers(text: str) -> list[int]:
    return [whole_number(word) for word in words(text)]
