"""Submit a script. Prints the id of the new task, alone."""

import argparse
import os
import sys
import uuid

from agent_client.cli import dependencies, outlook_lines, placement_flags, request_body, script_source, units
from agent_client.cli.connection import connect
from agent_client.cli.errors import UsageError
from agent_client.cli.output import note, print_json
from agent_client.cli.parsing import factor, typed, whole_number, whole_numbers
from agent_client.cli.task_ids import resolved
from agent_client.cli.waiting import wait_for
from agent_client.user_api import Json, UserApi


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="the script; - or nothing reads it from standard input")
    parser.add_argument("--wrap", metavar="COMMAND", help="run this command line instead of a file")
    parser.add_argument("--template", metavar="NAME", help="template; its script and resources, if no script is given")
    parser.add_argument("-J", "--name", help="name of the task (default: the file's name)")
    parser.add_argument("--description", metavar="TEXT")
    after = parser.add_mutually_exclusive_group()
    after.add_argument("--wait", action="store_true", help="wait for the end and exit like the task")
    after.add_argument("--test-only", action="store_true", help="queue nothing; say where and when it would start")
    _add_order_arguments(parser)
    _add_resource_arguments(parser)
    placement_flags.add_arguments(parser)
    _add_run_arguments(parser)


def _add_order_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("order")
    group.add_argument("--priority", type=typed(whole_number), metavar="1..5", help="1 is the highest, 3 the default")
    group.add_argument(
        "--after",
        "-d",
        "--dependency",
        type=typed(dependencies.parsed),
        action="append",
        default=[],
        metavar="ID[,ID]",
        help="start after these tasks completed; afterany:ID after any end, afternotok:ID after a failure",
    )
    group.add_argument("--deadline", type=typed(units.moment), metavar="TIME", help="when you need it (ISO 8601)")


def _add_resource_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("resources")
    group.add_argument("-c", "--cpus", type=typed(units.core_count), metavar="N", help="CPU cores, 0.5 is allowed")
    group.add_argument("--mem", type=typed(units.size_mib), metavar="SIZE", help="memory: 32G, 500M (bare: GiB)")
    group.add_argument("-G", "--gpus", type=typed(whole_number), metavar="N", help="number of GPUs")
    group.add_argument(
        "--gpu-mem",
        type=typed(units.size_mib),
        metavar="SIZE",
        help="memory per GPU: the least a card must have, or with --gpu-share the part to book (bare: GiB)",
    )
    group.add_argument("--gpu-share", action="store_true", help="share the card: take --gpu-mem of it, not all")
    group.add_argument("--disk", type=typed(units.size_mib), metavar="SIZE", help="disk space: 100G (bare: GiB)")
    placement_flags.add_resource_arguments(group)


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("run")
    duration = typed(units.duration_seconds)
    group.add_argument(
        "-t", "--time", type=duration, metavar="TIME", help="time limit: 2h, 90m, 1-12:00:00 (bare: min)"
    )
    group.add_argument("--estimate", type=duration, metavar="TIME", help="how long it will take, for the planning")
    group.add_argument(
        "--retries", type=typed(whole_number), metavar="N", help="run it again up to N times if it fails"
    )
    group.add_argument(
        "--retry-on",
        type=typed(placement_flags.words),
        action="extend",
        metavar="CLASS[,CLASS]",
        help="only after these failures: script, signal, timeout, oom, spawn, disk, host, host_lost",
    )
    group.add_argument(
        "--retry-exit-codes",
        type=typed(whole_numbers),
        action="extend",
        metavar="N[,N]",
        help="of scripts that fail by themselves only these",
    )
    group.add_argument(
        "--on-host-loss",
        choices=("keep", "failover"),
        help="failover: killed on a host that loses contact with the server, and run elsewhere (default: keep)",
    )
    group.add_argument(
        "--oom-memory-factor",
        type=typed(factor),
        metavar="X",
        help="a retry after running out of memory asks for X times as much: 1.5",
    )
    group.add_argument(
        "--oom-exclusive",
        action="store_true",
        help="a retry after running out of a shared GPU's memory gets a whole one",
    )
    group.add_argument("-D", "--chdir", metavar="DIR", help="working directory (default: the current one; '' for none)")
    group.add_argument(
        "--env", action="append", default=[], metavar="K=V", help="variable; K alone takes its value here"
    )
    group.add_argument("--meta", action="append", default=[], metavar="K=V", help="a fact of yours, kept with the task")
    group.add_argument("--split-output", action="store_true", help="keep stderr apart from stdout")


def run(arguments: argparse.Namespace) -> int:
    if arguments.wrap is not None and arguments.file is not None:
        raise UsageError("give either a file or --wrap, not both")
    api = connect(arguments)
    if arguments.test_only:
        return _test(api, arguments)
    task = api.submit(_body(api, arguments), uuid.uuid4().hex)
    if arguments.json:
        print_json(task)
    else:
        print(task["id"])
    sys.stdout.flush()
    return wait_for(api, [int(task["id"])]).exit_status if arguments.wait else 0


def _test(api: UserApi, arguments: argparse.Namespace) -> int:
    answer = api.test(_body(api, arguments))
    if arguments.json:
        print_json(answer)
    else:
        print("\n".join(outlook_lines.shown(answer)))
    return 0


def _body(api: UserApi, arguments: argparse.Namespace) -> Json:
    script = _script(arguments)
    ignored = script_source.ignored_directives(script.text) if script else 0
    if ignored:
        note(f"{ignored} #SBATCH lines have no effect; give their options as flags")
    wanted = [item for group in arguments.after for item in group]
    try:
        depends_on = dependencies.for_request([(resolved(api, item.task), item.kind) for item in wanted])
        return request_body.build(arguments, script, depends_on, os.environ)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _script(arguments: argparse.Namespace) -> script_source.Script | None:
    """None: the template's own."""
    if arguments.wrap is not None:
        return script_source.from_command(arguments.wrap)
    if arguments.template and arguments.file is None:
        return None
    return script_source.from_file(arguments.file)
