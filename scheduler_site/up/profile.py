"""Makes this server known to the command line of the user who starts it, so that `nightshift` works without a login."""

import logging
import socket
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from scheduler_site.access.owner import owner
from scheduler_site.access.tokens import create_token, find_token

log = logging.getLogger(__name__)

WITHIN_SECONDS = 30.0


def own_token(path: Path) -> str:
    """The token in the data folder while it is good, otherwise a new one."""
    if path.exists():
        plain = path.read_text().strip()
        if find_token(plain) is not None:
            return plain
        path.unlink()
    _, plain = create_token(owner(), f"command line on {socket.gethostname()}")
    path.touch(mode=0o600)
    path.write_text(plain)
    return plain


def add_profile() -> None:
    """Through the command line's own verb: the form of its file is its business. A failure does not stop the start."""
    command = [
        sys.executable,
        "-m",
        "agent_client",
        "profile-add",
        settings.ADDRESS.local_url,
        "--make-current",
        "auto",
    ]
    token = own_token(settings.DATA_DIR / "cli_token")
    try:
        done = subprocess.run(
            command, input=token, capture_output=True, text=True, timeout=WITHIN_SECONDS, cwd=settings.BASE_DIR
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("profile_not_added reason=%r", str(error))
        return
    if done.returncode != 0:
        log.warning("profile_not_added reason=%r", done.stderr.strip())
