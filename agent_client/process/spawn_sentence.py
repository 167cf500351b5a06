"""Says in one sentence why a script could not be started, and whether the host is to blame. Pure."""

import errno
import os

from agent_client.process.spawn import Command, SpawnFailure

_OF_THE_HOST = {
    errno.EAGAIN,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENOSPC,
    errno.EROFS,
    errno.ESTALE,
}


def is_host_fault(failure: SpawnFailure) -> bool:
    """Whether any script would have failed here: the host lacks what it takes to start one."""
    return failure.step == "output" or failure.errno in _OF_THE_HOST


def explain(failure: SpawnFailure, command: Command, host: str) -> str:
    if failure.step == "directory":
        return _directory(failure.errno, command.working_directory, host)
    if failure.step == "exec":
        return _exec(failure.errno, command.argv[0], host)
    return f"the output files of the script could not be opened on host {host}: {os.strerror(failure.errno)}"


def _directory(number: int, path: str, host: str) -> str:
    reasons = {
        errno.ENOENT: f"working directory {path} does not exist on host {host}",
        errno.ENOTDIR: f"working directory {path} is not a directory on host {host}",
        errno.EACCES: f"working directory {path} may not be entered by the agent's user on host {host}",
    }
    return reasons.get(number, f"working directory {path} cannot be used on host {host}: {os.strerror(number)}")


def _exec(number: int, program: str, host: str) -> str:
    reasons = {
        errno.ENOENT: f"interpreter {program} of the script's first line was not found on host {host}",
        errno.EACCES: f"interpreter {program} of the script's first line may not be executed on host {host}",
        errno.ENOEXEC: f"interpreter {program} of the script's first line is not a program on host {host}",
        errno.E2BIG: f"the environment of the task is larger than host {host} allows (argument list too long)",
        errno.EINVAL: "the environment of the task holds a NUL byte or a name with = in it",
    }
    return reasons.get(number, f"interpreter {program} could not be started on host {host}: {os.strerror(number)}")
