"""Backups of the site while it is broken: each that was made must be whole, hold every result that users knew before,
and keep the invariants when it is restored. One that could not be made is no violation if it says so.
"""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.report import Report
from tests.chaos.site import ChaosSite
from tests.chaos.workload import RESULT, Workload
from tests.invariant_checker import violations_in
from tests.running import ROOT, environment

MOST = 6
SHORTEST_PAUSE = 45.0
SECONDS = 120.0
REFUSAL = "No backup was made"  # the database was locked, or the disk full


@dataclass(frozen=True)
class Backup:
    folder: Path
    began_at: float  # monotonic


class Backups:
    def __init__(self, site: ChaosSite, report: Report, folder: Path, seconds: float) -> None:
        self._site = site
        self._report = report
        self._folder = folder
        self._pause = max(SHORTEST_PAUSE, seconds / MOST)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backups", daemon=True)
        self.made: list[Backup] = []
        self.refused = 0

    def start(self) -> None:
        self._folder.mkdir()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def check(self, workload: Workload) -> None:
        for backup in self.made:
            for sentence in self._wrong_with(backup, workload):
                self._report.violation(f"{backup.folder.name}: {sentence}")

    def __str__(self) -> str:
        return f"backups meanwhile: {len(self.made)} made, {self.refused} refused"

    def _run(self) -> None:
        while not self._stopping.wait(self._pause):
            backup = Backup(self._folder / f"backup-{len(self.made) + self.refused}", time.monotonic())
            done = self._manage(self._site.nightshift.data_dir, "backup", str(backup.folder))
            self._report.note("backup", name=backup.folder.name, said=(done.stdout + done.stderr)[-300:])
            if done.returncode == 0:
                self.made.append(backup)
            elif REFUSAL in done.stderr:
                self.refused += 1
            else:
                self.refused += 1
                self._report.violation(f"{backup.folder.name} was not made: {done.stderr[-300:]}")

    def _wrong_with(self, backup: Backup, workload: Workload) -> Iterator[str]:
        data_dir = backup.folder.with_name(f"{backup.folder.name}-restored")
        data_dir.mkdir(mode=0o700)
        done = self._manage(data_dir, "restore", str(backup.folder))
        if done.returncode != 0:
            yield f"it cannot be restored: {done.stderr[-300:]}"
            return
        yield from (f"restored, invariant {sentence}" for sentence in violations_in(data_dir))
        held = _results(data_dir / "database" / "nightshift.sqlite3")
        for wanted in workload.tasks:
            if wanted.result and wanted.result_at < backup.began_at and held.get(wanted.task_id) != wanted.result:
                yield f"task {wanted.task_id} had ended before as {wanted.result}, it has {held.get(wanted.task_id)}"

    def _manage(self, data_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "manage.py", *arguments]
        env = environment(data_dir, self._site.nightshift.port)
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=SECONDS)


def _results(database: Path) -> dict[int | None, dict[str, Any]]:
    """Of all tasks, by their ids."""
    connection = sqlite3.connect(database)
    try:
        rows = connection.execute(f"SELECT id, {', '.join(RESULT)} FROM tasks_task").fetchall()
    finally:
        connection.close()
    return {row[0]: dict(zip(RESULT, row[1:], strict=True)) for row in rows}
