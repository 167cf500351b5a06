"""Show one task: what it asked for, where it ran, how it ended."""

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from agent_client.cli import task_ids, units
from agent_client.cli.connection import connect
from agent_client.cli.listing import duration
from agent_client.cli.output import coloured, print_json
from agent_client.cli.parsing import typed
from agent_client.cli.terminal import TerminalText, one_line
from agent_client.user_api import Json

Fact = tuple[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=typed(task_ids.parsed_one), metavar="ID", help="task id, or last")
    parser.add_argument("--script", action="store_true", help="print the script and nothing else")


def run(arguments: argparse.Namespace) -> int:
    api = connect(arguments)
    task = api.task(task_ids.resolved(api, arguments.id))
    if arguments.json:
        print_json(task)
    elif arguments.script:
        _print_script(task["script_content"])
    else:
        _print_facts(task)
    return 0


def _print_script(script: str) -> None:
    """On a terminal without control characters; in a pipe or file exactly as it was submitted."""
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(script.encode())
        return
    text = TerminalText(with_colours=False)
    sys.stdout.write(text.feed(script.encode()) + text.finish())


def _print_facts(task: Json) -> None:
    facts = [(label, one_line(value)) for label, value in _facts(task) if value]
    width = max(len(label) for label, _ in facts)
    for label, value in facts:
        shown = coloured(task["status"], value) if label == "status" else value
        print(f"{label:<{width}}  {shown}")


def _facts(task: Json) -> Iterator[Fact]:
    yield "task", f"#{task['id']} {task['name']}"
    yield "status", task["status"]
    yield "waits for", task.get("waiting_sentence") or ""
    yield "end", task.get("end_sentence") or ""
    yield "badges", ", ".join(str(badge) for badge in task.get("badges") or [])
    yield from _wishes(task)
    yield from _whereabouts(task)
    yield from _times(task)
    yield from _additions(task)


def _wishes(task: Json) -> Iterator[Fact]:
    yield "priority", f"{task['priority']} (1 is the highest)"
    yield "template", task.get("template_type") or ""
    yield "depends on", ", ".join(_dependency(item) for item in task.get("depends_on") or [])
    yield "resources", resources(task)
    limit = task.get("time_limit_seconds")
    yield from _targets(task)
    yield "retries", _retries(task)
    yield "asks for now", _grown(task.get("grown") or {})
    yield "avoids at first", ", ".join(task.get("avoid_hosts") or [])
    yield "time limit", units.shown_seconds(limit) if limit else ""
    yield "deadline", units.shown_moment(task.get("deadline_at"))


def _grown(grown: Json) -> str:
    """Since memory ran out; `resources` is what was asked for at first."""
    sizes = (("memory_mib", "of memory"), ("gpu_memory", "of GPU memory"))
    words = [f"{units.shown_mib(grown[name])} {what}" for name, what in sizes if name in grown]
    return ", ".join([*words, *(["a whole GPU"] if grown.get("gpu_share") is False else [])])


def _retries(task: Json) -> str:
    """Only the number, unless more was asked for."""
    if not task.get("retries"):
        return ""
    classes = ", ".join(task.get("retry_on") or [])
    codes = ", ".join(str(code) for code in task.get("retry_exit_codes") or [])
    only = f"; exit codes {codes} only" if codes else ""
    return f"{task['retries']}{f' on {classes}' if classes else ''}{only}"


def _targets(task: Json) -> Iterator[Fact]:
    """Where it may run."""
    count = task.get("node_count") or 1
    yield "over", f"{count} hosts at once" if count > 1 else ""
    yield "whole host", "nothing else runs there meanwhile" if task.get("whole_host") else ""
    yield "hosts", ", ".join(task.get("hosts") or [])
    yield "not on", ", ".join(task.get("exclude_hosts") or [])
    yield "pool", task.get("pool") or ""
    yield "requires", task.get("requires") or ""
    yield "prefers", ", ".join(task.get("prefers") or [])
    yield "zone", task.get("zone") or ""
    yield "reservation", str(task.get("reservation") or "")


def resources(wishes: Json) -> str:
    """What a task or template asks for, in a few words."""
    cores = wishes.get("cpu_cores") or 0
    parts = [f"{cores} CPU core{'s' * (cores != 1)}"]
    if wishes.get("memory_mib"):
        parts.append(units.shown_mib(wishes["memory_mib"]))
    if wishes.get("disk_mib"):
        parts.append(f"{units.shown_mib(wishes['disk_mib'])} of disk")
    if wishes.get("gpu_count"):
        part = " shared" if wishes.get("gpu_share") else ""
        memory = f" with {units.shown_mib(wishes['gpu_memory'])}" if wishes.get("gpu_memory") else ""
        types = f" {' or '.join(wishes['gpu_types'])}" if wishes.get("gpu_types") else ""
        parts.append(f"{wishes['gpu_count']}{part}{types} GPU{'s' * (wishes['gpu_count'] > 1)}{memory}")
    parts += [f"{amount} {name}" for name, amount in (wishes.get("resources") or {}).items()]
    return ", ".join(parts)


def _dependency(item: Json) -> str:
    return f"#{item['id']} ({item.get('kind', '')}, {item.get('status', '')})"


def _whereabouts(task: Json) -> Iterator[Fact]:
    yield "host", task.get("agent_name") or ""
    yield "GPUs", ", ".join(str(index) for index in task.get("gpu_indexes") or [])
    attempt_no = task.get("attempt_no") or 0
    retries = task.get("retries") or 0
    used = f", {task.get('retries_used') or 0} of {retries} retries used" if retries else ""
    yield "attempt", f"{attempt_no}{used}" if attempt_no else ""
    yield "directory", task.get("working_directory") or ""


def _times(task: Json) -> Iterator[Fact]:
    by = task.get("submitted_by")
    yield "created", units.shown_moment(task.get("created_time"), True) + (f" by {by}" if by else "")
    yield "started", units.shown_moment(task.get("start_time"), True)
    yield "ended", units.shown_moment(task.get("end_time"), True)
    yield "duration", duration(task, datetime.now(UTC))


def _additions(task: Json) -> Iterator[Fact]:
    code = task.get("exit_code")
    yield "exit code", "" if code is None else str(code)
    yield "signal", str(task.get("exit_signal") or "")
    result = task.get("result")
    yield "result", "" if result is None else json.dumps(result)
    yield "description", task.get("description") or ""
    yield "metadata", ", ".join(f"{key}={value}" for key, value in (task.get("metadata") or {}).items())
    size = task.get("log_size")
    yield "output", f"{size} bytes (nightshift logs {task['id']})" if size else ""
