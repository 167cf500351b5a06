"""A Redis of the cluster's own, on loopback with a password. It keeps nothing, and nothing depends on it."""

import secrets
import shutil
from pathlib import Path

from scheduler_site.up.child import Child

MISSING = "Redis' server program is not installed. On Debian and Ubuntu: apt-get install redis-server"


class NoRedisServer(Exception):
    """One sentence that says what to install."""


class RedisServer(Child):
    def __init__(self, data_dir: Path, log_path: Path, port: int) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise NoRedisServer(MISSING)
        self.port, self.password, self.settings_file = port, secrets.token_hex(24), data_dir / "redis.conf"
        super().__init__("Redis", [program, str(self.settings_file)], log_path)

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """A password on the command line could be read by everyone."""
        lines = ["bind 127.0.0.1", f"port {self.port}", f"requirepass {self.password}", 'save ""', "appendonly no"]
        self.settings_file.unlink(missing_ok=True)
        self.settings_file.touch(mode=0o600)
        self.settings_file.write_text("\n".join(lines) + "\n")
