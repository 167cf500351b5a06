"""The body of a submit request from parsed flags and a script. Sends nothing.

Only what the user said is in it: the defaults of the server and of a template stay theirs.
"""

import argparse
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agent_client.cli import placement_flags
from agent_client.cli.script_source import Script

Json = dict[str, Any]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Field of the API -> attribute of the parsed flags.
_PLAIN = {
    "priority": "priority",
    "cpu_cores": "cpus",
    "memory_mib": "mem",
    "disk_mib": "disk",
    "gpu_count": "gpus",
    "gpu_memory": "gpu_mem",
    "gpu_share": "gpu_share",
    "time_limit_seconds": "time",
    "estimated_seconds": "estimate",
    "retries": "retries",
    "retry_on": "retry_on",
    "retry_exit_codes": "retry_exit_codes",
    "on_host_loss": "on_host_loss",
    "oom_memory_factor": "oom_memory_factor",
    "oom_exclusive": "oom_exclusive",
    "deadline_at": "deadline",
    "description": "description",
    "split_output": "split_output",
}


def build(
    arguments: argparse.Namespace,
    script: Script | None,
    depends_on: list[int | dict[str, int | str]],
    environ: Mapping[str, str],
) -> Json:
    """Without a script the server takes it from the template. Raises ValueError that names a bad --env or --meta."""
    asked = {field: getattr(arguments, attribute) for field, attribute in _PLAIN.items()}
    body: Json = {field: value for field, value in asked.items() if value not in (None, False)}
    body |= placement_flags.fields(arguments)
    body |= _subject(arguments.template, script)
    if arguments.name is not None:
        body["name"] = arguments.name
    wants_gpu = arguments.gpu_mem or arguments.gpu_share or arguments.gpu_type
    if wants_gpu and script and arguments.gpus is None:  # a template may ask for more than one
        body["gpu_count"] = 1
    optional: Json = {
        "depends_on": depends_on,
        "working_directory": directory(arguments.chdir, environ),
        "environment": environment(arguments.env, environ),
        "metadata": pairs(arguments.meta),
    }
    return body | {field: value for field, value in optional.items() if value}


def _subject(template: str | None, script: Script | None) -> Json:
    """What is run: an own script, under any word as its type, or a template with its resources."""
    if script is None:
        return {"name": template, "template": template}
    return {"name": script.name, "script_content": script.text} | ({"template_type": template} if template else {})


def environment(words: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """`K=V`, or `K` alone for the value it has here."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"--env: {name!r} is not the name of a variable")
        if not equals and name not in environ:
            raise ValueError(f"--env: {name} is not set here; write {name}=VALUE")
        found[name] = value if equals else environ[name]
    return found


def pairs(words: Iterable[str]) -> dict[str, str]:
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ValueError(f"--meta: {word!r} is not KEY=VALUE")
        found[key] = value
    return found


def directory(chdir: str | None, environ: Mapping[str, str]) -> str:
    """The absolute working directory: what was asked, else where the user stands; '' asks for none."""
    if chdir == "":
        return ""
    return os.path.normpath(_here(environ) / (chdir or ""))


def _here(environ: Mapping[str, str]) -> Path:
    """The current directory by the name the shell gives it: hosts often know a home by its link only."""
    real = Path.cwd()
    named = Path(environ.get("PWD", ""))
    return named if named.is_absolute() and named.exists() and named.samefile(real) else real
