"""Errors of the command line and how each error is told: one line and an exit status. Prints nothing itself."""

import re

from agent_client.cli.server_url import is_loopback
from agent_client.cli.terminal import one_line
from agent_client.profiles import ProfileError
from agent_client.user_api_errors import ApiError, Refused, Unreachable

FAILED, USAGE, AWAY, TIMED_OUT, BROKEN_PIPE, INTERRUPTED = 1, 2, 3, 124, 141, 130

FLAGS = {
    "name": "--name",
    "script_content": "script",
    "script": "--script",
    "template_type": "--template",
    "template": "--template",
    "priority": "--priority",
    "cpu_cores": "--cpus",
    "memory_mib": "--mem",
    "gpu_count": "--gpus",
    "gpu_memory": "--gpu-mem",
    "gpu_share": "--gpu-share",
    "depends_on": "--after",
    "description": "--description",
    "estimated_seconds": "--estimate",
    "working_directory": "--chdir",
    "environment": "--env",
    "time_limit_seconds": "--time",
    "retries": "--retries",
    "retry_on": "--retry-on",
    "retry_exit_codes": "--retry-exit-codes",
    "on_host_loss": "--on-host-loss",
    "oom_memory_factor": "--oom-memory-factor",
    "oom_exclusive": "--oom-exclusive",
    "deadline_at": "--deadline",
    "metadata": "--meta",
    "split_output": "--split-output",
    "status": "--status",
    "reason": "--reason",
    "kill_now": "--now",
    "force": "--force",
    "attempt_no": "--attempt",
    "stream": "--stream",
    "rank": "--rank",
    "node_count": "--nodes",
    "prefers": "--prefer",
    "zone": "--zone",
    "reservation": "--reservation",
    "wait_for_host": "--wait-for-host",
    "created_after": "--created-after",
    "created_before": "--created-before",
    "gpu_types": "--gpu-type",
    "gpu_indices": "--gpu",
    "disk_mib": "--disk",
    "resources": "--resource",
    "whole_host": "--whole-host",
    "hosts": "--host",
    "exclude_hosts": "--exclude",
    "pool": "--pool",
    "requires": "--require",
    "until": "--until",
    "duration_seconds": "--for",
    "wait_seconds": "--wait",
}


class CliError(Exception):
    """Ends the verb with one line on stderr."""

    def __init__(self, message: str, exit_status: int = FAILED) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class UsageError(CliError):
    def __init__(self, message: str) -> None:
        super().__init__(message, USAGE)


def told(error: Exception) -> tuple[str, int]:
    """(the line for stderr, the exit status) of an error that ends a verb."""
    if isinstance(error, CliError):
        return one_line(str(error)), error.exit_status
    if isinstance(error, Unreachable):
        return one_line(f"{error} ({_how_to_start(error.url)})"), AWAY
    if isinstance(error, Refused):
        return one_line(_refusal(error)), FAILED
    if isinstance(error, ApiError | ProfileError | OSError):
        return one_line(str(error)), FAILED
    raise error


def _how_to_start(url: str) -> str:
    if is_loopback(url):
        return "start it in its folder with: make run"
    return "check the address, or start it there with: make run"


def _refusal(error: Refused) -> str:
    if error.status == 401 or (error.status == 403 and "credentials" in error.detail):
        return f"the server refused the token: {error.detail} (sign in again with: nightshift login URL)"
    if not error.fields:
        return error.detail
    parts = []
    for field, messages in error.fields.items():
        text = _in_flags(". ".join(message.rstrip(".") for message in messages))
        parts.append(text if field == "non_field_errors" else f"{FLAGS.get(field, field)}: {text}")
    return "; ".join(parts)


def _in_flags(text: str) -> str:
    """Sentences of the server name other fields as REST does; words such as name and host are left alone."""
    return re.sub(r"\b[a-z]+_[a-z_]+\b", lambda found: FLAGS.get(found[0], found[0]), text)
