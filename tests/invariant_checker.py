"""Ask whether the invariants hold in a data folder. One process for all servers of a test run: starting one each time
would cost seconds.

Run as a program it reads a data folder a line and answers with its violations as JSON; `violations_in` asks it.
"""

import atexit
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_process: "subprocess.Popen[str] | None" = None


def violations_in(data_dir: Path) -> list[str]:
    """Sentences; none for a folder without a database."""
    global _process
    if not _database(data_dir).exists():
        return []
    if _process is None:
        _process = _started(data_dir)
    assert _process.stdin is not None
    assert _process.stdout is not None
    _process.stdin.write(f"{data_dir}\n")
    _process.stdin.flush()
    found: list[str] = json.loads(_process.stdout.readline())
    return found


def _started(data_dir: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.invariant_checker"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSHIFT_")}
    env["NIGHTSHIFT_DATA_DIR"] = str(data_dir)
    process = subprocess.Popen(command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(process.communicate)  # its input ends, and so does it
    return process


def _database(data_dir: Path) -> Path:
    return data_dir / "database" / "nightshift.sqlite3"


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "scheduler_site.settings"
    import django

    django.setup()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_look(Path(line.strip()))) + "\n")
        sys.stdout.flush()


def _look(data_dir: Path) -> Any:
    from django.conf import settings
    from django.db import connection

    from tasks.invariants.run import check

    connection.close()
    connection.settings_dict["NAME"] = str(_database(data_dir))
    settings.TASK_LOG_DIR = data_dir / "logs" / "tasks"
    try:
        return [str(violation) for violation in check()]
    except Exception as error:  # noqa: BLE001 - the test that asked is to say it, not this process to end
        return [f"the invariants could not be checked: {error!r}"]
    finally:
        connection.close()


if __name__ == "__main__":
    main()
