"""Makes ready what a script needs before it is forked: its file, its folders, its command. Starts nothing."""

import os
import secrets
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from agent_client import wire
from agent_client.process.cgroup.group import Group
from agent_client.process.interpreter import interpreter_of
from agent_client.process.spawn import Command
from agent_client.sub_agent import environment
from agent_client.sub_agent.limits import make_group, most_processes
from agent_client.sub_agent_dir import SubAgentDir


@dataclass(frozen=True)
class Prepared:
    command: Command
    cookie: str
    host: str


def prepare(directory: SubAgentDir, grant: wire.Grant, group: Group | None = None) -> Prepared:
    """Without `group`, control groups are made."""
    cookie = secrets.token_hex(16)
    home = _home()
    place = environment.Place(
        host=socket.gethostname(),
        working_directory=environment.working_directory(grant, home),
        result_path=directory.result_path,
        tmp_path=directory.tmp_path,
        cookie=cookie,
        own_prefix=sys.prefix,
        user_code_dir=_user_code_dir(grant),
        started_at_epoch=int(time.time()),
    )
    variables = environment.build(os.environ, grant, place)
    directory.tmp_path.mkdir(mode=0o700, exist_ok=True)
    script = grant["script_content"]
    _write_script(directory, script.encode("utf-8", "surrogatepass"))
    group = make_group(directory, grant, cookie) if group is None else group
    command = Command(
        argv=[*interpreter_of(script, variables.get("PATH")), str(directory.script_path)],
        environment=variables,
        working_directory=place.working_directory,
        out_path=directory.stream_path("out"),
        err_path=directory.stream_path("err") if grant["split_output"] else None,
        group=group,
        most_processes=most_processes(grant, group),
    )
    return Prepared(command, cookie, place.host)


def _write_script(directory: SubAgentDir, content: bytes) -> None:
    descriptor = os.open(directory.at("script"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o700)
    try:
        os.fchmod(descriptor, 0o700)  # whatever the umask is
        while content:
            content = content[os.write(descriptor, content) :]
    finally:
        os.close(descriptor)


def _home() -> str:
    """A container may run us under a user id that has no name and no home."""
    try:
        return str(Path.home())
    except RuntimeError:
        return "/"


def _user_code_dir(grant: wire.Grant) -> str | None:
    """The user's own helpers, where this host can see them. The agent's own setting wins over the server's."""
    folder = os.environ.get(environment.USER_CODE_DIR) or grant.get("user_code_dir")
    return str(Path(folder).absolute()) if folder and Path(folder).is_dir() else None
