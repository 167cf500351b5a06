"""The token in the data folder with which the starter's command line works without a login."""

import socket
from pathlib import Path

from django.conf import settings

from scheduler_site.access.owner import owner
from scheduler_site.access.tokens import create_token, find_token


def renew() -> None:
    own_token(settings.DATA_DIR / "cli_token")


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
