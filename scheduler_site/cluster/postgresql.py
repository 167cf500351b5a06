"""A PostgreSQL of the cluster's own, on loopback with a password. Its programs will not run as root: then the account
`postgres` runs them, in a folder that it may enter."""

import hashlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduler_site.up.child import Child

MISSING = "PostgreSQL's server programs are not installed. On Debian and Ubuntu: apt-get install postgresql"
NO_ACCOUNT = "PostgreSQL does not run as root, and there is no account `postgres`. Run this as another user."
ROLE = "nightshift"
DEBIAN = Path("/usr/lib/postgresql")


class NoPostgreSQL(Exception):
    """One sentence that says what to install or change."""


def program(name: str) -> str:
    """Debian keeps them out of the PATH, in a folder for each version."""
    found = shutil.which(name) or _of_debian(name)
    if found is None:
        raise NoPostgreSQL(MISSING)
    return found


def _of_debian(name: str) -> str | None:
    found = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(found[-1]) if found else None


class PostgreSQL(Child):
    """Running scripts do not need it: it is ended with the servers."""

    stop_signal = signal.SIGINT  # does not wait for connections

    def __init__(self, data_dir: Path, log_path: Path, port: int) -> None:
        self.folder, self.password_file, self.port = _folder(data_dir), data_dir / "postgresql_password", port
        address = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        command = [program("postgres"), "-D", str(self.folder), *address]
        super().__init__("PostgreSQL", command, log_path, **_account())

    @property
    def url(self) -> str:
        return f"postgres://{ROLE}:{self.password_file.read_text()}@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> None:
        """The first time: its data folder. Raises NoPostgreSQL with what initdb said."""
        if (self.folder / "PG_VERSION").exists():
            return
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(secrets.token_hex(24))
        self.folder.mkdir(mode=0o700)
        _hand_over(self.folder)
        self._initialise()

    def _initialise(self) -> None:
        options = ["--auth=scram-sha-256", f"--username={ROLE}", "--encoding=UTF8", "--locale=C.UTF-8"]
        command = [program("initdb"), "-D", str(self.folder), *options]
        with tempfile.NamedTemporaryFile() as password:
            password.write(self.password_file.read_bytes())
            password.flush()
            _hand_over(Path(password.name))
            command.append(f"--pwfile={password.name}")
            done = subprocess.run(command, capture_output=True, check=False, cwd="/", **_account())
        if done.returncode != 0:
            shutil.rmtree(self.folder)
            raise NoPostgreSQL(f"initdb failed: {done.stderr.decode(errors='replace').strip()}")


def _hand_over(path: Path) -> None:
    if account := _account():
        os.chown(path, account["user"], account["group"])


def _account() -> Mapping[str, Any]:
    if os.geteuid() != 0:
        return {}
    try:
        found = pwd.getpwnam("postgres")
    except KeyError:
        raise NoPostgreSQL(NO_ACCOUNT) from None
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def _folder(data_dir: Path) -> Path:
    """Root's data folder is closed to the account that runs it."""
    if os.geteuid() != 0:
        return data_dir / "postgresql"
    return Path("/var/lib") / f"nightshift-cluster-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]}"
