"""Makes this server known to the command line of the user who starts it, so that `nightshift` works without a login."""

import logging
import subprocess
import sys
from pathlib import Path

log = logging.getLogger(__name__)

WITHIN_SECONDS = 30.0


def add_profile(url: str, token_file: Path) -> None:
    """Through the command line's own verb: the form of its file is its business. A failure does not stop the start."""
    command = [sys.executable, "-m", "agent_client", "profile-add", url, "--make-current", "auto"]
    try:
        with token_file.open("rb") as token:
            done = subprocess.run(command, stdin=token, capture_output=True, text=True, timeout=WITHIN_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("profile_not_added reason=%r", str(error))
        return
    if done.returncode != 0:
        log.warning("profile_not_added reason=%r", done.stderr.strip())
