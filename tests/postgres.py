"""A PostgreSQL cluster of a test's own, in a temporary folder, on a free port of loopback. Needs the server's programs
and, for root, an account `postgres` to run as. As a program: runs pytest with its arguments on such a cluster."""

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.running import free_port

_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
PG_CTL = shutil.which("pg_ctl") or (str(_PROGRAMS[-1]) if _PROGRAMS else None)
MISSING = "no PostgreSQL server programs here: pg_ctl, initdb (Debian: apt-get install postgresql)"
NO_POSTGRESQL = f"TESTS ON POSTGRESQL SKIPPED: {MISSING}"


class Cluster:
    def __init__(self) -> None:
        """Not in pytest's folders, which only the test's own account may enter."""
        self.data, self.port = Path(tempfile.mkdtemp(prefix="nightshift-pg-")), free_port()
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self.data, self.user)
        self._run("initdb", "-o", f"--auth=trust --username={self.user} --no-sync")
        self.start()

    @property
    def url(self) -> str:
        return f"postgres://{self.user}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        address = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.data}"
        # Tests crash the server, never the machine.
        self._run("start", "-w", "-o", f"{address} -c fsync=off", "-l", str(self.data / "server.log"))

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is like a crash: no chance to tidy up."""
        self._run("stop", "-m", mode)

    def remove(self) -> None:
        """Whether it runs or not."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop()
        shutil.rmtree(self.data, ignore_errors=True)

    def _run(self, *arguments: str) -> None:
        assert PG_CTL is not None
        command = [PG_CTL, "-D", str(self.data), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", self.user, "--", *command]
        quiet = subprocess.DEVNULL  # a pipe would stay open as long as the server runs
        subprocess.run(command, check=True, stdout=quiet, stderr=quiet, stdin=quiet, cwd="/", timeout=60)


def main(arguments: list[str]) -> int:
    if PG_CTL is None:
        return _without_one(in_ci=os.environ.get("CI") == "true")
    cluster = Cluster()
    try:
        environment = {**os.environ, "TEST_DATABASE_URL": cluster.url}
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], env=environment, check=False).returncode
    finally:
        cluster.remove()


def _without_one(*, in_ci: bool) -> int:
    """A contributor's machine need not have it; a gate that left these tests out would say more than it knows."""
    sys.stderr.write(f"TESTS ON POSTGRESQL FAILED, because CI=true: {MISSING}\n" if in_ci else f"{NO_POSTGRESQL}\n")
    return int(in_ci)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
