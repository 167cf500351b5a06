"""A Redis of a test's own, on a free port of loopback, that keeps nothing. Needs Redis' server program."""

import shutil
import subprocess

from tests.running import free_port

REDIS_SERVER = shutil.which("redis-server")
NO_REDIS = "needs Redis' server program (Debian: apt-get install redis-server)"


class RedisServer:
    """`start` after `stop` is the same address again."""

    def __init__(self) -> None:
        self.port = free_port()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        assert REDIS_SERVER is not None
        command = [REDIS_SERVER, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        quiet = subprocess.DEVNULL
        self._child = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)

    def stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait(20)
            self._child = None
