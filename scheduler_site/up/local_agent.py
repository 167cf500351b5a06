"""This machine's main agent: its command and its way in, and a left-over one, which is watched instead of fought."""

import json
import os
import signal
import socket
import sys
from pathlib import Path

from django.conf import settings

from agents.enrolment import create_token
from agents.models import Agent
from scheduler_site.shared.identity import instance_id
from scheduler_site.up.child import Child
from scheduler_site.up.site_lock import is_held

TOKEN_HOURS = 24.0
EXIT_IN_USE = 3
EXIT_NOT_ENROLLED = 4
EXIT_ENDED = 5


def state_dir() -> Path:
    return Path(settings.LOCAL_AGENT_DIR) / "state"


class LocalAgent(Child):
    """A Child that does not start while another main agent holds the state directory."""

    def __init__(self) -> None:
        token_file = settings.LOCAL_AGENT_DIR / "enrolment_token"
        command = [sys.executable, "-m", "agent_client", "agent", "--server", settings.ADDRESS.local_url]
        command += ["--token-file", str(token_file), "--state-dir", str(state_dir()), "--name", socket.gethostname()]
        command += ["--log-format", settings.LOG_FORMAT]
        super().__init__("main agent", command, settings.SYSTEM_LOG_DIR / "agent.log")
        self.token_file = token_file

    def enrol(self) -> None:
        """A token for the first start; nothing when the agent is known to this database already."""
        self.token_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_held(state_dir() / "lock"):
            set_aside_foreign_identity(state_dir() / "agent.json")
        if (state_dir() / "agent.json").exists():
            return
        _, plain = create_token(f"local main agent of {socket.gethostname()}", hours=TOKEN_HOURS)
        self.token_file.unlink(missing_ok=True)
        self.token_file.touch(mode=0o600)
        self.token_file.write_text(plain)

    def tend(self) -> None:
        if self.process is None and (self.is_over or self.left_over()):
            return
        super().tend()

    @property
    def is_over(self) -> bool:
        """An operator told it to end; the next `make run` starts it again."""
        return self.exit_code == EXIT_ENDED

    def left_over(self) -> bool:
        return is_held(state_dir() / "lock")

    def ask_to_stop(self) -> None:
        """Also the left-over one: it wrote its process id into the lock that it holds."""
        if self.process is None and self.left_over():
            _signal(_written_pid(state_dir() / "lock"))
        super().ask_to_stop()


def set_aside_foreign_identity(path: Path) -> None:
    """The database was replaced: the old secret opens nothing any more. Kept beside, under the old server's id."""
    try:
        known = json.loads(path.read_text())
        is_ours = known["instance_id"] == instance_id() and Agent.objects.filter(pk=known["agent_id"]).exists()
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError):
        known, is_ours = {}, False
    if not is_ours:
        path.replace(path.with_name(f"agent.json.{known.get('instance_id', 'damaged')}"))


def _written_pid(lock: Path) -> int | None:
    text = lock.read_text(errors="replace").strip()
    return int(text) if text.isdecimal() else None


def _signal(pid: int | None) -> None:
    if pid is not None:
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
