"""Print what a task has written so far, or follow it to its end."""

import argparse

from agent_client.cli import log_following, task_ids
from agent_client.cli.connection import connect
from agent_client.cli.errors import CliError
from agent_client.cli.exit_status import FINAL_STATUSES
from agent_client.cli.log_reading import LogReader, is_missing
from agent_client.cli.log_sinks import JsonSink, RawSink, Sink, TextSink
from agent_client.cli.output import note
from agent_client.cli.parsing import typed, whole_number
from agent_client.user_api import UserApi
from agent_client.user_api_errors import Refused


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=typed(task_ids.parsed_one), metavar="ID", help="task id, or last")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the task has ended")
    parser.add_argument("-n", "--lines", type=typed(whole_number), metavar="LINES", help="only the last lines")
    parser.add_argument("--attempt", type=typed(whole_number), metavar="N", help="this attempt, not the latest")
    parser.add_argument(
        "--rank", type=typed(whole_number), metavar="N", help="of a task over several hosts (default: 0)"
    )
    parser.add_argument("--stream", choices=("out", "err"), help="of a task with --split-output (default: out)")
    parser.add_argument("--raw", action="store_true", help="the stored bytes as they are, control characters included")


def run(arguments: argparse.Namespace) -> int:
    if arguments.raw and arguments.json:
        raise CliError("--raw and --json exclude each other", 2)
    api = connect(arguments)
    reader = _reader(api, arguments)
    sink = _sink(reader, arguments)
    reader.skip = sink.skip
    try:
        _copy(api, reader, sink, arguments)
    finally:
        sink.finish()
    return 0


def _copy(api: UserApi, reader: LogReader, sink: Sink, arguments: argparse.Namespace) -> None:
    try:
        if reader.attempt_no and arguments.lines is not None:
            reader.seek_last_lines(arguments.lines)
        if reader.attempt_no and not arguments.follow:
            reader.copy_all(sink.take)
    except Refused as error:
        if not is_missing(error) or arguments.attempt is not None:
            raise
    # The result does not wait for the output: right after the end, its last part may be on its way.
    is_arriving = reader.task_status in FINAL_STATUSES and not reader.is_closed
    if arguments.follow or is_arriving:
        patience = log_following.DRAIN_SECONDS if arguments.follow else log_following.SHORT_DRAIN_SECONDS
        log_following.Follower(api, reader, sink.take, arguments.attempt is not None, patience).run()


def _reader(api: UserApi, arguments: argparse.Namespace) -> LogReader:
    """Stands at the attempt that is meant: a retry in the middle must not mix two outputs."""
    task_id = task_ids.resolved(api, arguments.id)
    task = api.task(task_id)
    attempt_no = int(task.get("attempt_no") or 0)
    if arguments.attempt is not None and not 1 <= arguments.attempt <= attempt_no:
        had = f"its latest attempt is {attempt_no}" if attempt_no else "it has not been started"
        raise CliError(f"--attempt: task {task_id} has no attempt {arguments.attempt}; {had}")
    if not attempt_no and not arguments.follow:
        note(f"task {task_id} has not been started: {task.get('waiting_sentence') or task['status']}")
    return LogReader(api, task_id, arguments.attempt or attempt_no or None, arguments.stream, arguments.rank)


def _sink(reader: LogReader, arguments: argparse.Namespace) -> Sink:
    if arguments.raw:
        return RawSink()
    if arguments.json:
        return JsonSink(reader.task_id)
    return TextSink()
