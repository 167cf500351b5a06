"""This machine's main agent before it runs: its command and its way into the database that is here now."""

import json
import socket
import sys
from pathlib import Path

from django.conf import settings

from agents.enrolment import create_token
from agents.models import Agent
from scheduler_site.shared.identity import instance_id
from scheduler_site.up.site_lock import is_held

TOKEN_HOURS = 24.0


def state_dir() -> Path:
    return Path(settings.LOCAL_AGENT_DIR) / "state"


def token_file() -> Path:
    return Path(settings.LOCAL_AGENT_DIR) / "enrolment_token"


def agent_command() -> list[str]:
    command = [sys.executable, "-m", "agent_client", "agent", "--server", settings.ADDRESS.local_url]
    command += ["--token-file", str(token_file()), "--state-dir", str(state_dir()), "--name", socket.gethostname()]
    return [*command, "--log-format", settings.LOG_FORMAT]


def enrol() -> None:
    """A token for the first start; nothing when the agent is known to this database already."""
    token_file().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_held(state_dir() / "lock"):
        set_aside_foreign_identity(state_dir() / "agent.json")
    if (state_dir() / "agent.json").exists():
        return
    _, plain = create_token(f"local main agent of {socket.gethostname()}", hours=TOKEN_HOURS)
    token_file().unlink(missing_ok=True)
    token_file().touch(mode=0o600)
    token_file().write_text(plain)


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
